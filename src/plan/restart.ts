import { formatDuration } from '../api/duration.ts';
import { sentence } from '../api/sentence.ts';
import { beginWait, delay, endWait } from './backoff.ts';
import { command } from './command.ts';
import { exitText, type LastExit } from './exit-text.ts';
import { instant, shortTime, timeText } from './instant.ts';
import { retries } from './place.ts';
import { failsByStop, notEnforced } from './stop.ts';
import { past, phase, type Turn, tell } from './turn.ts';
import type { Instant } from './world.ts';

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
  fail(turn, exit);
}

function giveUp(turn: Turn, message: string) {
  endWait(turn);
  phase(turn, 'Failed', notEnforced, message);
  tell(turn, 'Warning', 'Failed', message);
}

function finish(turn: Turn, exit: LastExit, why: string) {
  endWait(turn);
  if (exit.cause === 'Agent' && exit.code === 0) {
    const message = `Run ${exit.run} ended with code 0, and ${why}.`;
    phase(turn, 'Completed', 'Completed', message);
    tell(turn, 'Normal', 'Completed', message);
    return;
  }
  const reason = exit.cause === 'Runtime' ? 'RuntimeStopped' : exit.cause === 'Lost' ? 'Lost' : 'Exited';
  fails(turn, exit, reason, `It is not started again, because ${why}.`);
}

/** Says how the last run ended, why none follows, and what to do. */
function fails(turn: Turn, exit: LastExit, reason: string, why: string) {
  const { agent } = turn.context.world;
  const { name } = agent.metadata;
  const stop = turn.next.stop?.run === exit.run ? turn.next.stop.message : undefined;
  const cause = exit.cause === 'Stop' && stop !== undefined ? `${sentence(stop)} ` : '';
  const limit = agent.spec.template.resources?.limits?.memory;
  const memory =
    exit.oomKilled === true
      ? ` Give it more memory: spec.template.resources.limits.memory${limit === undefined ? '' : ` is ${limit}`}.`
      : '';
  const target = agent.spec.replicas === 1 ? name : `instance/${turn.name}`;
  const output =
    exit.cause === 'StartFailed' ? '' : ` Its output: ${command(agent, `logs ${target}`, '--previous')}.`;
  const again = `To start it again: ${command(agent, `resume ${name}`)}, or change the spec.`;
  const message = `${cause}${sentence(exitText(exit))} ${why}${memory}${output} ${again}`;
  phase(turn, 'Failed', reason, message);
  tell(turn, 'Warning', 'Failed', message);
}

/** Counts a failure: the next start waits, or there is none since there were too many. */
function fail(turn: Turn, exit: LastExit) {
  const { next, context } = turn;
  const at = instant(exit.finishedAt) ?? turn.now;
  const { maxRestarts, window } = context.settings.restart;
  const failures = (next.failures ?? 0) + 1;
  next.failures = failures;
  const due = Math.max(turn.now, past(turn, at) + delay(context.settings, turn.uid, failures));
  if (maxRestarts !== undefined && recent(turn, due).length >= maxRestarts) {
    endWait(turn);
    const times = maxRestarts === 1 ? 'once' : `${maxRestarts} times`;
    const why =
      maxRestarts === 0
        ? 'It is not started again, because restart.maxRestarts is 0.'
        : `It was restarted ${times} within ${formatDuration(window)}, which is the limit.`;
    fails(turn, exit, 'RestartLimit', why);
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
  if (clearFailures(turn)) tell(turn, 'Normal', 'Resumed', 'agentctl resume cleared its failures.');
}
