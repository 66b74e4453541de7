import { authorAnnotation, authorOf } from '../api/annotations.ts';
import { fieldErrorsToStatus } from '../api/field-error.ts';
import { deepEqual, isObject } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import { type Kind, type ObjectMeta, withEncodedData } from '../api/objects.ts';
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

/**
 * The annotation agentctl.dev/author (see src/api/annotations.ts). It is removed from the sent and from the live object, so
 * that no field manager owns it and no manifest sets it. The last step of a write adds it again.
 */

/** Kinds with an author: what runs, what decides what runs, and what these read. */
const authored: readonly Kind[] = ['Agent', 'Policy', 'Sync', 'Revision', 'Secret', 'ConfigMap'];

export function withoutAuthor(object: AnyResource): AnyResource {
  if (authorOf(object) === undefined) return object;
  const { annotations, ...metadata } = object.metadata;
  const { [authorAnnotation]: _, ...others } = annotations ?? {};
  const kept = Object.keys(others).length === 0 ? metadata : { ...metadata, annotations: others };
  return { ...object, metadata: kept };
}

export function withAuthor(object: AnyResource, author: string | undefined): AnyResource {
  if (author === undefined) return object;
  const annotations = { ...object.metadata.annotations, [authorAnnotation]: author };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/**
 * Returns the author of the object after a write that changes `live` to `next`; both have no author annotation. A later
 * trusted write does not change the author, unless it removes the annotation (`removed`).
 */
export function nextAuthor(
  info: KindInfo,
  { live, next, removed }: { live: AnyResource | undefined; next: AnyResource; removed: boolean },
  { author, subresource }: RegistryWriteOptions,
): string | undefined {
  const before = live === undefined ? undefined : authorOf(live);
  if (!authored.includes(info.kind) || subresource !== undefined) return before;
  if (author === undefined) return removed ? undefined : before;
  return live === undefined || !deepEqual(substance(live), substance(next)) ? author : before;
}

/**
 * The fields that count as written by an author: not the number of instances, not whether they run, and not the
 * server's fields.
 */
function substance({ metadata: _, status: __, spec, ...rest }: AnyResource): unknown {
  if (!isObject(spec)) return { ...rest, spec };
  const { replicas: _replicas, suspend: _suspend, ...kept } = spec;
  return { ...rest, spec: kept };
}

/** Warns a client that sends the annotation, which only the server sets. `annotations` are those that were sent. */
export function warnOfAuthor(
  sent: AnyResource,
  author: string | undefined,
  { warn }: RegistryWriteOptions,
): void {
  const claimed = authorOf(sent);
  if (claimed !== undefined && claimed !== author)
    warn?.(
      `metadata.annotations[${authorAnnotation}] is set by the server: ${JSON.stringify(claimed)} is ignored`,
    );
}

/** Warns a trusted client that removes the annotation: from then on the object is trusted as that client's own. */
export function warnOfTakeOver(
  live: AnyResource,
  author: string | undefined,
  { warn }: RegistryWriteOptions,
): void {
  const before = authorOf(live);
  if (before !== undefined && author === undefined)
    warn?.(`${authorAnnotation} is removed: you are now the author of what ${JSON.stringify(before)} wrote`);
}
