import { type KindInfo, kindInfo } from '../api/kinds.ts';
import { isTerminating, type Kind, type ObjectMeta } from '../api/objects.ts';
import type { Clock, TimeSlice } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Log } from '../platform/log.ts';
import { encodeManagers, type Manager, type Writer } from './managers.ts';
import type { AnyResource, RegistryWriteOptions } from './object.ts';
import type { Records } from './records.ts';
import { forbidden, notFound } from './status-errors.ts';

export interface Context {
  records: Records;
  clock: Clock;
  ids: Ids;
  log: Log;
  /** Yields to other work between writes. */
  slice: TimeSlice;
  /** Finalizers of controllers, by the kind whose new objects get them. */
  finalizers: Partial<Record<Kind, string>>;
}

export const writerOf = (
  info: KindInfo,
  operation: Writer['operation'],
  { fieldManager, subresource }: RegistryWriteOptions,
): Writer => ({
  manager: fieldManager ?? 'unknown',
  operation,
  apiVersion: info.apiVersion,
  ...(subresource === undefined ? {} : { subresource }),
});

export function withoutManagers(object: AnyResource): AnyResource {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

export function withManagers(object: AnyResource, managers: readonly Manager[]): AnyResource {
  const managedFields = encodeManagers(managers);
  const bare = withoutManagers(object);
  return managedFields.length === 0 ? bare : { ...bare, metadata: { ...bare.metadata, managedFields } };
}

/** Keeps a deleted Namespace until everything in it is gone, as in Kubernetes. */
const namespaceFinalizer = 'kubernetes';

/** Cannot be deleted. */
export const defaultNamespace = 'default';

/** Sets a new Namespace to Active. Returns objects of other kinds unchanged. */
export function initialNamespace(info: KindInfo, object: AnyResource): AnyResource {
  if (info.kind !== 'Namespace') return object;
  return {
    ...object,
    spec: { finalizers: [namespaceFinalizer] },
    status: { phase: 'Active' },
  };
}

/** Throws ApiError: NotFound if the object's namespace does not exist, Forbidden if it is being deleted. */
export async function requireNamespace(
  records: Records,
  info: KindInfo,
  metadata: ObjectMeta,
): Promise<void> {
  if (!info.namespaced) return;
  const name = metadata.namespace ?? defaultNamespace;
  const namespaces = kindInfo('Namespace');
  const namespace = await records.read(namespaces, { name });
  if (namespace === undefined) throw notFound(namespaces, name);
  if (isTerminating(namespace)) {
    const why = `unable to create new content in namespace ${name} because it is being terminated`;
    throw forbidden(info, metadata.name, why);
  }
}
