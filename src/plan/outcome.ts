import type { InstanceStatus } from '../api/objects.ts';
import type { Action, Outcome } from './action.ts';
import { retries } from './draft.ts';
import { instant, timeText } from './instant.ts';
import type { Instant } from './world.ts';

/**
 * Notes in an Instance's status how an action on it ended. Answers the same object where there is nothing to note: a
 * success that follows no failure, but for the steps of a stop, which the planner must not repeat.
 */
export function applyOutcome(
  status: InstanceStatus,
  action: Action,
  outcome: Outcome,
  now: Instant,
): InstanceStatus {
  const last = status.lastOutcome;
  const run = 'run' in action ? action.run : (status.run?.number ?? 0);
  if (outcome.result === 'Succeeded') {
    const counts = stops(action.type);
    if (!counts && (last === undefined || last.result === 'Succeeded')) return status;
  }
  const { result } = outcome;
  const reason = outcome.result === 'Succeeded' ? undefined : outcome.reason;
  const again = last?.action === action.type && last.result === result && last.reason === reason;
  const started = result === 'Succeeded' && action.type === 'Start' && retries(status);
  return {
    ...status,
    ...(started ? { phase: 'Starting', reason: action.cause, message: action.message } : {}),
    lastOutcome: {
      action: action.type,
      run,
      // Never before the intent that it answers, though the clock may have gone back since.
      at: timeText(Math.max(now, begun(status, action) ?? now)),
      result,
      ...(result === 'Succeeded' ? {} : { reason: outcome.reason, message: outcome.message }),
      ...(result !== 'Succeeded' && outcome.fingerprint !== undefined
        ? { fingerprint: outcome.fingerprint }
        : {}),
      ...(result !== 'Succeeded' && outcome.retryAt !== undefined
        ? { retryAt: timeText(outcome.retryAt) }
        : {}),
      count: again ? (last.count ?? 1) + 1 : 1,
    },
  };
}

const stops = (type: Action['type']): boolean => type === 'Shutdown' || type === 'Signal' || type === 'Kill';

function begun({ run, stop }: InstanceStatus, action: Action): Instant | undefined {
  if (action.type === 'Start') return instant(run?.claimedAt);
  if (stops(action.type)) return instant(stop?.requestedAt);
  return undefined;
}
