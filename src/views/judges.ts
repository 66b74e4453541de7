import { revertedAnnotation, syncAnnotations } from '../api/annotations.ts';
import { deepEqual } from '../api/json.ts';
import type { AnyObject, Condition, Sync, SyncStatus } from '../api/objects.ts';
import { conditionOf, type SyncView } from './sync-view.ts';

/** What wait, rollout, apply and delete wait for. */
export const created: Judge = (object) => (object === undefined ? { pending: { is: 'Missing' } } : 'met');

export const deleted: Judge = (object) => {
  if (object === undefined) return 'met';
  if (object.metadata.deletionTimestamp === undefined) return { pending: { is: 'NotDeleted' } };
  const { finalizers = [] } = object.metadata;
  const isOurs = finalizers.some((name) => name.startsWith('agentctl.dev/'));
  return {
    pending: { is: 'DeletionPending', finalizers, message: isOurs ? deletionMessage(object) : undefined },
  };
};

/** Like deleted, for the object with this uid: another one may have its name since. */
export const deletedWithUid =
  (uid: string | undefined): Judge =>
  (object) =>
    object?.metadata.uid === uid ? deleted(object) : 'met';

/** Returns the controller's message about the deletion; an Agent's message is that of its Instances. */
function deletionMessage(object: AnyObject): string | undefined {
  if (object.kind !== 'Agent' && object.kind !== 'Instance') return undefined;
  const { phase, message } = object.status ?? {};
  return (phase === 'Stopping' || phase === 'Unknown') && message !== '' ? message : undefined;
}

export const condition =
  (type: string, wanted: string): Judge =>
  (object) => {
    if (object === undefined) return { never: { is: 'Missing' } };
    const all = conditionsOf(object);
    const found = all.find((each) => each.type.toLowerCase() === type.toLowerCase());
    const seen = found?.observedGeneration ?? observedGeneration(object);
    const current = (object.metadata.generation ?? 0) <= (seen ?? object.metadata.generation ?? 0);
    if (found !== undefined && current && found.status.toLowerCase() === wanted.toLowerCase()) return 'met';
    const hopeless = current && type.toLowerCase() === 'ready' && wanted.toLowerCase() === 'true';
    const why = hopeless ? neverReady(object, all) : undefined;
    if (why !== undefined) return { never: why };
    if (object.metadata.deletionTimestamp !== undefined) return { never: { is: 'Deleting' } };
    if (found === undefined) return { pending: { is: 'NoCondition', type } };
    if (!current) return { pending: { is: 'Unobserved', by: 'Condition' } };
    return { pending: { is: 'Condition', condition: { ...found, type } } }; // as it was asked for
  };

/** Ready, or in mode OnDemand and asleep until a message comes. */
export const readyOrAsleep: Judge = (object) => {
  const { phase, observedGeneration: seen = 0 } = (object?.kind === 'Agent' && object.status) || {};
  const current = seen >= (object?.metadata.generation ?? 0);
  return phase === 'Asleep' && current ? { met: 'Asleep' } : condition('Ready', 'True')(object);
};

/** Like readyOrAsleep, unless autoRevert has reverted what was applied. */
export const readyAsApplied =
  (applied: AnyObject): Judge =>
  (object) => {
    const reverted = object?.metadata.annotations?.[revertedAnnotation];
    if (reverted === undefined || reverted === applied.metadata.annotations?.[revertedAnnotation])
      return readyOrAsleep(object);
    const [revision = ''] = reverted.split(' ');
    return { never: { is: 'Reverted', revision, agent: applied.metadata.name } };
  };

/**
 * Like readyOrAsleep, but does not wait for missing objects: a one-off agent was created just now, and will be removed
 * again.
 */
export const readyAtOnce: Judge = (object) => {
  const { phase, reason = '', message = '' } = (object?.kind === 'Agent' && object.status) || {};
  return phase === 'Pending' && missing.has(reason)
    ? { never: { is: 'Reported', reason, message } }
    : readyOrAsleep(object);
};

const missing: ReadonlySet<string> = new Set([
  'CommandNotFound',
  'FilesNotWritable',
  'ImagePull',
  'ImageMissing',
  'MountMissing',
  'SecretMissing',
  'ConfigMapMissing',
]);

/** Whether all instances of an Agent are Ready on the newest spec, judged as kubectl judges a Deployment. */
export const rolledOut: Judge = (object) => {
  if (object?.kind !== 'Agent') return { never: { is: 'Deleted' } };
  const { metadata, spec, status = {} } = object;
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0))
    return { pending: { is: 'Unobserved', by: 'Rollout' } };
  const progressing = status.conditions?.find(({ type }) => type === 'Progressing');
  const refused = refusal(status.conditions);
  if (refused !== undefined) return { never: refused };
  if (spec.suspend) return { never: { is: 'Suspended', kind: 'Agent', name: metadata.name } };
  if (progressing?.status === 'False' && progressing.reason === 'ProgressDeadlineExceeded')
    return { never: reported(progressing) };
  const stalled = status.conditions?.find(({ type }) => type === 'Stalled');
  if (stalled?.status === 'True') return { never: reported(stalled) };
  const { updatedReplicas = 0, readyReplicas = 0, replicas = 0 } = status;
  const of = spec.replicas;
  // A sleeping agent has nothing to do, and gets the newest revision when it wakes.
  const asleep = status.phase === 'Asleep' && progressing?.reason === 'Complete';
  if (updatedReplicas < of && !asleep) return { pending: { is: 'NotUpdated', count: updatedReplicas, of } };
  if (replicas > of) return { pending: { is: 'Surplus', count: replicas - of } };
  if (status.phase === 'Failed') return { never: reported(status) };
  if (readyReplicas < of && !asleep) return { pending: { is: 'NotReady', count: readyReplicas, of } };
  return 'met';
};

/** Whether a field has a value: this one, or any. `find` returns the values at `path`. */
export const field =
  (path: string, find: (object: AnyObject) => readonly unknown[], wanted: string | undefined): Judge =>
  (object) => {
    if (object === undefined) return { never: { is: 'Missing' } };
    const values = find(object).map((value) =>
      typeof value === 'object' ? JSON.stringify(value) : String(value),
    );
    if (values.some((value) => wanted === undefined || value === wanted)) return 'met';
    if (object.metadata.deletionTimestamp !== undefined) return { never: { is: 'Deleting' } };
    return { pending: { is: 'Field', path, values } };
  };

const conditionsOf = (object: AnyObject): readonly Condition[] =>
  ('status' in object && object.status !== undefined && 'conditions' in object.status
    ? object.status.conditions
    : undefined) ?? [];

const observedGeneration = (object: AnyObject): number | undefined =>
  'status' in object && object.status !== undefined && 'observedGeneration' in object.status
    ? object.status.observedGeneration
    : undefined;

/** Returns why an Agent or Instance can no longer become Ready by itself; undefined if it can. */
function neverReady(object: AnyObject, conditions: readonly Condition[]): Reason | undefined {
  const refused = refusal(conditions);
  if (refused !== undefined) return refused;
  if (object.kind !== 'Agent' && object.kind !== 'Instance') return undefined;
  if (object.kind === 'Agent' && object.spec.suspend)
    return { is: 'Suspended', kind: 'Agent', name: object.metadata.name };
  if (object.kind === 'Agent' && object.spec.replicas === 0) return { is: 'NoReplicas' };
  const { status = {} } = object;
  const { phase } = status;
  return phase === 'Failed' || phase === 'Completed' || phase === 'Stopped' ? reported(status) : undefined;
}

/** Reasons of Accepted=False that end when another object is created. */
const curable: ReadonlySet<string> = new Set(['PolicyMissing', 'RuntimeMissing']);

function refusal(conditions: readonly Condition[] = []): Reason | undefined {
  const accepted = conditions.find(({ type }) => type === 'Accepted');
  return accepted?.status === 'False' && !curable.has(accepted.reason) ? reported(accepted) : undefined;
}

const reported = ({ phase, reason, message }: Omit<Extract<Reason, { is: 'Reported' }>, 'is'>): Reason => ({
  is: 'Reported',
  phase,
  reason,
  message,
});

/** What sync and wait wait for in a Sync. */
/** Reasons of Ready, for the revision that was found, that only another commit can fix. */
const hopeless: ReadonlySet<string> = new Set([
  ...['InvalidManifests', 'NotAllowed'],
  ...['NotVerified', 'PathMissing', 'TooLarge', 'RenderFailed', 'OutsideTree'],
]);

/** Whether a revision is applied whose id begins so. */
export const revisionApplied =
  (wanted: string): Judge =>
  (object) => {
    if (object?.kind !== 'Sync') return { never: { is: 'Missing' } };
    const { metadata, spec, status = {} } = object;
    const { revision, reference } = status;
    if (revision?.startsWith(wanted) === true) return 'met';
    if (metadata.deletionTimestamp !== undefined) return { never: { is: 'Deleting' } };
    const idle = metadata.annotations?.[syncAnnotations.requested] === status.lastHandledRequest;
    if (spec.suspend && idle && status.pendingApproval === undefined)
      return { never: { is: 'Suspended', kind: 'Sync', name: metadata.name } };
    const applied = revision === undefined ? undefined : { revision, reference };
    const ready = conditionOf(object, 'Ready');
    if (ready === undefined || ready.status === 'True') return { pending: { is: 'OtherApplied', applied } };
    const tried = status.attempted?.revision.startsWith(wanted) === true;
    const isCurrent = (ready.observedGeneration ?? 0) >= (metadata.generation ?? 0);
    const { reason, message } = ready;
    if (tried && isCurrent && ready.status === 'False' && hopeless.has(reason))
      return { never: { is: 'Reported', reason, message } };
    return { pending: { is: 'OtherApplied', applied, ready } };
  };

/**
 * Whether a look was handled that this request asked for. A later request is handled by a newer look, which also handles
 * ours. `onHandled` gets the Sync after it.
 */
export const handled =
  (request: string, onHandled: (after: Sync) => void): Judge =>
  (object) => {
    if (object?.kind !== 'Sync') return { never: { is: 'Deleted' } };
    const newest = object.metadata.annotations?.[syncAnnotations.requested];
    const last = object.status?.lastHandledRequest;
    const ready = conditionOf(object, 'Ready');
    if (ready?.reason === 'Progressing')
      return { pending: { is: 'Reported', reason: ready.reason, message: ready.message } };
    if (last === undefined || (last !== request && last !== newest))
      return { pending: { is: 'SourceUnread' } };
    onHandled(object);
    return 'met';
  };

/** The result of a requested look. */
export type SyncResult =
  | { failed: Reason }
  | {
      applied: NonNullable<SyncView['applied']>;
      /** What the revision changed; empty if it was applied before. */
      changes: NonNullable<SyncStatus['changes']>;
      /** How many objects were set back. Objects whose drift was corrected are not changes of a revision. */
      repaired: number;
      drifted: number;
      warnings: readonly string[];
    };

/** `before` is the Sync when the look was requested. */
export function syncResult(before: Sync, after: Sync): SyncResult {
  const { status = {} } = after;
  const { revision, reference, changedBy, changes = [], drift = [], warnings = [] } = status;
  const ready = conditionOf(after, 'Ready');
  // A suspended Sync is suspended again after its one look; then Ready no longer shows the result.
  const succeeded = ready?.reason === 'Suspended' && status.attempted?.revision === revision;
  if (ready?.status === 'False' && !succeeded)
    return { failed: { is: 'Reported', reason: ready.reason, message: ready.message } };
  if (revision === undefined) return { failed: { is: 'NothingApplied' } };
  const isNew = changedBy !== before.status?.changedBy || !deepEqual(changes, before.status?.changes ?? []);
  return {
    applied: { revision, reference },
    changes: isNew && changedBy === revision ? changes : [],
    repaired: Math.max(0, (before.status?.drift?.length ?? 0) - drift.length),
    drifted: drift.length,
    warnings,
  };
}

/** Why an object does not meet a condition. */
export type Reason =
  | { is: 'Unknown' | 'Missing' | 'Deleted' | 'NotDeleted' | 'Deleting' }
  | { is: 'NoReplicas' | 'SourceUnread' | 'NothingApplied' }
  /** The newest spec has not been observed. */
  | { is: 'Unobserved'; by: 'Condition' | 'Rollout' }
  /** `message`: what the controller reports about the deletion. */
  | { is: 'DeletionPending'; finalizers: readonly string[]; message?: string | undefined }
  | { is: 'Suspended'; kind: 'Agent' | 'Sync'; name: string }
  | { is: 'NoCondition'; type: string }
  | { is: 'Condition'; condition: Condition }
  /** What a status or a condition says. */
  | { is: 'Reported'; phase?: string | undefined; reason?: string | undefined; message?: string | undefined }
  | { is: 'Field'; path: string; values: readonly string[] }
  /** Counts of instances. */
  | { is: 'NotUpdated' | 'NotReady'; count: number; of: number }
  | { is: 'Surplus'; count: number }
  | { is: 'Reverted'; revision: string; agent: string }
  /** Another revision is applied, or none. `ready` is why, if it is known. */
  | { is: 'OtherApplied'; applied: SyncView['applied']; ready?: Condition | undefined };

/** The verdict on one state of an object. `never`: the condition can no longer be met. */
export type Judgement = 'met' | { met: 'Asleep' } | { pending: Reason } | { never: Reason };

/** Judges an object, or its absence. */
export type Judge = (object: AnyObject | undefined) => Judgement;
