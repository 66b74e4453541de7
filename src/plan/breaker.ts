import type { RuntimeSpec, RuntimeStatus } from '../api/objects.ts';
import type { ActionType, Outcome } from './action.ts';
import { instant, span, timeText } from './instant.ts';
import type { Instant } from './world.ts';

export type Breaker = NonNullable<RuntimeStatus['breaker']>;

/**
 * - Failed, Succeeded: a start on the Runtime.
 * - FailedAgain: another failed start of the Agent whose start failed last, while the Runtime has other Agents too. Its
 *   manifest may be at fault, and it must not stop the others.
 * - Resumed: a new value of the annotation agentctl.dev/resume.
 * - Time: only time has passed.
 */
export type BreakerEvent = 'Failed' | 'FailedAgain' | 'Succeeded' | 'Resumed' | 'Time';

export const closed: Breaker = { state: 'Closed', failures: 0 };

/** Returns what an action's outcome means for its Runtime. Only starts count, and only those that lacked nothing. */
export function breakerEvent(action: ActionType, { result }: Outcome): BreakerEvent | undefined {
  if (action !== 'Start') return undefined;
  if (result === 'Succeeded') return 'Succeeded';
  return result === 'Retryable' ? 'Failed' : undefined;
}

/**
 * Returns the circuit breaker after an event. Open allows no start. After the cooldown, HalfOpen allows one start at a
 * time.
 */
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

/** When an open breaker becomes half-open. */
export function halfOpensAt(breaker: Breaker, spec: RuntimeSpec, now: Instant): Instant | undefined {
  if (breaker.state !== 'Open') return undefined;
  const opened = Math.min(now, instant(breaker.openedAt) ?? now); // the clock may have been set back
  return opened + span(spec.circuitBreaker.cooldown, 120_000);
}
