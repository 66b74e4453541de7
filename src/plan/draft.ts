import type { AgentSpec, Instance, InstanceStatus } from '../api/objects.ts';
import { asSentence } from '../api/sentence.ts';
import { visible } from '../api/visible.ts';
import type { Action, FieldDrift, PlannedEvent, Want } from './action.ts';
import type { Context } from './context.ts';
import type { Desire } from './decide.ts';
import { instant, timeText } from './instant.ts';
import type { Activity, InstanceView, Instant, Observed, TalkView } from './world.ts';

type Phase = NonNullable<InstanceStatus['phase']>;

/**
 * Where the newest run stands:
 * - Never: there has been none.
 * - Claimed: its intent is written, and nothing of it has been seen.
 * - Running, Paused: it is up.
 * - Ended: its end is in lastExit.
 * - Unknown: the Runtime cannot be asked, or shows less than was known already.
 */
type RunState = 'Never' | 'Claimed' | 'Running' | 'Paused' | 'Ended' | 'Unknown';

/** Why an instance is not on the spec as it is now. */
export interface Outdated {
  cause: 'SpecChanged' | 'SecretChanged' | 'ImageUpdated' | 'ControllerUpgraded' | 'RolloutRestart';
  message: string;
  /** The fields that differ, where the cause is the spec. */
  fields: readonly FieldDrift[];
}

/** One Instance's part of a plan while it is being made. `next` is a draft of its status. */
export interface InstanceDraft {
  readonly context: Context;
  readonly view: InstanceView;
  readonly object: Instance;
  readonly name: string;
  readonly uid: string;
  readonly now: Instant;
  readonly old: InstanceStatus;
  readonly next: InstanceStatus;
  state: RunState;
  /** The container of the newest run, up or ended; of a claimed run what stood there before. */
  container: Observed | undefined;
  /** Containers that are not the newest run's. */
  strays: readonly Observed[];
  outdated: Outdated | undefined;
  /** What it runs with has changed, and it goes on: told to people. */
  stale: string | undefined;
  /** Set while it is up: whether it counts as Ready now. */
  ready: boolean;
  readonly actions: Action[];
  readonly events: PlannedEvent[];
  want: Want | undefined;
  wakeAt: Instant | undefined;
  /** Set while a start that lacked something waits to be tried again. */
  retryAt: Instant | undefined;
}

export function draftOf(context: Context, view: InstanceView): InstanceDraft {
  const { object } = view;
  const old = object.status ?? {};
  return {
    context,
    view,
    object,
    name: object.metadata.name,
    uid: object.metadata.uid,
    now: context.world.now,
    old,
    next: { ...old },
    state: 'Never',
    container: undefined,
    strays: [],
    outdated: undefined,
    stale: undefined,
    ready: false,
    actions: [],
    events: [],
    want: undefined,
    wakeAt: undefined,
    retryAt: undefined,
  };
}

export const alive = ({ state }: InstanceDraft): boolean => state === 'Running' || state === 'Paused';

/** Whether the stored end is that of the newest run. */
export const ended = ({ next }: InstanceDraft): boolean =>
  next.run !== undefined && next.lastExit?.run === next.run.number;

/** The answer may change at that instant. */
export function wake(draft: InstanceDraft, at: Instant): void {
  if (at > draft.now && (draft.wakeAt === undefined || at < draft.wakeAt)) draft.wakeAt = at;
}

/** The message may quote an agent, and kubectl prints it as it is. */
export function phase(draft: InstanceDraft, to: Phase, reason: string, message: string): void {
  draft.next.phase = to;
  draft.next.reason = reason;
  draft.next.message = visible(asSentence(message));
}

/** Says what an instance that is up waits for; the reason only where there is nothing worse to say. */
export function addWait({ next }: InstanceDraft, reason: string, message: string): void {
  if (next.phase === 'Ready') next.reason = reason;
  next.message = `${next.message ?? ''} ${message}`;
}

export function emitEvent(
  draft: InstanceDraft,
  type: PlannedEvent['type'],
  reason: string,
  message: string,
): void {
  draft.events.push({ type, reason, message, instance: draft.name });
}

/** What an instance runs in, in words. */
export function home({ context }: InstanceDraft): 'container' | 'folder' {
  const { runtime } = context.world;
  return !('missing' in runtime) && runtime.object.spec.driver === 'process' ? 'folder' : 'container';
}

/** A stored instant is never later than now: the clock went back. */
export const past = (draft: InstanceDraft, at: Instant): Instant => Math.min(at, draft.now);

export const nowText = (draft: InstanceDraft): string => timeText(draft.now);

/** One Instance on its way through a plan: what is known of it, and what should become of it. */
export interface Part {
  draft: InstanceDraft;
  desire: Desire;
}

/**
 * Whether the status takes one of its Runtime's places: its run is up, or claimed and about to come up. A claim that
 * waits for something (Pending) gives its place back, and takes one again when it goes on.
 */
export function holdsPlace(status: InstanceStatus): boolean {
  const { run, phase } = status;
  if (run === undefined || status.lastExit?.run === run.number) return false;
  return (
    run.startedAt !== undefined ||
    phase === 'Starting' ||
    phase === 'Unknown' ||
    phase === 'Stopping' ||
    retries(status)
  );
}

/**
 * Whether a start that lacked something is being tried again. For people it stays Pending for the same reason, rather
 * than Starting in turns with it.
 */
export function retries({ run, phase, reason, lastOutcome: last }: InstanceStatus): boolean {
  if (phase !== 'Pending' || last?.result !== 'NotStartable' || last.action !== 'Start') return false;
  if (run === undefined || run.startedAt !== undefined || last.run !== run.number) return false;
  return last.reason === reason && (instant(run.claimedAt) ?? 0) > (instant(last.at) ?? 0);
}

/** Whether instances are talked to at all. */
export const speaks = ({ protocol }: AgentSpec): boolean => protocol === 'acp' || protocol === 'jsonl';

/**
 * An instance that has nothing to do since then. One without a protocol has no turns: it is idle at any time, so whatever
 * waits for idleness comes at once.
 */
export const idle = (spec: AgentSpec, since: Instant): Activity => ({
  busy: false,
  idleSince: speaks(spec) ? since : 0,
  waiting: 0,
});

/** How the newest run is talked to; what is known of an earlier one counts for nothing. */
export function talkOf({ view, next }: InstanceDraft): TalkView | undefined {
  const { talk } = view;
  return talk !== undefined && talk.run === next.run?.number ? talk : undefined;
}

/** The run has ended, and what it wrote is not read to the end: its container must stay as it is. */
export const draining = (draft: InstanceDraft): boolean => talkOf(draft)?.state === 'Draining';
