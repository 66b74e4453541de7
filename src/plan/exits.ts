import { endWait } from './backoff.ts';
import { exitText, type LastExit, signalOf } from './exit-text.ts';
import { instant, timeText } from './instant.ts';
import { afterEnd } from './restart.ts';
import { failsByStop } from './stop.ts';
import { ended, home, nowText, past, phase, type Turn, tell } from './turn.ts';

/** Takes in the end of the newest run, however it came about. Each end is taken in once: it is keyed by its run. */
export function takeEnd(turn: Turn) {
  const { next, container } = turn;
  if (next.run === undefined || ended(turn)) return;
  const run = next.run.number;
  const stopped = next.stop?.run === run;
  if (turn.state === 'Running' && container === undefined) {
    const message = `Its ${home(turn)} was removed by something other than agentctl.`;
    end(turn, { run, finishedAt: nowText(turn), cause: stopped ? 'Stop' : 'Lost', message });
  } else if (turn.state === 'Running' && container?.state === 'Exited') {
    const { exit } = container;
    const signal = exit?.signal ?? signalOf(exit?.code);
    end(turn, {
      run,
      ...(exit === undefined ? {} : { code: exit.code }),
      ...(signal === undefined ? {} : { signal }),
      ...(exit?.oomKilled === true ? { oomKilled: true } : {}),
      ...(container.startedAt === undefined ? {} : { startedAt: timeText(container.startedAt) }),
      finishedAt: timeText(past(turn, exit?.finishedAt ?? turn.now)),
      cause: stopped ? 'Stop' : (exit?.cause ?? 'Agent'),
      ...(exit?.message === undefined ? {} : { message: exit.message }),
    });
  } else if (turn.state === 'Claimed') takeOutcome(turn);
}

/** A start that failed counts as an end of its run. */
function takeOutcome(turn: Turn) {
  const { lastOutcome: outcome, run } = turn.next;
  if (run === undefined || outcome?.action !== 'Start' || outcome.run !== run.number) return;
  if (outcome.result !== 'Retryable' && outcome.result !== 'Terminal') return;
  const message = outcome.message ?? 'The start failed.';
  const finishedAt = timeText(past(turn, instant(outcome.at) ?? turn.now));
  if (outcome.result === 'Retryable')
    return end(turn, { run: run.number, finishedAt, cause: 'StartFailed', message });
  turn.next.lastExit = { run: run.number, finishedAt, cause: 'StartFailed', message };
  turn.state = 'Ended';
  delete turn.next.readySince;
  endWait(turn);
  phase(turn, 'Failed', outcome.reason ?? 'StartFailed', message);
  tell(turn, 'Warning', 'Failed', `Run ${run.number} cannot be started: ${message}`);
}

function end(turn: Turn, exit: LastExit) {
  const { next, context } = turn;
  const ready = instant(next.readySince);
  const finished = instant(exit.finishedAt) ?? turn.now;
  if (ready !== undefined && finished - ready >= context.settings.backoff.resetAfter) next.failures = 0;
  delete next.readySince;
  next.lastExit = exit;
  turn.state = 'Ended';
  const expected = exit.cause === 'Stop' && !failsByStop(next.stop?.cause);
  const bad = !expected && exit.code !== 0 && exit.cause !== 'Runtime';
  tell(turn, bad ? 'Warning' : 'Normal', exit.cause === 'Stop' ? 'Stopped' : eventOf(exit), exitText(exit));
  afterEnd(turn, exit);
}

const eventOf = ({ cause }: LastExit): string => (cause === 'StartFailed' ? 'StartFailed' : 'Exited');
