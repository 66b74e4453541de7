import { resumeAnnotation } from '../api/annotations.ts';
import { sentence } from '../api/sentence.ts';
import { formatDuration } from '../api/time.ts';
import { beginWait, delay, endWait } from './backoff.ts';
import { command } from './command-text.ts';
import { emitEvent, type InstanceDraft, past, phase, retries } from './draft.ts';
import { exitText, type LastExit } from './exit-text.ts';
import { instant, shortTime, timeText } from './instant.ts';
import { failsByStop, notEnforced } from './stop.ts';
import type { Instant } from './world.ts';

/** Applies Policy.restart after the end of a run: no further start, or a restart after a wait. */
export function afterEnd(draft: InstanceDraft, exit: LastExit) {
  const { on } = draft.context.settings.restart;
  const { next } = draft;
  if (exit.cause === 'Stop' && next.stop?.cause === notEnforced)
    return giveUp(draft, next.stop.message ?? '');
  const failed = exit.cause !== 'Stop' || failsByStop(next.stop?.cause);
  if (exit.cause === 'Stop' && !failed) return;
  if (exit.cause !== 'StartFailed' && on === 'Never') return finish(draft, exit, 'restart.on is Never');
  if (exit.cause === 'Runtime') return;
  if (exit.cause === 'Agent' && exit.code === 0 && on === 'OnFailure')
    return finish(draft, exit, 'restart.on is OnFailure');
  fail(draft, exit);
}

function giveUp(draft: InstanceDraft, message: string) {
  endWait(draft);
  phase(draft, 'Failed', notEnforced, message);
  emitEvent(draft, 'Warning', 'Failed', message);
}

function finish(draft: InstanceDraft, exit: LastExit, why: string) {
  endWait(draft);
  if (exit.cause === 'Agent' && exit.code === 0) {
    const message = `Run ${exit.run} ended with code 0, and ${why}.`;
    phase(draft, 'Completed', 'Completed', message);
    emitEvent(draft, 'Normal', 'Completed', message);
    return;
  }
  const reason = exit.cause === 'Runtime' ? 'RuntimeStopped' : exit.cause === 'Lost' ? 'Lost' : 'Exited';
  fails(draft, exit, reason, `It is not started again, because ${why}.`);
}

/** Reports how the last run ended, why it is not restarted, and what to do. */
function fails(draft: InstanceDraft, exit: LastExit, reason: string, why: string) {
  const { agent } = draft.context.world;
  const again = `To start it again: ${command(agent, `resume ${agent.metadata.name}`)}, or change the spec.`;
  const message = `${endText(draft, exit, why)} ${again}`;
  phase(draft, 'Failed', reason, message);
  emitEvent(draft, 'Warning', 'Failed', message);
}

/** How a run ended, what follows from it, and where to look. */
export function endText(draft: InstanceDraft, exit: LastExit, follows: string): string {
  const { agent } = draft.context.world;
  const stop = draft.next.stop?.run === exit.run ? draft.next.stop.message : undefined;
  const cause = exit.cause === 'Stop' && stop !== undefined ? `${sentence(stop)} ` : '';
  const limit = agent.spec.template.resources?.limits?.memory;
  const memory =
    exit.oomKilled === true
      ? ` Give it more memory: spec.template.resources.limits.memory${limit === undefined ? '' : ` is ${limit}`}.`
      : '';
  const target = agent.spec.replicas === 1 ? agent.metadata.name : `instance/${draft.name}`;
  const output =
    exit.cause === 'StartFailed' ? '' : ` Its output: ${command(agent, `logs ${target}`, '--previous')}.`;
  return `${cause}${sentence(exitText(exit))} ${follows}${memory}${output}`;
}

/** Counts a failure. The next start waits, or there is none because the limit is reached. */
function fail(draft: InstanceDraft, exit: LastExit) {
  const { next, context } = draft;
  const at = instant(exit.finishedAt) ?? draft.now;
  const { maxRestarts, window } = context.settings.restart;
  const failures = (next.failures ?? 0) + 1;
  next.failures = failures;
  const due = Math.max(draft.now, past(draft, at) + delay(context.settings, draft.uid, failures));
  if (maxRestarts !== undefined && recent(draft, due).length >= maxRestarts) {
    endWait(draft);
    const times = maxRestarts === 1 ? 'once' : `${maxRestarts} times`;
    const why =
      maxRestarts === 0
        ? 'It is not started again, because restart.maxRestarts is 0.'
        : `It was restarted ${times} within ${formatDuration(window)}, which is the limit.`;
    fails(draft, exit, 'RestartLimit', why);
    return;
  }
  beginWait(draft, at);
  if (due > draft.now)
    emitEvent(
      draft,
      'Warning',
      'BackOff',
      `Failure ${failures} in a row: it starts again at ${shortTime(due)}.`,
    );
}

/** The restarts that still count at this instant. */
function recent({ next, now, context }: InstanceDraft, at: Instant): Instant[] {
  const { window } = context.settings.restart;
  const times = (next.restartTimes ?? []).map((time) => Math.min(now, instant(time) ?? now));
  return times.filter((time) => time > at - window);
}

/** Records a restart that follows a failure. */
export function noteRestart(draft: InstanceDraft) {
  const keep = Math.max(draft.context.settings.restart.maxRestarts ?? 0, 20);
  const times = [...recent(draft, draft.now), draft.now].slice(-keep);
  draft.next.restartTimes = times.map(timeText);
}

/** Clears the failures, after a new spec or `agentctl resume`. Returns whether there was anything to clear. */
export function clearFailures(draft: InstanceDraft): boolean {
  const { next } = draft;
  const gaveUp = next.phase === 'Failed' || next.phase === 'Completed';
  const counted = (next.failures ?? 0) > 0 || (next.restartTimes?.length ?? 0) > 0;
  if (!gaveUp && !counted && next.backoffFrom === undefined) return false;
  if ((next.failures ?? 0) > 0) next.failures = 0;
  delete next.restartTimes;
  endWait(draft);
  if (gaveUp) phase(draft, 'Pending', 'Resumed', 'It starts again.');
  return true;
}

/** Applies `agentctl resume`: the annotation has a value that was not applied before. */
export function applyResume(draft: InstanceDraft) {
  const asked = draft.context.world.agent.metadata.annotations?.[resumeAnnotation];
  if (asked === undefined || asked === draft.next.resumedAt) return;
  draft.next.resumedAt = asked;
  const retried = draft.next.lastOutcome;
  if (retries(draft.next)) draft.next.phase = 'Starting'; // it is under way, and no longer a retry
  if (retried !== undefined && retried.result !== 'Succeeded') delete draft.next.lastOutcome;
  if (clearFailures(draft)) emitEvent(draft, 'Normal', 'Resumed', 'agentctl resume cleared its failures.');
}
