import type { InstanceStatus } from '../api/objects.ts';
import type { Action, Outcome } from './action.ts';
import { retries } from './draft.ts';
import { instant, timeText } from './instant.ts';
import type { Instant } from './world.ts';

/**
 * Records in an Instance's status how an action on it ended. Returns the same object if there is nothing to record: a
 * success without an earlier failure. The steps of a stop are always recorded, because the planner must not repeat
 * them.
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
      // Never earlier than the intent, even if the clock was set back since.
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
