import { command, sentence } from '../api/text.ts';
import { formatDuration } from '../api/time.ts';
import { unenforced } from './conditions.ts';
import {
  addWait,
  alive,
  draining,
  emitEvent,
  holdsPlace,
  type InstanceDraft,
  idleCause,
  phase,
  talkOf,
  wake,
} from './draft.ts';
import { idleSince, mayUpdate, noteOutdated } from './outdated.ts';
import { startDeadline } from './ready.ts';
import { endWait, waitUntil } from './restart.ts';
import { dueRestart } from './schedule.ts';
import { planStart } from './start-step.ts';
import {
  beginStop,
  clearStrays,
  continueStop,
  notEnforced,
  removalWaits,
  removeAll,
  settleStop,
} from './stop.ts';
import { shortTime } from './times.ts';
import { gateText, type HeldGate } from './world.ts';

/** The desired state of an Instance. */
export type Desire =
  | { is: 'Running' }
  /** `gate`: messages wait for it, but the gate does not let it wake. */
  | { is: 'Asleep'; gate?: HeldGate | undefined }
  | { is: 'Stopped' | 'Removed'; cause: string; message: string };

/** For `called`, see prompts.ts. */
export function desireOf(draft: InstanceDraft, called: ReadonlySet<InstanceDraft>): Desire {
  const { context, object } = draft;
  const { spec, metadata } = context.world.agent;
  if (context.deleting)
    return { is: 'Removed', cause: 'Deleted', message: `Agent ${metadata.name} is being deleted` };
  if (object.metadata.deletionTimestamp !== undefined)
    return { is: 'Removed', cause: 'InstanceDeleted', message: `Instance ${draft.name} is being deleted` };
  if (object.spec.ordinal >= spec.replicas)
    return { is: 'Removed', cause: 'ScaledDown', message: `spec.replicas is ${spec.replicas}` };
  if (spec.suspend) return { is: 'Stopped', cause: 'Suspended', message: 'spec.suspend is true' };
  if (context.settings.mode !== 'OnDemand') return { is: 'Running' };
  if (!called.has(draft)) return { is: 'Asleep' };
  return context.gate === undefined || alive(draft)
    ? { is: 'Running' }
    : { is: 'Asleep', gate: context.gate };
}

/** How many more instances this plan may take down for an update. */
export interface Turnover {
  left: number;
}

/** Plans the next step of one Instance, and sets its phase. */
export function decide(draft: InstanceDraft, desire: Desire, turnover: Turnover) {
  if (draft.state === 'Unknown') return outOfReach(draft, desire);
  settleStop(draft);
  if (alive(draft)) {
    const { stop } = draft.next;
    clearStrays(draft);
    if (desire.is === 'Running' || desire.is === 'Asleep') noteOutdated(draft);
    if (stop !== undefined) return continueStop(draft, stop);
    if (draft.view.inFlight !== undefined) return;
    switch (desire.is) {
      case 'Running':
        keep(draft, turnover);
        return;
      case 'Asleep':
        if (!keep(draft, turnover)) sleep(draft);
        return;
      case 'Stopped':
      case 'Removed':
        return beginStop(draft, desire.cause, desire.message, 'Stay');
    }
  }
  const starting = draft.state === 'Claimed' && holdsPlace(draft.next) && draft.view.inFlight !== undefined;
  if (starting && desire.is !== 'Removed') return; // it keeps its place, even if something has changed since
  const drains = draining(draft);
  if (drains && (desire.is === 'Running' || desire.is === 'Removed')) return drain(draft, desire);
  if (desire.is !== 'Running') forgetPlans(draft, desire);
  if (!drains && clearStrays(draft) && desire.is !== 'Removed') return waitForStrays(draft);
  const { agent } = draft.context.world;
  switch (desire.is) {
    case 'Removed':
      return takeDown(draft, desire.cause, desire.message);
    case 'Stopped':
      return rest(
        draft,
        'Stopped',
        desire.cause,
        `${desire.message}. Start it with ${command(agent, `resume ${agent.metadata.name}`)}.`,
      );
    case 'Asleep': {
      const { gate } = desire;
      return gate === undefined
        ? rest(draft, 'Asleep', 'NoMessages', 'No message waits for it.')
        : rest(draft, 'Asleep', gate.reason, gateText(gate));
    }
    case 'Running':
      return draft.context.runtime !== undefined &&
        draft.context.refusal === undefined &&
        draft.context.runtime !== draft.object.spec.runtimeRef.name
        ? move(draft, draft.context.runtime)
        : planStart(draft);
  }
}

/** Keeps a running instance unless a rule restarts or replaces it. Returns whether one does. */
function keep(draft: InstanceDraft, turnover: Turnover): boolean {
  const { refusal, gate } = draft.context;
  if (refusal !== undefined) return false;
  if (fails(draft)) return true;
  if (gate === undefined) return update(draft, turnover) || restart(draft);
  addWait(draft, gate.reason, gateText(gate)); // after a stop, it could not start again
  return false;
}

/** Stops an instance that does not work. Returns whether it did. */
function fails(draft: InstanceDraft): boolean {
  const { live } = draft.view.probe;
  if (
    draft.state === 'Running' &&
    draft.context.world.agent.spec.liveness !== undefined &&
    live?.ok === false
  )
    return stop(draft, 'LivenessFailed', `Liveness failed: ${live.message}`);
  const talk = talkOf(draft);
  if (talk?.state === 'Refused')
    return stop(draft, 'HandshakeRefused', `The protocol handshake failed: ${talk.message}`);
  if (talk?.failure !== undefined && talk.state === 'Ready')
    return stop(draft, talk.failure.reason, talk.failure.message);
  const why = unenforced(draft);
  if (why !== undefined) return stop(draft, notEnforced, why, 'Stay');
  const deadline = startDeadline(draft);
  if (deadline === undefined) return false;
  if (deadline <= draft.now)
    return stop(draft, 'StartDeadlineExceeded', 'It was not Ready within spec.startDeadline');
  wake(draft, deadline);
  return false;
}

function restart(draft: InstanceDraft): boolean {
  const due = dueRestart(draft);
  return due !== undefined && stop(draft, 'ScheduledRestart', due);
}

function stop(
  draft: InstanceDraft,
  cause: string,
  message: string,
  then: 'Restart' | 'Stay' = 'Restart',
): true {
  beginStop(draft, cause, message, then);
  return true;
}

function update(draft: InstanceDraft, turnover: Turnover): boolean {
  const { outdated } = draft;
  if (outdated === undefined) return false;
  const { allowed, waits } = mayUpdate(draft);
  if (!allowed) return waitForUpdate(draft, waits);
  if (draft.ready) {
    if (turnover.left <= 0) return waitForUpdate(draft, 'It is replaced when the others are Ready');
    turnover.left -= 1;
  }
  const then = outdated.cause === 'RolloutRestart' ? 'Restart' : 'Replace';
  beginStop(draft, outdated.cause, outdated.message, then);
  return true;
}

function waitForUpdate(draft: InstanceDraft, waits: string): false {
  addWait(draft, 'AwaitingUpdate', `It is outdated. ${waits}.`);
  return false;
}

/** Mode OnDemand: stops an instance that has been idle for Policy.onDemand.keepalive. */
function sleep(draft: InstanceDraft) {
  const { keepalive } = draft.context.settings;
  const idle = idleSince(draft);
  if (keepalive === 0 || idle === undefined) return;
  const at = idle + keepalive;
  if (at > draft.now) return wake(draft, at);
  beginStop(draft, idleCause, `It has been idle for ${formatDuration(keepalive)}`, 'Stay');
}

function takeDown(draft: InstanceDraft, cause: string, message: string) {
  phase(draft, 'Stopping', cause, `${message}.`);
  if (draft.view.inFlight !== undefined) return;
  if (draft.view.observed === 'Unknown' && draft.state !== 'Never')
    return phase(draft, 'Unknown', 'RuntimeOffline', offlineText(draft, true));
  if (removalWaits(draft, 'Stopping')) return;
  const removals = removeAll(draft, cause, `${message}.`);
  draft.actions.push({
    type: 'DeleteInstance',
    id: `DeleteInstance/${draft.name}`,
    after: removals,
    cause,
    message: `${message}.`,
    name: draft.name,
  });
}

function move(draft: InstanceDraft, runtime: string) {
  const from = draft.object.spec.runtimeRef.name;
  const message = `It moves from Runtime ${from} to ${runtime}.`;
  if (draft.view.observed === 'Unknown')
    return phase(draft, 'Unknown', 'RuntimeOffline', offlineText(draft, false));
  phase(draft, 'Pending', 'RuntimeChanged', message);
  if (draft.view.inFlight !== undefined || removalWaits(draft, 'Pending')) return;
  const after = removeAll(draft, 'RuntimeChanged', message);
  if (draft.old.reason !== 'RuntimeChanged') emitEvent(draft, 'Normal', 'RuntimeChanged', message);
  draft.actions.push({
    type: 'MoveInstance',
    id: `MoveInstance/${draft.name}`,
    after,
    cause: 'RuntimeChanged',
    message,
    name: draft.name,
    runtime,
  });
}

/** The run has ended, but its output is not read to the end. Until then its container must not change. */
function drain(draft: InstanceDraft, desire: Desire) {
  const { next, now } = draft;
  if (next.phase === 'Failed' || next.phase === 'Completed') return;
  const text = 'Its remaining output is being read.';
  if (desire.is === 'Removed') return phase(draft, 'Stopping', desire.cause, `${desire.message}. ${text}`);
  const until = waitUntil(draft);
  if (until === undefined || until <= now) return phase(draft, 'Pending', 'Draining', text);
  wake(draft, until);
  phase(draft, 'BackOff', 'Draining', `${text} It starts again at ${shortTime(until)}.`);
}

/** Clears the stop, wait and schedule of an instance that is down and should stay down. */
function forgetPlans(draft: InstanceDraft, desire: Desire) {
  const { next } = draft;
  delete next.stop;
  delete next.queue;
  delete next.nextRestartAt;
  delete next.scheduleKey;
  delete next.restartDueSince;
  delete next.outdatedSince;
  const until = desire.is === 'Asleep' ? waitUntil(draft) : undefined;
  if (until === undefined || until <= draft.now) endWait(draft);
  else wake(draft, until); // a message does not shorten the wait
}

function rest(draft: InstanceDraft, to: 'Stopped' | 'Asleep', reason: string, message: string) {
  const { next } = draft;
  if (next.phase === 'Failed' || next.phase === 'Completed') return;
  phase(draft, to, reason, message);
}

const waitForStrays = (draft: InstanceDraft): void =>
  phase(draft, 'Pending', 'Duplicate', 'A duplicate of it is being removed first.');

function outOfReach(draft: InstanceDraft, desire: Desire) {
  const { runtime } = draft.context.world;
  const own = !('missing' in runtime) && runtime.object.metadata.name === draft.object.spec.runtimeRef.name;
  // After a start of the controller, the stored status stays until the Runtime is listed for the first time.
  if (own && runtime.health.state === 'Syncing' && draft.old.phase !== undefined) return;
  if (draft.view.observed !== 'Unknown') return wake(draft, draft.now + 5000); // the list is outdated: a new one follows
  phase(draft, 'Unknown', 'RuntimeOffline', offlineText(draft, desire.is === 'Removed'));
  if (draft.old.phase !== 'Unknown') emitEvent(draft, 'Warning', 'RuntimeOffline', draft.next.message ?? '');
}

function offlineText(draft: InstanceDraft, removing: boolean): string {
  const { runtime, agent } = draft.context.world;
  const { name } = draft.object.spec.runtimeRef;
  const object = draft.context.deleting ? `agent ${agent.metadata.name}` : `instance ${draft.name}`;
  const own = !('missing' in runtime) && runtime.object.metadata.name === name ? runtime.health : undefined;
  const why = own !== undefined && own.state !== 'Online' ? `: ${sentence(own.message)}` : '.';
  const next = removing
    ? ` Its deletion waits for it; ${command(agent, `delete ${object}`, '--force')} deletes it anyway.`
    : ' The instance is not started elsewhere.';
  return draft.view.runtimeMissing === true
    ? `The Runtime ${name} does not exist.${next}`
    : `The Runtime ${name} does not answer${why}${next}`;
}

/** One Instance while the plan is made: what is known about it, and its desired state. */
export interface Part {
  draft: InstanceDraft;
  desire: Desire;
}
