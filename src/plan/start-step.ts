import type { InstanceStatus } from '../api/objects.ts';
import { command, sentence } from '../api/text.ts';
import type { Action } from './action.ts';
import {
  emitEvent,
  ended,
  holdsPlace,
  home,
  type InstanceDraft,
  nowText,
  phase,
  retries,
  wake,
} from './draft.ts';
import { askedRestart } from './outdated.ts';
import { clearFailures, endText, endWait, noteRestart, waitUntil } from './restart.ts';
import { recordedInputs } from './revision.ts';
import { retryPeriod } from './stop.ts';
import { type Instant, instant, shortTime, timeText } from './times.ts';
import { gateText } from './world.ts';

type Run = NonNullable<InstanceStatus['run']>;

/** Starts an Instance that should run but does not, or reports what it waits for. */
export function planStart(draft: InstanceDraft) {
  const { next, context, now } = draft;
  const claimed = draft.state === 'Claimed' && holdsPlace(next);
  delete next.queue;
  if (draft.outdated?.cause === 'SpecChanged' && clearFailures(draft))
    emitEvent(draft, 'Normal', 'Resumed', 'The new spec cleared its failures.');
  if (next.phase === 'Failed' || next.phase === 'Completed') return;
  if (draft.outdated?.cause === 'RolloutRestart') endWait(draft);
  const until = waitUntil(draft);
  if (until !== undefined && until > now) {
    wake(draft, until);
    const follows = `Failure ${next.failures ?? 0} in a row: it starts again at ${shortTime(until)}.`;
    const exit = ended(draft) ? next.lastExit : undefined;
    return phase(draft, 'BackOff', 'BackOff', exit === undefined ? follows : endText(draft, exit, follows));
  }
  const { refusal, missing, gate, world } = context;
  // No Event here: the Agent emits one.
  if (refusal !== undefined) return hold(draft, refusal.reason, refusal.message, true);
  if (missing !== undefined) return hold(draft, missing.reason, missing.message);
  if (
    !('missing' in world.runtime) &&
    world.runtime.object.metadata.name === draft.object.spec.runtimeRef.name
  ) {
    const { health } = world.runtime;
    if (health.state !== 'Online') return hold(draft, `Runtime${health.state}`, health.message);
  }
  if (draft.view.observed === 'Unknown') return hold(draft, 'RuntimeOffline', 'Its Runtime does not answer.');
  if (gate !== undefined) return hold(draft, gate.reason, gateText(gate));
  if (draft.outdated !== undefined && lacks(next) !== undefined) delete next.lastOutcome;
  const retryAt = notStartable(draft);
  if (retryAt !== undefined && retryAt > now) return waitToRetry(draft, retryAt);
  if (context.revision.current === undefined) {
    if (!claimed) hold(draft, 'Scheduled', 'Its spec is being saved as a Revision.');
    return;
  }
  if (draft.view.inFlight !== undefined)
    return hold(draft, 'Scheduled', `It starts when ${draft.view.inFlight} has ended.`);
  if (claimed) return repeat(draft, context.revision.name);
  if (world.grants.has(draft.uid)) claim(draft, context.revision.name);
  else wait(draft);
}

/** These pass by themselves, often within a second, so they emit no Event. */
const quiet = new Set(['Queued', 'Scheduled', 'RuntimeSyncing']);

function hold(draft: InstanceDraft, reason: string, message: string, isQuiet = quiet.has(reason)) {
  const { next } = draft;
  if (draft.old.reason !== reason && !isQuiet) emitEvent(draft, 'Warning', reason, message);
  if (retries(next)) delete next.lastOutcome; // the retry does not happen, and gives its place back
  phase(draft, 'Pending', reason, message);
}

/** The failed start of this run, if something that it needs was missing. */
function lacks({ lastOutcome: last, run }: InstanceStatus): InstanceStatus['lastOutcome'] {
  return last?.result === 'NotStartable' && last.action === 'Start' && last.run === run?.number
    ? last
    : undefined;
}

/**
 * Each wait is longer than the last by this factor, so a wait is about a quarter of the time since the first failure.
 */
const growth = 1.25;
const slowestRetry = 5 * 60_000;
/** The longest wait that a registry can ask for. */
const latestRetry = 60 * 60_000;

/** When to retry the same run after something that it needs was missing. */
function notStartable({ next, now }: InstanceDraft): Instant | undefined {
  const outcome = lacks(next);
  if (outcome === undefined) return undefined;
  const at = instant(outcome.at) ?? now;
  if (at < (instant(next.run?.claimedAt) ?? now)) return undefined; // it was retried since
  const from = Math.min(at, now);
  const own = from + Math.round(Math.min(retryPeriod * growth ** ((outcome.count ?? 1) - 1), slowestRetry));
  return Math.max(own, Math.min(instant(outcome.retryAt) ?? own, from + latestRetry));
}

/** Each failed try emits the same Event: the message of the Event has no time, so the Events are counted as one. */
function waitToRetry(draft: InstanceDraft, at: Instant) {
  const { reason = 'NotStartable', message = 'It cannot be started yet.' } = draft.next.lastOutcome ?? {};
  wake(draft, at);
  draft.retryAt = at;
  const { agent } = draft.context.world;
  const resume = command(agent, `resume ${agent.metadata.name}`);
  const text = `${sentence(message)} It is tried again at ${shortTime(at)}, or now with ${resume}.`;
  phase(draft, 'Pending', reason, text);
  if (draft.old.message !== draft.next.message) emitEvent(draft, 'Warning', reason, message);
}

function wait(draft: InstanceDraft) {
  const { next, context, now } = draft;
  const place = context.world.places?.get(draft.uid);
  const since = place?.since ?? instant(draft.old.queue?.since) ?? now;
  draft.want = {
    uid: draft.uid,
    instance: draft.name,
    namespace: draft.object.metadata.namespace ?? 'default',
    runtime: draft.object.spec.runtimeRef.name,
    priority: context.settings.priority,
    since,
  };
  if (place !== undefined) next.queue = { position: place.position, since: timeText(since) };
  hold(draft, place?.reason ?? 'Queued', place?.message ?? 'It waits for a free place on its Runtime.');
}

/** Writes the intent of a new run, or takes a place for a claimed run whose start was postponed. */
function claim(draft: InstanceDraft, revision: string) {
  const { next } = draft;
  const { run } = next;
  const cause = causeOf(draft);
  if (draft.state === 'Claimed' && run !== undefined)
    next.run = { ...run, revision, claimedAt: nowText(draft) };
  else {
    if (next.backoffFrom !== undefined) noteRestart(draft);
    next.run = {
      number: (run?.number ?? 0) + 1,
      revision,
      claimedAt: nowText(draft),
      cause,
      startedBy: reusable(draft) ? 'Restart' : 'Create',
      previous: previousOf(draft),
    };
  }
  if (next.run.startedBy === 'Restart' && !reusable(draft)) next.run.startedBy = 'Create';
  noteInputs(draft, next.run, run);
  draft.state = 'Claimed';
  endWait(draft);
  delete next.stop;
  delete next.queue;
  delete next.readySince;
  delete next.restartDueSince;
  delete next.outdatedSince;
  emit(draft, next.run);
}

/** A restart in place keeps the environment of the create, unless it renews it. */
function noteInputs({ context: { world } }: InstanceDraft, run: Run, before: Run | undefined) {
  const isRenewed = !('missing' in world.runtime) && world.runtime.capabilities.restartInPlace === 'Renewed';
  const inputs = run.startedBy === 'Restart' && !isRenewed ? before?.inputs : recordedInputs(world);
  if (inputs === undefined || Object.keys(inputs).length === 0) delete run.inputs;
  else run.inputs = inputs;
}

/** The run is claimed, but the Runtime does not show it. Plans the start again, under the same number. */
function repeat(draft: InstanceDraft, revision: string) {
  const { run } = draft.next;
  if (run === undefined) return;
  const again = run.startedBy === 'Restart' && !reusable(draft);
  if (run.revision !== revision || again)
    draft.next.run = { ...run, revision, ...(again ? { startedBy: 'Create' as const } : {}) };
  emit(draft, draft.next.run ?? run);
}

function emit(draft: InstanceDraft, run: Run) {
  const replaces = draft.container !== undefined && !restartsInPlace(draft);
  const how = run.startedBy === 'Restart' ? 'Restart' : replaces ? 'Replace' : 'Create';
  const ref = how === 'Create' ? undefined : draft.container?.ref;
  const cause = run.cause ?? 'Claimed';
  const message = `Run ${run.number} ${startText[how](home(draft))}.`;
  showStart(draft, cause, message);
  draft.outdated = undefined; // it starts with the newest Revision
  draft.stale = undefined;
  askedRestart(draft);
  const action: Action = {
    type: 'Start',
    id: `Start/${draft.name}`,
    after: [],
    cause,
    message,
    name: draft.name,
    uid: draft.uid,
    run: run.number,
    revision: run.revision,
    how,
    ...(ref === undefined ? {} : { ref }),
    ...(lacks(draft.next) === undefined ? {} : { again: true }),
  };
  draft.actions.push(action);
}

const startText = {
  Create: (home: string) => `starts in a new ${home}`,
  Restart: (home: string) => `starts again in the same ${home}`,
  Replace: (home: string) => `starts in a new ${home}, which replaces the last one`,
};

/** A start that lacked something stays Pending with that reason while it is retried. */
function showStart(draft: InstanceDraft, cause: string, message: string) {
  const { lastOutcome: last } = draft.next;
  phase(draft, 'Pending', last?.reason ?? '', last?.message ?? message);
  if (!retries(draft.next)) phase(draft, 'Starting', cause, message);
}

function restartsInPlace({ context: { world } }: InstanceDraft): boolean {
  return 'missing' in world.runtime || world.runtime.capabilities.restartInPlace !== false;
}

/** Whether to start the same container again: it exists, is not outdated, and has not failed to start twice. */
function reusable(draft: InstanceDraft): boolean {
  const { container, outdated, next } = draft;
  if (container?.startId === undefined || !restartsInPlace(draft)) return false;
  if (outdated !== undefined && outdated.cause !== 'RolloutRestart') return false;
  if (next.stop?.then === 'Replace') return false;
  const { lastOutcome: outcome } = next;
  const failing =
    outcome?.action === 'Start' && outcome.result !== 'Succeeded' && outcome.run === next.run?.number;
  return !(failing && (outcome.count ?? 1) >= 2);
}

function previousOf({ container }: InstanceDraft): NonNullable<Run['previous']> {
  if (container === undefined) return {};
  const { ref, startId } = container;
  return startId === undefined ? { ref } : { ref, startedAt: startId };
}

function causeOf(draft: InstanceDraft): string {
  const { next, outdated } = draft;
  const onDemand = draft.context.settings.mode === 'OnDemand';
  if (next.run === undefined) return onDemand ? 'Message' : 'FirstStart';
  if (next.stop !== undefined && ended(draft)) return next.stop.cause;
  if (outdated !== undefined && !onDemand) return outdated.cause;
  if (next.backoffFrom !== undefined) return 'BackOffEnded';
  if (next.lastExit?.cause === 'Runtime') return 'RuntimeRestarted';
  return onDemand ? 'Message' : 'Resumed';
}
