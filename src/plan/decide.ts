import { formatDuration } from '../api/duration.ts';
import { sentence } from '../api/sentence.ts';
import { endWait, waitUntil } from './backoff.ts';
import { command } from './command.ts';
import { unenforced } from './controls.ts';
import { clearStrays, removalWaits, removeAll } from './dismantle.ts';
import { shortTime } from './instant.ts';
import { holdsPlace } from './place.ts';
import { startDeadline } from './ready.ts';
import { dueRestart } from './schedule.ts';
import { planStart } from './start.ts';
import { beginStop, continueStop, notEnforced, settleStop } from './stop.ts';
import { draining, talkOf } from './talk.ts';
import { addWait, alive, phase, type Turn, tell, wake } from './turn.ts';
import { idleSince, noteOutdated, updateGate } from './update.ts';
import { idleCause } from './wake.ts';

/** What an Instance is wanted to be. */
export type Desire =
  | { is: 'Running' | 'Asleep' }
  | { is: 'Stopped' | 'Removed'; cause: string; message: string };

/** `called`: see wake.ts. */
export function desireOf(turn: Turn, called: ReadonlySet<Turn>): Desire {
  const { context, object } = turn;
  const { spec, metadata } = context.world.agent;
  if (context.deleting)
    return { is: 'Removed', cause: 'Deleted', message: `Agent ${metadata.name} is being deleted` };
  if (object.metadata.deletionTimestamp !== undefined)
    return { is: 'Removed', cause: 'InstanceDeleted', message: `Instance ${turn.name} is being deleted` };
  if (object.spec.ordinal >= spec.replicas)
    return { is: 'Removed', cause: 'ScaledDown', message: `spec.replicas is ${spec.replicas}` };
  if (spec.suspend) return { is: 'Stopped', cause: 'Suspended', message: 'spec.suspend is true' };
  return { is: context.settings.mode === 'OnDemand' && !called.has(turn) ? 'Asleep' : 'Running' };
}

/** How many more instances may be taken down for an update in this plan. */
export interface Turnover {
  left: number;
}

/** Plans the next step of one Instance, and sets the phase that follows from it. */
export function decide(turn: Turn, desire: Desire, turnover: Turnover) {
  if (turn.state === 'Unknown') return outOfReach(turn, desire);
  settleStop(turn);
  if (alive(turn)) {
    const { stop } = turn.next;
    clearStrays(turn);
    if (desire.is === 'Running' || desire.is === 'Asleep') noteOutdated(turn);
    if (stop !== undefined) return continueStop(turn, stop);
    if (turn.view.inFlight !== undefined) return;
    switch (desire.is) {
      case 'Running':
        keep(turn, turnover);
        return;
      case 'Asleep':
        if (!keep(turn, turnover)) sleep(turn);
        return;
      case 'Stopped':
      case 'Removed':
        return beginStop(turn, desire.cause, desire.message, 'Stay');
    }
  }
  const starting = turn.state === 'Claimed' && holdsPlace(turn.next) && turn.view.inFlight !== undefined;
  if (starting && desire.is !== 'Removed') return; // it keeps its place, whatever has changed since
  const drains = draining(turn);
  if (drains && (desire.is === 'Running' || desire.is === 'Removed')) return drain(turn, desire);
  if (desire.is !== 'Running') forgetPlans(turn, desire);
  if (!drains && clearStrays(turn) && desire.is !== 'Removed') return waitForStrays(turn);
  const { agent } = turn.context.world;
  switch (desire.is) {
    case 'Removed':
      return takeDown(turn, desire.cause, desire.message);
    case 'Stopped':
      return rest(
        turn,
        'Stopped',
        desire.cause,
        `${desire.message}. Start it with ${command(agent, `resume ${agent.metadata.name}`)}.`,
      );
    case 'Asleep':
      return rest(turn, 'Asleep', 'NoMessages', 'No message waits for it.');
    case 'Running':
      return turn.context.runtime !== undefined &&
        turn.context.refusal === undefined &&
        turn.context.runtime !== turn.object.spec.runtimeRef.name
        ? move(turn, turn.context.runtime)
        : planStart(turn);
  }
}

/** Keeps what is up, unless a rule asks for its restart or replacement. Tells whether one does. */
function keep(turn: Turn, turnover: Turnover): boolean {
  if (turn.context.refusal !== undefined) return false;
  return fails(turn) || update(turn, turnover) || restart(turn);
}

/** Stops what does not do what it should. */
function fails(turn: Turn): boolean {
  const { live } = turn.view.probe;
  if (turn.state === 'Running' && turn.context.world.agent.spec.liveness !== undefined && live?.ok === false)
    return stop(turn, 'LivenessFailed', `Liveness failed: ${live.message}`);
  const talk = talkOf(turn);
  if (talk?.state === 'Refused')
    return stop(turn, 'HandshakeRefused', `The protocol handshake failed: ${talk.message}`);
  if (talk?.failure !== undefined && talk.state === 'Ready')
    return stop(turn, talk.failure.reason, talk.failure.message);
  const why = unenforced(turn);
  if (why !== undefined) return stop(turn, notEnforced, why, 'Stay');
  const deadline = startDeadline(turn);
  if (deadline === undefined) return false;
  if (deadline <= turn.now)
    return stop(turn, 'StartDeadlineExceeded', 'It was not Ready within spec.startDeadline');
  wake(turn, deadline);
  return false;
}

function restart(turn: Turn): boolean {
  const due = dueRestart(turn);
  return due !== undefined && stop(turn, 'ScheduledRestart', due);
}

function stop(turn: Turn, cause: string, message: string, then: 'Restart' | 'Stay' = 'Restart'): true {
  beginStop(turn, cause, message, then);
  return true;
}

function update(turn: Turn, turnover: Turnover): boolean {
  const { outdated } = turn;
  if (outdated === undefined) return false;
  const { open, waits } = updateGate(turn);
  if (!open) return waitForUpdate(turn, waits);
  if (turn.ready) {
    if (turnover.left <= 0) return waitForUpdate(turn, 'It is replaced when the others are Ready');
    turnover.left -= 1;
  }
  const then = outdated.cause === 'RolloutRestart' ? 'Restart' : 'Replace';
  beginStop(turn, outdated.cause, outdated.message, then);
  return true;
}

function waitForUpdate(turn: Turn, waits: string): false {
  addWait(turn, 'AwaitingUpdate', `It is outdated. ${waits}.`);
  return false;
}

/** OnDemand: stops what has been idle for Policy.onDemand.keepalive. */
function sleep(turn: Turn) {
  const { keepalive } = turn.context.settings;
  const idle = idleSince(turn);
  if (keepalive === 0 || idle === undefined) return;
  const at = idle + keepalive;
  if (at > turn.now) return wake(turn, at);
  beginStop(turn, idleCause, `It has been idle for ${formatDuration(keepalive)}`, 'Stay');
}

function takeDown(turn: Turn, cause: string, message: string) {
  phase(turn, 'Stopping', cause, `${message}.`);
  if (turn.view.inFlight !== undefined) return;
  if (turn.view.observed === 'Unknown' && turn.state !== 'Never')
    return phase(turn, 'Unknown', 'RuntimeOffline', offlineText(turn, true));
  if (removalWaits(turn, 'Stopping')) return;
  const removals = removeAll(turn, cause, `${message}.`);
  turn.actions.push({
    type: 'DeleteInstance',
    id: `DeleteInstance/${turn.name}`,
    after: removals,
    cause,
    message: `${message}.`,
    name: turn.name,
  });
}

function move(turn: Turn, runtime: string) {
  const from = turn.object.spec.runtimeRef.name;
  const message = `It moves from Runtime ${from} to ${runtime}.`;
  if (turn.view.observed === 'Unknown')
    return phase(turn, 'Unknown', 'RuntimeOffline', offlineText(turn, false));
  phase(turn, 'Pending', 'RuntimeChanged', message);
  if (turn.view.inFlight !== undefined || removalWaits(turn, 'Pending')) return;
  const after = removeAll(turn, 'RuntimeChanged', message);
  if (turn.old.reason !== 'RuntimeChanged') tell(turn, 'Normal', 'RuntimeChanged', message);
  turn.actions.push({
    type: 'MoveInstance',
    id: `MoveInstance/${turn.name}`,
    after,
    cause: 'RuntimeChanged',
    message,
    name: turn.name,
    runtime,
  });
}

/** Its run has ended, and what it wrote is read first: until then its container is left as it is. */
function drain(turn: Turn, desire: Desire) {
  const { next, now } = turn;
  if (next.phase === 'Failed' || next.phase === 'Completed') return;
  const text = 'Its remaining output is being read.';
  if (desire.is === 'Removed') return phase(turn, 'Stopping', desire.cause, `${desire.message}. ${text}`);
  const until = waitUntil(turn);
  if (until === undefined || until <= now) return phase(turn, 'Pending', 'Draining', text);
  wake(turn, until);
  phase(turn, 'BackOff', 'Draining', `${text} It starts again at ${shortTime(until)}.`);
}

/** Not up and not wanted: a stop, a wait and a schedule mean nothing any more. */
function forgetPlans(turn: Turn, desire: Desire) {
  const { next } = turn;
  delete next.stop;
  delete next.queue;
  delete next.nextRestartAt;
  delete next.scheduleKey;
  delete next.restartDueSince;
  delete next.outdatedSince;
  const until = desire.is === 'Asleep' ? waitUntil(turn) : undefined;
  if (until === undefined || until <= turn.now) endWait(turn);
  else wake(turn, until); // a message that comes before does not cut the wait short
}

function rest(turn: Turn, to: 'Stopped' | 'Asleep', reason: string, message: string) {
  const { next } = turn;
  if (next.phase === 'Failed' || next.phase === 'Completed') return;
  phase(turn, to, reason, message);
}

const waitForStrays = (turn: Turn): void =>
  phase(turn, 'Pending', 'Duplicate', 'A duplicate of it is being removed first.');

function outOfReach(turn: Turn, desire: Desire) {
  const { runtime } = turn.context.world;
  const own = !('missing' in runtime) && runtime.object.metadata.name === turn.object.spec.runtimeRef.name;
  // What was known goes on to hold until the first list after the controller came up.
  if (own && runtime.health.state === 'Syncing' && turn.old.phase !== undefined) return;
  if (turn.view.observed !== 'Unknown') return wake(turn, turn.now + 5000); // an old list: a new one follows
  phase(turn, 'Unknown', 'RuntimeOffline', offlineText(turn, desire.is === 'Removed'));
  if (turn.old.phase !== 'Unknown') tell(turn, 'Warning', 'RuntimeOffline', turn.next.message ?? '');
}

function offlineText(turn: Turn, removing: boolean): string {
  const { runtime, agent } = turn.context.world;
  const { name } = turn.object.spec.runtimeRef;
  const object = turn.context.deleting ? `agent ${agent.metadata.name}` : `instance ${turn.name}`;
  const own = !('missing' in runtime) && runtime.object.metadata.name === name ? runtime.health : undefined;
  const why = own !== undefined && own.state !== 'Online' ? `: ${sentence(own.message)}` : '.';
  const next = removing
    ? ` Its deletion waits for it; ${command(agent, `delete ${object}`, '--force')} deletes it anyway.`
    : ' The instance is not started elsewhere.';
  return turn.view.runtimeMissing === true
    ? `The Runtime ${name} does not exist.${next}`
    : `The Runtime ${name} does not answer${why}${next}`;
}
