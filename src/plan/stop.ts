import type { InstanceStatus } from '../api/objects.ts';
import { protocolCapabilitiesOf } from '../api/protocols.ts';
import { sentence } from '../api/sentence.ts';
import { formatDuration } from '../api/time.ts';
import type { Action } from './action.ts';
import { emitEvent, type InstanceDraft, nowText, phase, talkOf, wake } from './draft.ts';
import { instant, shortTime, timeText } from './instant.ts';
import type { Instant } from './world.ts';

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
