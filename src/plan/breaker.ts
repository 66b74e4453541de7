import type { RuntimeSpec, RuntimeStatus } from '../api/objects.ts';
import type { ActionType, Outcome } from './action.ts';
import { instant, span, timeText } from './instant.ts';
import type { Instant } from './world.ts';

export type Breaker = NonNullable<RuntimeStatus['breaker']>;

/**
 * Failed and Succeeded: a start on the Runtime. FailedAgain: one of the Agent whose start failed last, beside other Agents:
 * its manifest may be at fault, and it must not stop the others. Resumed: a new agentctl.dev/resume annotation. Time: nothing but that.
 */
export type BreakerEvent = 'Failed' | 'FailedAgain' | 'Succeeded' | 'Resumed' | 'Time';

export const closed: Breaker = { state: 'Closed', failures: 0 };

/** What an action's outcome says of its Runtime: only starts count, and not those that lacked something. */
export function breakerEvent(action: ActionType, { result }: Outcome): BreakerEvent | undefined {
  if (action !== 'Start') return undefined;
  if (result === 'Succeeded') return 'Succeeded';
  return result === 'Retryable' ? 'Failed' : undefined;
}

/** The circuit breaker after an event. Open lets no start through; after the cooldown HalfOpen lets one at a time try. */
export function nextBreaker(
  breaker: Breaker | undefined,
  event: BreakerEvent,
  spec: RuntimeSpec,
  now: Instant,
): Breaker {
  const { failureThreshold } = spec.circuitBreaker;
  const current = breaker ?? closed;
  if (failureThreshold === 0) return closed;
  switch (event) {
    case 'Resumed':
      return closed;
    case 'Succeeded':
      return current.state === 'Open' || (current.state === 'Closed' && !current.failures) ? current : closed;
    case 'FailedAgain':
    case 'Failed': {
      if (event === 'FailedAgain' && current.state !== 'HalfOpen') return current;
      const failures = (current.failures ?? 0) + 1;
      const opens =
        current.state === 'HalfOpen' || (current.state === 'Closed' && failures >= failureThreshold);
      return opens ? { state: 'Open', failures, openedAt: timeText(now) } : { ...current, failures };
    }
    case 'Time': {
      const at = halfOpensAt(current, spec, now);
      return at !== undefined && at <= now ? { ...current, state: 'HalfOpen' } : current;
    }
  }
}

/** When an open breaker lets one start try. */
export function halfOpensAt(breaker: Breaker, spec: RuntimeSpec, now: Instant): Instant | undefined {
  if (breaker.state !== 'Open') return undefined;
  const opened = Math.min(now, instant(breaker.openedAt) ?? now); // the clock may have gone back
  return opened + span(spec.circuitBreaker.cooldown, 120_000);
}
