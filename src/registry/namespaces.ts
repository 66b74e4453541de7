import { type KindInfo, kindInfo } from '../api/kinds.ts';
import { isTerminating, type ObjectMeta } from '../api/objects.ts';
import { forbidden, notFound } from './errors.ts';
import type { AnyResource } from './object.ts';
import type { Records } from './records.ts';

/** Holds a Namespace until all that is in it has gone, as in Kubernetes. */
const namespaceFinalizer = 'kubernetes';

/** Cannot be deleted. */
export const defaultNamespace = 'default';

/** A new Namespace is Active. Other kinds stay as they are. */
export function initialNamespace(info: KindInfo, object: AnyResource): AnyResource {
  if (info.kind !== 'Namespace') return object;
  return {
    ...object,
    spec: { finalizers: [namespaceFinalizer] },
    status: { phase: 'Active' },
  };
}

/** Throws ApiError: NotFound where the object's namespace is not there, Forbidden where it is being deleted. */
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
