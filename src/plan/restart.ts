import { formatDuration } from '../api/duration.ts';
import type { InstanceStatus } from '../api/objects.ts';
import { beginWait, delay, endWait } from './backoff.ts';
import { instant, shortTime, timeText } from './instant.ts';
import { retries } from './place.ts';
import { failsByStop, notEnforced } from './stop.ts';
import { past, phase, type Turn, tell } from './turn.ts';
import type { Instant } from './world.ts';

type LastExit = NonNullable<InstanceStatus['lastExit']>;

/** What follows the end of a run by Policy.restart: nothing more, or a restart after its wait. */
export function afterEnd(turn: Turn, exit: LastExit) {
  const { on } = turn.context.settings.restart;
  const { next } = turn;
  if (exit.cause === 'Stop' && next.stop?.cause === notEnforced) return giveUp(turn, next.stop.message ?? '');
  const failed = exit.cause !== 'Stop' || failsByStop(next.stop?.cause);
  if (exit.cause === 'Stop' && !failed) return;
  if (exit.cause !== 'StartFailed' && on === 'Never') return finish(turn, exit, 'restart.on is Never');
  if (exit.cause === 'Runtime') return;
  if (exit.cause === 'Agent' && exit.code === 0 && on === 'OnFailure')
    return finish(turn, exit, 'restart.on is OnFailure');
  fail(turn, instant(exit.finishedAt) ?? turn.now);
}

function giveUp(turn: Turn, message: string) {
  endWait(turn);
  phase(turn, 'Failed', notEnforced, message);
  tell(turn, 'Warning', 'Failed', message);
}

function finish(turn: Turn, exit: LastExit, why: string) {
  endWait(turn);
  const code = exit.code === undefined ? '' : ` with code ${exit.code}`;
  if (exit.cause === 'Agent' && exit.code === 0) {
    phase(turn, 'Completed', 'Completed', `Run ${exit.run} ended${code}, and ${why}.`);
    tell(turn, 'Normal', 'Completed', `Run ${exit.run} ended${code}, and ${why}.`);
    return;
  }
  const reason = exit.cause === 'Runtime' ? 'RuntimeStopped' : exit.cause === 'Lost' ? 'Lost' : 'Exited';
  const message = `Run ${exit.run} ended${code}, and ${why}. Run it again with agentctl resume, or change the spec.`;
  phase(turn, 'Failed', reason, message);
  tell(turn, 'Warning', 'Failed', message);
}

/** Counts a failure: the next start waits, or there is none since there were too many. */
function fail(turn: Turn, at: Instant) {
  const { next, context } = turn;
  const { maxRestarts, window } = context.settings.restart;
  const failures = (next.failures ?? 0) + 1;
  next.failures = failures;
  const due = Math.max(turn.now, past(turn, at) + delay(context.settings, turn.uid, failures));
  if (maxRestarts !== undefined && recent(turn, due).length >= maxRestarts) {
    endWait(turn);
    const message =
      `It was restarted ${maxRestarts} times within ${formatDuration(window)} and ended again. ` +
      `Look at agentctl logs --previous, then run agentctl resume, or change the spec.`;
    phase(turn, 'Failed', 'RestartLimit', message);
    tell(turn, 'Warning', 'Failed', message);
    return;
  }
  beginWait(turn, at);
  if (due > turn.now)
    tell(turn, 'Warning', 'BackOff', `Failure ${failures} in a row: it starts again at ${shortTime(due)}.`);
}

/** The restarts that still count at that instant. */
function recent({ next, now, context }: Turn, at: Instant): Instant[] {
  const { window } = context.settings.restart;
  const times = (next.restartTimes ?? []).map((time) => Math.min(now, instant(time) ?? now));
  return times.filter((time) => time > at - window);
}

/** Notes a restart that follows a failure. */
export function noteRestart(turn: Turn) {
  const keep = Math.max(turn.context.settings.restart.maxRestarts ?? 0, 20);
  const times = [...recent(turn, turn.now), turn.now].slice(-keep);
  turn.next.restartTimes = times.map(timeText);
}

/** Lets a new spec or `agentctl resume` start afresh. Tells whether there was anything to clear. */
export function clearFailures(turn: Turn): boolean {
  const { next } = turn;
  const gaveUp = next.phase === 'Failed' || next.phase === 'Completed';
  const counted = (next.failures ?? 0) > 0 || (next.restartTimes?.length ?? 0) > 0;
  if (!gaveUp && !counted && next.backoffFrom === undefined) return false;
  if ((next.failures ?? 0) > 0) next.failures = 0;
  delete next.restartTimes;
  endWait(turn);
  if (gaveUp) phase(turn, 'Pending', 'Resumed', 'It starts again.');
  return true;
}

export const resumeAnnotation = 'agentctl.dev/resume';

/** Honours `agentctl resume`: a value of the annotation that was not honoured before. */
export function takeResume(turn: Turn) {
  const asked = turn.context.world.agent.metadata.annotations?.[resumeAnnotation];
  if (asked === undefined || asked === turn.next.resumedAt) return;
  turn.next.resumedAt = asked;
  const retried = turn.next.lastOutcome;
  if (retries(turn.next)) turn.next.phase = 'Starting'; // under way, and no retry any more
  if (retried !== undefined && retried.result !== 'Succeeded') delete turn.next.lastOutcome;
  if (clearFailures(turn)) tell(turn, 'Normal', 'Resumed', 'Its failures were cleared by agentctl resume.');
}
