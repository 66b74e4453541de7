import type { InstanceStatus } from '../api/objects.ts';
import { sentence } from '../api/sentence.ts';
import type { Action } from './action.ts';
import { endWait, waitUntil } from './backoff.ts';
import { command } from './command.ts';
import { instant, shortTime, timeText } from './instant.ts';
import { askedRestart } from './outdated.ts';
import { holdsPlace, retries } from './place.ts';
import { clearFailures, noteRestart } from './restart.ts';
import { recordedInputs } from './revision.ts';
import { retryPeriod } from './stop.ts';
import { ended, home, nowText, phase, type Turn, tell, wake } from './turn.ts';
import type { Instant } from './world.ts';

type Run = NonNullable<InstanceStatus['run']>;

/** Brings up an Instance that should run and does not, or says what it waits for. */
export function planStart(turn: Turn) {
  const { next, context, now } = turn;
  const claimed = turn.state === 'Claimed' && holdsPlace(next);
  delete next.queue;
  if (turn.outdated?.cause === 'SpecChanged' && clearFailures(turn))
    tell(turn, 'Normal', 'Resumed', 'The new spec cleared its failures.');
  if (next.phase === 'Failed' || next.phase === 'Completed') return;
  if (turn.outdated?.cause === 'RolloutRestart') endWait(turn);
  const until = waitUntil(turn);
  if (until !== undefined && until > now) {
    wake(turn, until);
    const count = next.failures ?? 0;
    return phase(
      turn,
      'BackOff',
      'BackOff',
      `Failure ${count} in a row: it starts again at ${shortTime(until)}.`,
    );
  }
  const { refusal, missing, world } = context;
  // It is told of the Agent, once.
  if (refusal !== undefined) return hold(turn, refusal.reason, refusal.message, true);
  if (missing !== undefined) return hold(turn, missing.reason, missing.message);
  if (
    !('missing' in world.runtime) &&
    world.runtime.object.metadata.name === turn.object.spec.runtimeRef.name
  ) {
    const { health } = world.runtime;
    if (health.state !== 'Online') return hold(turn, `Runtime${health.state}`, health.message);
  }
  if (turn.view.observed === 'Unknown') return hold(turn, 'RuntimeOffline', 'Its Runtime does not answer.');
  if (turn.outdated !== undefined && lacks(next) !== undefined) delete next.lastOutcome;
  const retryAt = notStartable(turn);
  if (retryAt !== undefined && retryAt > now) return waitToRetry(turn, retryAt);
  if (context.revision.current === undefined) {
    if (!claimed) hold(turn, 'Scheduled', 'Its spec is being saved as a Revision.');
    return;
  }
  if (turn.view.inFlight !== undefined)
    return hold(turn, 'Scheduled', `It starts when ${turn.view.inFlight} has ended.`);
  if (claimed) return repeat(turn, context.revision.name);
  if (world.grants.has(turn.uid)) claim(turn, context.revision.name);
  else wait(turn);
}

/** These pass by themselves, and often within the same second. */
const quiet = new Set(['Queued', 'Scheduled', 'RuntimeSyncing']);

function hold(turn: Turn, reason: string, message: string, isTold = quiet.has(reason)) {
  const { next } = turn;
  if (turn.old.reason !== reason && !isTold) tell(turn, 'Warning', reason, message);
  if (retries(next)) delete next.lastOutcome; // the retry does not come about, and gives its place back
  phase(turn, 'Pending', reason, message);
}

/** How the start of this run failed, where something that it needs was missing. */
function lacks({ lastOutcome: last, run }: InstanceStatus): InstanceStatus['lastOutcome'] {
  return last?.result === 'NotStartable' && last.action === 'Start' && last.run === run?.number
    ? last
    : undefined;
}

/** Each wait is longer than the last by this factor, so about a quarter of the time that it has lasted so far. */
const growth = 1.25;
const slowestRetry = 5 * 60_000;
/** What a registry may ask for. */
const latestRetry = 60 * 60_000;

/** When to try the same run again after something that it needs was missing. */
function notStartable({ next, now }: Turn): Instant | undefined {
  const outcome = lacks(next);
  if (outcome === undefined) return undefined;
  const at = instant(outcome.at) ?? now;
  if (at < (instant(next.run?.claimedAt) ?? now)) return undefined; // it was tried again since
  const from = Math.min(at, now);
  const own = from + Math.round(Math.min(retryPeriod * growth ** ((outcome.count ?? 1) - 1), slowestRetry));
  return Math.max(own, Math.min(instant(outcome.retryAt) ?? own, from + latestRetry));
}

/** Each failed try is told, as the same Event: the message of the Event bears no time. */
function waitToRetry(turn: Turn, at: Instant) {
  const { reason = 'NotStartable', message = 'It cannot be started yet.' } = turn.next.lastOutcome ?? {};
  wake(turn, at);
  turn.retryAt = at;
  const { agent } = turn.context.world;
  const resume = command(agent, `resume ${agent.metadata.name}`);
  const text = `${sentence(message)} It is tried again at ${shortTime(at)}, or now with ${resume}.`;
  phase(turn, 'Pending', reason, text);
  if (turn.old.message !== turn.next.message) tell(turn, 'Warning', reason, message);
}

function wait(turn: Turn) {
  const { next, context, now } = turn;
  const place = context.world.places?.get(turn.uid);
  const since = place?.since ?? instant(turn.old.queue?.since) ?? now;
  turn.want = {
    uid: turn.uid,
    instance: turn.name,
    namespace: turn.object.metadata.namespace ?? 'default',
    runtime: turn.object.spec.runtimeRef.name,
    priority: context.settings.priority,
    since,
  };
  if (place !== undefined) next.queue = { position: place.position, since: timeText(since) };
  hold(turn, place?.reason ?? 'Queued', place?.message ?? 'It waits for a free place on its Runtime.');
}

/** Writes the intent of a new run, or takes a place for the one whose start was put off. */
function claim(turn: Turn, revision: string) {
  const { next } = turn;
  const { run } = next;
  const cause = causeOf(turn);
  if (turn.state === 'Claimed' && run !== undefined)
    next.run = { ...run, revision, claimedAt: nowText(turn) };
  else {
    if (next.backoffFrom !== undefined) noteRestart(turn);
    next.run = {
      number: (run?.number ?? 0) + 1,
      revision,
      claimedAt: nowText(turn),
      cause,
      startedBy: reusable(turn) ? 'Restart' : 'Create',
      previous: previousOf(turn),
    };
  }
  if (next.run.startedBy === 'Restart' && !reusable(turn)) next.run.startedBy = 'Create';
  noteInputs(turn, next.run, run);
  turn.state = 'Claimed';
  endWait(turn);
  delete next.stop;
  delete next.queue;
  delete next.readySince;
  delete next.restartDueSince;
  delete next.outdatedSince;
  emit(turn, next.run);
}

/** A container that is started again has the environment that it was made with; a process has a new one. */
function noteInputs({ context: { world } }: Turn, run: Run, before: Run | undefined) {
  const isProcess = !('missing' in world.runtime) && world.runtime.object.spec.driver === 'process';
  const inputs = run.startedBy === 'Restart' && !isProcess ? before?.inputs : recordedInputs(world);
  if (inputs === undefined || Object.keys(inputs).length === 0) delete run.inputs;
  else run.inputs = inputs;
}

/** The claim stands and nothing of it is seen: the start is asked for again, under the same number. */
function repeat(turn: Turn, revision: string) {
  const { run } = turn.next;
  if (run === undefined) return;
  const again = run.startedBy === 'Restart' && !reusable(turn);
  if (run.revision !== revision || again)
    turn.next.run = { ...run, revision, ...(again ? { startedBy: 'Create' as const } : {}) };
  emit(turn, turn.next.run ?? run);
}

function emit(turn: Turn, run: Run) {
  const how = run.startedBy ?? 'Create';
  const ref = how === 'Restart' ? turn.container?.ref : undefined;
  const what = how === 'Restart' ? 'starts again in the same' : 'starts in a new';
  const cause = run.cause ?? 'Claimed';
  const message = `Run ${run.number} ${what} ${home(turn)}.`;
  showStart(turn, cause, message);
  turn.outdated = undefined; // it comes up on the newest Revision
  turn.stale = undefined;
  askedRestart(turn);
  const action: Action = {
    type: 'Start',
    id: `Start/${turn.name}`,
    after: [],
    cause,
    message,
    name: turn.name,
    uid: turn.uid,
    run: run.number,
    revision: run.revision,
    how,
    ...(ref === undefined ? {} : { ref }),
    ...(lacks(turn.next) === undefined ? {} : { again: true }),
  };
  turn.actions.push(action);
}

/** One that lacked something stays Pending for that while it is tried again. */
function showStart(turn: Turn, cause: string, message: string) {
  const { lastOutcome: last } = turn.next;
  phase(turn, 'Pending', last?.reason ?? '', last?.message ?? message);
  if (!retries(turn.next)) phase(turn, 'Starting', cause, message);
}

/** The same container is started again, unless it is gone, outdated, or twice could not be started. */
function reusable({ container, outdated, next }: Turn): boolean {
  if (container?.startId === undefined) return false;
  if (outdated !== undefined && outdated.cause !== 'RolloutRestart') return false;
  if (next.stop?.then === 'Replace') return false;
  const { lastOutcome: outcome } = next;
  const failing =
    outcome?.action === 'Start' && outcome.result !== 'Succeeded' && outcome.run === next.run?.number;
  return !(failing && (outcome.count ?? 1) >= 2);
}

function previousOf({ container }: Turn): NonNullable<Run['previous']> {
  if (container === undefined) return {};
  const { ref, startId } = container;
  return startId === undefined ? { ref } : { ref, startedAt: startId };
}

function causeOf(turn: Turn): string {
  const { next, outdated } = turn;
  const onDemand = turn.context.settings.mode === 'OnDemand';
  if (next.run === undefined) return onDemand ? 'Message' : 'FirstStart';
  if (next.stop !== undefined && ended(turn)) return next.stop.cause;
  if (outdated !== undefined && !onDemand) return outdated.cause;
  if (next.backoffFrom !== undefined) return 'BackOffEnded';
  if (next.lastExit?.cause === 'Runtime') return 'RuntimeRestarted';
  return onDemand ? 'Message' : 'Resumed';
}
