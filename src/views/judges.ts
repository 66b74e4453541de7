/** What wait, rollout, apply and delete wait for. */
import { revertedAnnotation } from '../api/annotations.ts';
import type { AnyObject, Condition } from '../api/objects.ts';
import type { Judge, Reason } from './reason.ts';

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
