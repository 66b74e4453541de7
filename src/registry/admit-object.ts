import { fieldErrorsToStatus } from '../api/field-error.ts';
import { deepEqual } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import { type ObjectMeta, withEncodedData } from '../api/objects.ts';
import { withDefaults } from '../api/shape.ts';
import { validateObject, validateStatus, validateUpdate } from '../api/validation.ts';
import { warningsOf } from '../api/warnings.ts';
import type { AnyResource, RegistryWriteOptions, Subresource } from './object.ts';
import { conflict, forbidden, modified } from './status-errors.ts';

/** The metadata that the server sets, whatever a client sends. */
function serverMetadata(live: ObjectMeta): Partial<ObjectMeta> {
  const { name, namespace, uid, resourceVersion, generation, creationTimestamp } = live;
  const { deletionTimestamp, deletionGracePeriodSeconds } = live;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    uid,
    resourceVersion,
    ...(generation === undefined ? {} : { generation }),
    creationTimestamp,
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
  };
}

/**
 * Returns the object to create: with the server's metadata, and without status if that is a subresource. Not defaulted
 * yet.
 */
export function admitNew(
  info: KindInfo,
  sent: AnyResource,
  server: { name: string; uid: string; creationTimestamp: string },
): AnyResource {
  const { labels, annotations, finalizers, ownerReferences, generateName, namespace } = sent.metadata;
  const metadata: ObjectMeta = {
    name: server.name,
    ...(generateName === undefined ? {} : { generateName }),
    ...(namespace === undefined ? {} : { namespace }),
    uid: server.uid,
    resourceVersion: '',
    ...(info.group === '' ? {} : { generation: 1 }),
    creationTimestamp: server.creationTimestamp,
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(finalizers === undefined ? {} : { finalizers }),
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
  };
  const { status, ...rest } = sent;
  const kept = info.subresources.status || status === undefined ? rest : sent;
  return byKind(info, { ...kept, metadata });
}

/**
 * Returns the object that replaces `live`. A `status` write takes only the status from `sent`; every other write takes
 * all but the status.
 */
export function admitUpdate(
  info: KindInfo,
  live: AnyResource,
  sent: AnyResource,
  subresource: Subresource | undefined,
): AnyResource {
  if (subresource === 'status') {
    const { status: _, ...rest } = live;
    return sent.status === undefined ? rest : { ...rest, status: sent.status };
  }
  const { labels, annotations, finalizers, ownerReferences } = sent.metadata;
  const { generateName } = live.metadata;
  const metadata = {
    ...serverMetadata(live.metadata),
    ...(generateName === undefined ? {} : { generateName }),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(finalizers === undefined ? {} : { finalizers }),
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
  } as ObjectMeta; // serverMetadata has name, uid and the other required fields
  if (!info.subresources.status) return byKind(info, { ...sent, metadata });
  const { status: _, ...rest } = sent;
  const status = live.status === undefined ? {} : { status: live.status };
  return byKind(info, { ...rest, metadata, ...status });
}

/**
 * Returns the fields that an applied configuration may set: none that the server sets, and the status only through its
 * subresource.
 */
export function admitConfiguration(
  info: KindInfo,
  sent: AnyResource,
  subresource: Subresource | undefined,
): AnyResource {
  const { name, namespace, labels, annotations, finalizers, ownerReferences } = sent.metadata;
  const identity = { name, ...(namespace === undefined ? {} : { namespace }) };
  const { status, metadata: _, ...rest } = sent;
  if (subresource === 'status') {
    const { apiVersion, kind } = sent;
    const metadata = identity as ObjectMeta; // an applied configuration is a partial object
    return { apiVersion, kind, metadata, ...(status === undefined ? {} : { status }) };
  }
  const metadata = {
    ...identity,
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(finalizers === undefined ? {} : { finalizers }),
    ...(ownerReferences === undefined ? {} : { ownerReferences }),
  } as ObjectMeta; // as above
  const kept = info.subresources.status || status === undefined ? {} : { status };
  return byKind(info, { ...rest, metadata, ...kept });
}

/** Applies the rules of a kind that its schema does not have. */
const byKind = (info: KindInfo, object: AnyResource): AnyResource =>
  info.kind === 'Secret' ? withEncodedData(object) : object;

/** Throws ApiError Conflict if the write names another uid or resourceVersion than that of the live object. */
export function checkPinned(info: KindInfo, live: AnyResource, sent: { metadata: ObjectMeta }): void {
  const { uid, resourceVersion } = sent.metadata;
  const { name } = live.metadata;
  if (uid !== undefined && uid !== '' && uid !== live.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.metadata.uid}`;
    throw conflict(info, name, why);
  }
  const pinned = resourceVersion !== undefined && resourceVersion !== '';
  if (pinned && resourceVersion !== live.metadata.resourceVersion) throw modified(info, name);
}

export const defaulted = (info: KindInfo, object: AnyResource): AnyResource =>
  withDefaults(info.schema, info.kind === 'Namespace' ? withNameLabel(object) : object);

/** Fills in defaults for an object of which only the status is new. */
export function withStatusDefaults(info: KindInfo, object: AnyResource): AnyResource {
  const status = withDefaults(info.schema.properties?.status ?? {}, object.status);
  return status === object.status ? object : { ...object, status };
}

/** Kubernetes labels each Namespace with its name. The label comes back when a client removes it. */
function withNameLabel(object: AnyResource): AnyResource {
  const { name, labels } = object.metadata;
  if (labels?.[nameLabel] === name) return object;
  return { ...object, metadata: { ...object.metadata, labels: { ...labels, [nameLabel]: name } } };
}

const nameLabel = 'kubernetes.io/metadata.name';

/**
 * Throws ApiError Invalid with all errors. A `status` write changes nothing else, so only the status is validated then.
 */
export function validate(
  info: KindInfo,
  object: AnyResource,
  live: AnyResource | undefined,
  subresource?: Subresource,
): void {
  const errors =
    subresource === 'status'
      ? validateStatus(info, object)
      : [...validateObject(info, object), ...(live === undefined ? [] : validateUpdate(info, object, live))];
  if (errors.length > 0) throw fieldErrorsToStatus(info, object.metadata.name, errors);
  const { deletionTimestamp, finalizers = [] } = live?.metadata ?? {};
  if (deletionTimestamp === undefined) return;
  const added = (object.metadata.finalizers ?? []).filter((finalizer) => !finalizers.includes(finalizer));
  if (added.length > 0) {
    const why = `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`;
    throw forbidden(info, object.metadata.name, why);
  }
}

/** Whether only metadata and status differ. */
export function saysTheSame(live: AnyResource, next: AnyResource): boolean {
  const { metadata: _, status: __, ...before } = live;
  const { metadata: ___, status: ____, ...after } = next;
  return deepEqual(before, after);
}

/** Warns the client about values that are valid but probably a mistake. `object` is valid and has its defaults. */
export function warnOf(
  info: KindInfo,
  object: AnyResource,
  { warn, subresource }: RegistryWriteOptions,
): void {
  if (warn === undefined || subresource === 'status') return;
  const name = `${info.singular}.${info.group}/${object.metadata.name}`;
  for (const warning of warningsOf(info.kind, object)) warn(`${name}: ${warning}`);
}

/**
 * Increments the generation if anything but metadata and status has changed. Kinds of the core group have no
 * generation.
 */
export function withGeneration(info: KindInfo, live: AnyResource, next: AnyResource): AnyResource {
  if (info.group === '' || saysTheSame(live, next)) return next;
  const generation = (live.metadata.generation ?? 0) + 1;
  return { ...next, metadata: { ...next.metadata, generation } };
}
