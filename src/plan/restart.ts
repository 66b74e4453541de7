import { resumeAnnotation } from '../api/annotations.ts';
import type { InstanceStatus } from '../api/objects.ts';
import { command, sentence } from '../api/text.ts';
import { formatDuration } from '../api/time.ts';
import { emitEvent, type InstanceDraft, past, phase, retries } from './draft.ts';
import type { Settings } from './settings.ts';
import { failsByStop, notEnforced } from './stop.ts';
import { type Instant, instant, shortTime, timeText } from './times.ts';

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

/** Returns the wait in milliseconds before the restart that follows this many failures in a row. */
export function delay({ backoff }: Settings, uid: string, failures: number): number {
  const { schedule, jitter } = backoff;
  const base = schedule[Math.min(Math.max(failures, 1) - 1, schedule.length - 1)] ?? 0;
  return Math.round(base * (1 + jitter * fraction(`${uid}/${failures}`)));
}

/** Begins the wait after a failure at `from`, by the Runtime's clock. */
function beginWait(draft: InstanceDraft, from: Instant): void {
  draft.next.backoffFrom = timeText(past(draft, from));
  waitUntil(draft);
}

/**
 * Returns when the wait ends; undefined if there is none. The end is computed from the beginning at each call, so the
 * wait is never longer than the policy says, even after a change of the policy or after the clock was set back.
 */
export function waitUntil(draft: InstanceDraft): Instant | undefined {
  const { next, context } = draft;
  const stored = instant(next.backoffFrom);
  if (stored === undefined) return undefined;
  const from = past(draft, stored);
  const until = from + delay(context.settings, draft.uid, next.failures ?? 0);
  if (from !== stored) next.backoffFrom = timeText(from);
  if (instant(next.backoffUntil) !== until) next.backoffUntil = timeText(until);
  return until;
}

export function endWait({ next }: InstanceDraft): void {
  delete next.backoffFrom;
  delete next.backoffUntil;
}

/**
 * Resets the failure count after the instance was Ready for resetAfter. Returns when that will be, if it is still to
 * come.
 */
export function resetAfterReady(draft: InstanceDraft, until: Instant): Instant | undefined {
  const { next, context } = draft;
  const since = instant(next.readySince);
  if (since === undefined || (next.failures ?? 0) === 0) return undefined;
  const at = since + context.settings.backoff.resetAfter;
  if (until < at) return at;
  next.failures = 0;
  return undefined;
}

/** FNV-1a, 32 bits, as a fraction from 0 (included) to 1 (excluded). Spreads waits without a random number. */
export function fraction(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return ((value ^ (value >>> 16)) >>> 0) / 2 ** 32;
}

export type LastExit = NonNullable<InstanceStatus['lastExit']>;

/** For example "Run 3 ended with code 137 (SIGKILL), out of memory." */
export function exitText({ run, code, signal, oomKilled, cause, message }: LastExit): string {
  const detail = message === undefined || message === '' ? '' : `: ${message}`;
  switch (cause) {
    case 'Lost':
      return `Run ${run} was lost. ${message ?? ''}`.trimEnd();
    case 'StartFailed':
      return `Run ${run} could not be started${detail}`;
    case 'Stop':
      return `Run ${run} was stopped${codeText(code, signal, oomKilled)}.`;
    case 'Runtime':
      return `Run ${run} ended${codeText(code, signal, oomKilled)} because its Runtime stopped. This does not count as a failure.`;
    case 'Agent':
      return `Run ${run} ended${codeText(code, signal, oomKilled)}${detail === '' ? '.' : detail}`;
  }
}

export function codeText(
  code: number | undefined,
  signal: string | undefined,
  oomKilled: boolean | undefined,
): string {
  const name = signal === undefined ? '' : ` (${signal})`;
  const memory = oomKilled === true ? ', out of memory' : '';
  return code === undefined ? memory : ` with code ${code}${name}${memory}`;
}

/** The Linux signals from 1 on that terminate programs. */
const signals = [
  ...[
    'SIGHUP',
    'SIGINT',
    'SIGQUIT',
    'SIGILL',
    'SIGTRAP',
    'SIGABRT',
    'SIGBUS',
    'SIGFPE',
    'SIGKILL',
    'SIGUSR1',
  ],
  ...['SIGSEGV', 'SIGUSR2', 'SIGPIPE', 'SIGALRM', 'SIGTERM', 'SIGSTKFLT', 'SIGCHLD', 'SIGCONT', 'SIGSTOP'],
  ...['SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGURG', 'SIGXCPU', 'SIGXFSZ', 'SIGVTALRM', 'SIGPROF', 'SIGWINCH'],
  ...['SIGIO', 'SIGPWR', 'SIGSYS'],
];

/** Shells and engines report an end by signal n as code 128 + n. */
export const signalOf = (code: number | undefined): string | undefined =>
  code === undefined ? undefined : signals[code - 129];
