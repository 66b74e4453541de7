import { purgeAnnotation } from '../api/annotations.ts';
import type { InstanceStatus } from '../api/objects.ts';
import { protocolCapabilitiesOf } from '../api/protocols.ts';
import { sentence } from '../api/text.ts';
import { formatDuration } from '../api/time.ts';
import type { Action } from './action.ts';
import { emitEvent, type InstanceDraft, nowText, phase, talkOf, wake } from './draft.ts';
import { type Instant, instant, shortTime, timeText } from './times.ts';
import type { Observed } from './world.ts';

type Stop = NonNullable<InstanceStatus['stop']>;

/** Period in milliseconds at which SIGKILL is repeated. */
const killPeriod = 10_000;
/** Milliseconds before a failed step is retried. */
export const retryPeriod = 2000;

/** Whether a stop with this cause counts as a failure of the agent. */
export const failsByStop = (cause: string | undefined): boolean => cause !== undefined && failures.has(cause);
const failures: ReadonlySet<string> = new Set([
  'LivenessFailed',
  'StartDeadlineExceeded',
  'HandshakeRefused',
  'CancelIgnored',
  'SessionBusy',
  'InputClosed',
]);

/** Cause of a stop after which the instance is not started again. */
export const notEnforced = 'PermissionsNotEnforced';

/** Begins to stop the current run. The stop names the run, so it never hits a later one. */
export function beginStop(draft: InstanceDraft, cause: string, message: string, then: Stop['then']) {
  const { next, context, now } = draft;
  const { gracePeriod } = context.settings.stop;
  const stage = gracePeriod === 0 ? 'Kill' : hasShutdown(draft) ? 'Shutdown' : 'Signal';
  next.stop = {
    run: next.run?.number ?? 0,
    cause,
    message,
    requestedAt: nowText(draft),
    deadline: timeText(now + lengthOf(stage, gracePeriod)),
    stage,
    then,
  };
  emitEvent(
    draft,
    failsByStop(cause) || cause === notEnforced ? 'Warning' : 'Normal',
    'Stopping',
    `Stops run ${next.stop.run} (${cause}): ${sentence(message)}`,
  );
  goOn(draft, next.stop);
}

/** Only a connected agent can read the line that asks it to end. */
const hasShutdown = (draft: InstanceDraft): boolean =>
  protocolCapabilitiesOf(draft.context.world.agent.spec)?.shutdownLine === true &&
  draft.state === 'Running' &&
  talkOf(draft)?.state === 'Ready';

/** Length of a stage in milliseconds. The protocol's own shutdown gets half of the grace period. */
function lengthOf(stage: Stop['stage'], gracePeriod: number): number {
  return stage === 'Kill' ? killPeriod : stage === 'Signal' ? gracePeriod : Math.ceil(gracePeriod / 2);
}

/**
 * Continues the stop of the current run. First comes the protocol's shutdown, if it has one. At its deadline, or if it
 * failed, the signal is sent. At the end of the grace period SIGKILL is sent, and repeated.
 */
export function continueStop(draft: InstanceDraft, stop: Stop) {
  const { now, context, next } = draft;
  const { gracePeriod } = context.settings.stop;
  const requested = Math.min(now, instant(stop.requestedAt) ?? now);
  const deadline = Math.min(now + lengthOf(stop.stage, gracePeriod), instant(stop.deadline) ?? now);
  const current: Stop = { ...stop, requestedAt: timeText(requested), deadline: timeText(deadline) };
  if (current.stage === 'Shutdown' && (now >= deadline || shutdownFailed(draft, stop, requested))) {
    const end = requested + gracePeriod;
    current.stage = 'Signal';
    // After an absence of the controller, the signal still gets its time.
    current.deadline = timeText(end > now ? end : now + lengthOf('Shutdown', gracePeriod));
  }
  if (now >= (instant(current.deadline) ?? now)) {
    if (current.stage === 'Signal')
      emitEvent(
        draft,
        'Warning',
        'Killing',
        `It did not stop within ${formatDuration(gracePeriod)}, so it is killed (SIGKILL).`,
      );
    current.stage = 'Kill';
    current.deadline = timeText(now + killPeriod);
  }
  next.stop = current;
  goOn(draft, current);
}

function shutdownFailed({ next }: InstanceDraft, stop: Stop, requested: Instant): boolean {
  const { lastOutcome: last } = next;
  if (last?.action !== 'Shutdown' || last.run !== stop.run || last.result === 'Succeeded') return false;
  return (instant(last.at) ?? 0) >= requested;
}

function goOn(draft: InstanceDraft, stop: Stop) {
  const deadline = instant(stop.deadline) ?? draft.now;
  draft.wakeAt = undefined; // nothing else matters until it is down
  wake(draft, deadline);
  phase(draft, 'Stopping', stop.cause, stopText(stop, draft.context.settings.stop.signal));
  const { container } = draft;
  if (container === undefined || draft.view.inFlight !== undefined) return;
  const begun = stop.stage === 'Kill' ? deadline - killPeriod : (instant(stop.requestedAt) ?? draft.now);
  const retryAt = sent(draft, stop, begun);
  if (retryAt === 'Done') return;
  if (retryAt > draft.now) return wake(draft, retryAt);
  draft.actions.push(step(draft, stop, container.ref));
}

/** Returns Done if this stage was executed, otherwise when to try it (again). */
function sent({ next, now }: InstanceDraft, stop: Stop, begun: Instant): 'Done' | Instant {
  const outcome = next.lastOutcome;
  if (outcome?.action !== stop.stage || outcome.run !== stop.run) return now;
  const at = instant(outcome.at) ?? now;
  if (at < begun) return now;
  return outcome.result === 'Succeeded' ? 'Done' : Math.min(at, now) + retryPeriod;
}

function step(draft: InstanceDraft, stop: Stop, ref: string): Action {
  const base = {
    after: [],
    cause: stop.cause,
    message: stop.message ?? stop.cause,
    name: draft.name,
    uid: draft.uid,
    run: stop.run,
    ref,
  };
  const { stage } = stop;
  switch (stage) {
    case 'Shutdown':
    case 'Kill':
      return { ...base, type: stage, id: `${stage}/${draft.name}` };
    case 'Signal':
      return {
        ...base,
        type: stage,
        id: `${stage}/${draft.name}`,
        signal: draft.context.settings.stop.signal,
        scope: draft.context.settings.stop.signalScope,
      };
  }
}

function stopText(stop: Stop, signal: string | undefined): string {
  const why = sentence(stop.message ?? stop.cause);
  const then = shortTime(instant(stop.deadline) ?? 0);
  switch (stop.stage) {
    case 'Shutdown':
      return `${why} It is asked to stop, and ${signal ?? 'the stop signal'} is sent at ${then}.`;
    case 'Signal':
      return `${why} ${signal ?? 'The stop signal'} is sent, and SIGKILL at ${then}.`;
    case 'Kill':
      return `${why} SIGKILL is sent.`;
  }
}

/** Clears a stop whose run has ended, unless the next start needs it. */
export function settleStop(draft: InstanceDraft) {
  const { next } = draft;
  const { stop } = next;
  if (stop === undefined) return;
  const over = stop.run !== next.run?.number || (draft.state === 'Ended' && stop.then === 'Stay');
  if (over) delete next.stop;
}

/** Kills and removes all containers except that of the newest run. Returns whether there were any. */
export function clearStrays(draft: InstanceDraft): boolean {
  if (draft.strays.length === 0) return false;
  if (draft.view.inFlight !== undefined || failedLately(draft)) return true;
  for (const stray of draft.strays) {
    const after: string[] = [];
    if (stray.state === 'Running' || stray.state === 'Paused') {
      const id = `Kill/${draft.name}/${stray.ref}`;
      after.push(id);
      draft.actions.push({
        ...base(draft, 'Duplicate', `${stray.ref} is a duplicate of ${draft.name}.`),
        type: 'Kill',
        id,
        run: stray.run,
        ref: stray.ref,
      });
    }
    draft.actions.push(remove(draft, stray, 'Duplicate', `${stray.ref} is not the newest run.`, after));
  }
  return true;
}

/**
 * Removes everything that the Runtime has of an Instance that no longer runs. Returns the ids of the Remove actions.
 */
export function removeAll(draft: InstanceDraft, cause: string, message: string): readonly string[] {
  const { observed } = draft.view;
  if (observed === 'Unknown') return [];
  for (const one of observed) {
    if (draft.strays.includes(one)) continue; // see clearStrays
    draft.actions.push(remove(draft, one, cause, message, []));
  }
  return draft.actions.filter(({ type }) => type === 'Remove').map(({ id }) => id);
}

/** Waits before a failed removal is retried. Returns whether it waits. */
export function removalWaits(draft: InstanceDraft, meanwhile: 'Stopping' | 'Pending'): boolean {
  if (!failedLately(draft)) return false;
  const { reason = 'RemoveFailed', message = 'Its container cannot be removed.' } =
    draft.next.lastOutcome ?? {};
  phase(draft, meanwhile, reason, message);
  return true;
}

function failedLately(draft: InstanceDraft): boolean {
  const { lastOutcome: outcome } = draft.next;
  const clearing = outcome?.action === 'Remove' || outcome?.action === 'Kill';
  if (!clearing || outcome.result === 'Succeeded') return false;
  const at = Math.min(draft.now, instant(outcome.at) ?? draft.now) + retryPeriod;
  if (at <= draft.now) return false;
  wake(draft, at);
  return true;
}

function remove(
  draft: InstanceDraft,
  one: Observed,
  cause: string,
  message: string,
  after: readonly string[],
): Action {
  const { agent } = draft.context.world;
  const volumes = draft.context.deleting && agent.metadata.annotations?.[purgeAnnotation] === 'true';
  return {
    ...base(draft, cause, message),
    after,
    type: 'Remove',
    id: `Remove/${draft.name}/${one.ref}`,
    ref: one.ref,
    volumes,
  };
}

const base = (draft: InstanceDraft, cause: string, message: string) => ({
  after: [] as readonly string[],
  cause,
  message,
  name: draft.name,
  uid: draft.uid,
});
