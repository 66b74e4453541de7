import { type KindInfo, kindInfo } from '../api/kinds.ts';
import { isTerminating, type ObjectMeta } from '../api/objects.ts';
import type { AnyResource } from './object.ts';
import type { Records } from './records.ts';
import { forbidden, notFound } from './status-errors.ts';

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
