import type { InstanceStatus } from '../api/objects.ts';
import type { Action, Outcome } from './action.ts';
import { emitEvent, ended, home, type InstanceDraft, nowText, past, phase, retries } from './draft.ts';
import { afterEnd, endWait, exitText, type LastExit, signalOf } from './restart.ts';
import { failsByStop } from './stop.ts';
import { type Instant, instant, timeText } from './times.ts';

/** Records the end of the newest run, whatever its cause. Each end is recorded once, by the number of its run. */
export function applyExit(draft: InstanceDraft) {
  const { next, container } = draft;
  if (next.run === undefined || ended(draft)) return;
  const run = next.run.number;
  const stopped = next.stop?.run === run;
  if (draft.state === 'Running' && container === undefined) {
    const message = `Its ${home(draft)} was removed by something other than agentctl.`;
    end(draft, { run, finishedAt: nowText(draft), cause: stopped ? 'Stop' : 'Lost', message });
  } else if (draft.state === 'Running' && container?.state === 'Exited') {
    const { exit } = container;
    const signal = exit?.signal ?? signalOf(exit?.code);
    end(draft, {
      run,
      ...(exit === undefined ? {} : { code: exit.code }),
      ...(signal === undefined ? {} : { signal }),
      ...(exit?.oomKilled === true ? { oomKilled: true } : {}),
      ...(container.startedAt === undefined ? {} : { startedAt: timeText(container.startedAt) }),
      finishedAt: timeText(past(draft, exit?.finishedAt ?? draft.now)),
      cause: stopped ? 'Stop' : (exit?.cause ?? 'Agent'),
      ...(exit?.message === undefined ? {} : { message: exit.message }),
    });
  } else if (draft.state === 'Claimed') takeOutcome(draft);
}

/** A failed start counts as an end of its run. */
function takeOutcome(draft: InstanceDraft) {
  const { lastOutcome: outcome, run } = draft.next;
  if (run === undefined || outcome?.action !== 'Start' || outcome.run !== run.number) return;
  if (outcome.result !== 'Retryable' && outcome.result !== 'Terminal') return;
  const message = outcome.message ?? 'The start failed.';
  const finishedAt = timeText(past(draft, instant(outcome.at) ?? draft.now));
  if (outcome.result === 'Retryable')
    return end(draft, { run: run.number, finishedAt, cause: 'StartFailed', message });
  draft.next.lastExit = { run: run.number, finishedAt, cause: 'StartFailed', message };
  draft.state = 'Ended';
  delete draft.next.readySince;
  endWait(draft);
  phase(draft, 'Failed', outcome.reason ?? 'StartFailed', message);
  emitEvent(draft, 'Warning', 'Failed', `Run ${run.number} cannot be started: ${message}`);
}

function end(draft: InstanceDraft, exit: LastExit) {
  const { next, context } = draft;
  const ready = instant(next.readySince);
  const finished = instant(exit.finishedAt) ?? draft.now;
  if (ready !== undefined && finished - ready >= context.settings.backoff.resetAfter) next.failures = 0;
  delete next.readySince;
  next.lastExit = exit;
  draft.state = 'Ended';
  const expected = exit.cause === 'Stop' && !failsByStop(next.stop?.cause);
  const bad = !expected && exit.code !== 0 && exit.cause !== 'Runtime';
  emitEvent(
    draft,
    bad ? 'Warning' : 'Normal',
    exit.cause === 'Stop' ? 'Stopped' : eventOf(exit),
    exitText(exit),
  );
  afterEnd(draft, exit);
}

const eventOf = ({ cause }: LastExit): string => (cause === 'StartFailed' ? 'StartFailed' : 'Exited');

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
