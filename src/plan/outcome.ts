import type { InstanceStatus } from '../api/objects.ts';
import type { Action, Outcome } from './action.ts';
import { instant, timeText } from './instant.ts';
import type { Instant } from './world.ts';

/**
 * Notes in an Instance's status how an action on it ended. Answers the same object where there is nothing to note: a
 * success that follows no failure, but for Signal and Kill, which the planner must not repeat.
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
    const counts = action.type === 'Signal' || action.type === 'Kill';
    if (!counts && (last === undefined || last.result === 'Succeeded')) return status;
  }
  const { result } = outcome;
  const reason = outcome.result === 'Succeeded' ? undefined : outcome.reason;
  const again = last?.action === action.type && last.result === result && last.reason === reason;
  return {
    ...status,
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
      count: again ? (last.count ?? 1) + 1 : 1,
    },
  };
}

function begun({ run, stop }: InstanceStatus, action: Action): Instant | undefined {
  if (action.type === 'Start') return instant(run?.claimedAt);
  if (action.type === 'Signal' || action.type === 'Kill') return instant(stop?.requestedAt);
  return undefined;
}
