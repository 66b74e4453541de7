import type { AgentSpec, Instance, InstanceStatus } from '../api/objects.ts';
import { asSentence, visible } from '../api/text.ts';
import type { Action, FieldDrift, PlannedEvent, Want } from './action.ts';
import type { Context } from './context.ts';
import { type Instant, instant, timeText } from './times.ts';
import type { Activity, InstanceView, Observed, TalkView } from './world.ts';

type Phase = NonNullable<InstanceStatus['phase']>;

/** Cause of the stop that puts an instance to sleep. */
export const idleCause = 'Idle';

/**
 * The state of the newest run:
 * - Never: there has been none.
 * - Claimed: its intent is written, but the Runtime does not show it yet.
 * - Running, Paused: it is up.
 * - Ended: its end is in lastExit.
 * - Unknown: the Runtime cannot be asked, or its answer is older than what is known.
 */
type RunState = 'Never' | 'Claimed' | 'Running' | 'Paused' | 'Ended' | 'Unknown';

/** Why an instance does not run the current spec. */
export interface Outdated {
  cause: 'SpecChanged' | 'SecretChanged' | 'ImageUpdated' | 'ControllerUpgraded' | 'RolloutRestart';
  message: string;
  /** The fields that differ, if the spec is the cause. */
  fields: readonly FieldDrift[];
}

/** One Instance's part of a plan while the plan is made. `next` is a draft of its next status. */
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
  /** The container of the newest run, up or ended. Of a claimed run, the container of the run before. */
  container: Observed | undefined;
  /** All other containers of the Instance. */
  strays: readonly Observed[];
  outdated: Outdated | undefined;
  /** What has changed since the start without causing a restart. For people. */
  stale: string | undefined;
  /** Whether a running instance is Ready now. */
  ready: boolean;
  readonly actions: Action[];
  readonly events: PlannedEvent[];
  want: Want | undefined;
  wakeAt: Instant | undefined;
  /** When the next try is, if a start lacked something. */
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

/** Whether lastExit belongs to the newest run. */
export const ended = ({ next }: InstanceDraft): boolean =>
  next.run !== undefined && next.lastExit?.run === next.run.number;

/** Sets wakeAt to this instant, unless it is earlier already. */
export function wake(draft: InstanceDraft, at: Instant): void {
  if (at > draft.now && (draft.wakeAt === undefined || at < draft.wakeAt)) draft.wakeAt = at;
}

/** The message may quote an agent, and kubectl prints it unfiltered. */
export function phase(draft: InstanceDraft, to: Phase, reason: string, message: string): void {
  draft.next.phase = to;
  draft.next.reason = reason;
  draft.next.message = visible(asSentence(message));
}

/** Adds to the message what a running instance waits for. Sets the reason only if there is nothing worse to report. */
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

/** The word for what an instance runs in. */
export function home({ context }: InstanceDraft): 'container' | 'folder' | 'pod' {
  const { runtime } = context.world;
  const noun = 'missing' in runtime ? 'container' : runtime.capabilities.noun;
  return noun === 'process' ? 'folder' : noun;
}

/** Returns `at`, but never later than now: a stored instant in the future means that the clock was set back. */
export const past = (draft: InstanceDraft, at: Instant): Instant => Math.min(at, draft.now);

export const nowText = (draft: InstanceDraft): string => timeText(draft.now);

/**
 * Whether the status holds one of its Runtime's places: its run is up, or claimed and about to start. A claim that
 * waits for something (Pending) gives its place back, and takes a new one when it continues.
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
 * Whether a start that lacked something is being retried. Such an instance stays Pending with the same reason.
 * Otherwise its phase would alternate with Starting.
 */
export function retries({ run, phase, reason, lastOutcome: last }: InstanceStatus): boolean {
  if (phase !== 'Pending' || last?.result !== 'NotStartable' || last.action !== 'Start') return false;
  if (run === undefined || run.startedAt !== undefined || last.run !== run.number) return false;
  return last.reason === reason && (instant(run.claimedAt) ?? 0) > (instant(last.at) ?? 0);
}

/** Whether the controller talks to the instances. */
export const speaks = ({ protocol }: AgentSpec): boolean => protocol !== 'none';

/**
 * Returns the activity of an instance that has been idle since `since`. An instance without a protocol has no turns. It
 * is always idle, so nothing that waits for idleness is delayed.
 */
export const idle = (spec: AgentSpec, since: Instant): Activity => ({
  busy: false,
  idleSince: speaks(spec) ? since : 0,
  waiting: 0,
});

/** The connection to the newest run. A connection to an earlier run does not count. */
export function talkOf({ view, next }: InstanceDraft): TalkView | undefined {
  const { talk } = view;
  return talk !== undefined && talk.run === next.run?.number ? talk : undefined;
}

/** Whether the run has ended but its output is not read to the end. Its container must not change until then. */
export const draining = (draft: InstanceDraft): boolean => talkOf(draft)?.state === 'Draining';
