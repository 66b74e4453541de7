import { AgentctlError } from '../api/errors.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { ObjectKey } from '../api/objects.ts';
import type { List } from '../api/requests.ts';
import { formatTime } from '../api/time.ts';
import { list } from './list-watch.ts';
import type { AnyResource, RegistryDeleteOptions, RegistryListOptions } from './object.ts';
import { retried } from './records.ts';
import { type Context, defaultNamespace } from './registry-context.ts';
import { badRequest, conflict, forbidden, notFound } from './status-errors.ts';

/** Finalizers that the registry itself handles (Kubernetes' garbage collector). */
export const foreground = 'foregroundDeletion';
export const orphan = 'orphan';

/**
 * Deletes an object. Returns its new state, or its last state if it is gone. Throws ApiError: NotFound, or Conflict if
 * a precondition fails.
 */
export function remove(
  context: Context,
  info: KindInfo,
  key: ObjectKey,
  options: RegistryDeleteOptions,
): Promise<AnyResource> {
  return retried(async () => {
    const found = await context.records.read(info, key);
    if (found === undefined) throw notFound(info, key.name);
    checkPreconditions(info, found, options);
    const live = withoutLast(found, options.lastFinalizer);
    if (info.kind === 'Namespace' && key.name === defaultNamespace)
      throw forbidden(info, key.name, 'this namespace may not be deleted');
    const marked = markDeleted(info, live, options, context.clock.now());
    if (options.dryRun === true) return marked ?? live;
    if (marked === undefined) return context.records.remove(info, live);
    return marked === live ? live : context.records.write(info, marked, live);
  });
}

function withoutLast(object: AnyResource, finalizer: string | undefined): AnyResource {
  const { finalizers = [], ...metadata } = object.metadata;
  return finalizers.length === 1 && finalizers[0] === finalizer ? { ...object, metadata } : object;
}

function checkPreconditions(
  info: KindInfo,
  { metadata }: AnyResource,
  { preconditions }: RegistryDeleteOptions,
): void {
  const { uid, resourceVersion } = preconditions ?? {};
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`;
    throw conflict(info, metadata.name, why);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`;
    throw conflict(info, metadata.name, why);
  }
}

/** Returns the object with its deletionTimestamp if something keeps it; undefined if it can be removed at once. */
function markDeleted(
  info: KindInfo,
  live: AnyResource,
  { propagationPolicy }: RegistryDeleteOptions,
  now: number,
): AnyResource | undefined {
  const finalizers = withPolicy(live.metadata.finalizers ?? [], propagationPolicy);
  const isHeld = finalizers.length > 0 || info.kind === 'Namespace';
  if (!isHeld) return undefined;
  const { deletionTimestamp, generation, finalizers: before = [], ...metadata } = live.metadata;
  if (deletionTimestamp !== undefined && finalizers.length === before.length) return live;
  return {
    ...live,
    metadata: {
      ...metadata,
      // As in Kubernetes, the request to delete increments the generation, because controllers must act on it.
      ...(generation === undefined
        ? {}
        : { generation: deletionTimestamp === undefined ? generation + 1 : generation }),
      deletionTimestamp: deletionTimestamp ?? formatTime(now),
      deletionGracePeriodSeconds: 0,
      ...(finalizers.length === 0 ? {} : { finalizers }),
    },
    ...(info.kind === 'Namespace' ? { status: { phase: 'Terminating' } } : {}),
  };
}

/** A propagation policy is stored as a finalizer for the garbage collector. Without a policy, an earlier one stays. */
function withPolicy(
  finalizers: readonly string[],
  policy: RegistryDeleteOptions['propagationPolicy'],
): string[] {
  if (policy === undefined) return [...finalizers];
  const others = finalizers.filter((finalizer) => finalizer !== foreground && finalizer !== orphan);
  switch (policy) {
    case 'Background':
      return others;
    case 'Foreground':
      return [...others, foreground];
    case 'Orphan':
      return [...others, orphan];
    default:
      throw badRequest(`invalid propagation policy: expected Foreground, Background or Orphan`);
  }
}

/** Deletes all objects that a list with these options returns, and returns that list. */
export async function removeCollection(
  context: Context,
  info: KindInfo,
  listOptions: RegistryListOptions,
  options: RegistryDeleteOptions,
): Promise<List<AnyResource>> {
  const found = await list(context.records, info, listOptions);
  for (const { metadata } of found.items) {
    const { namespace, name, uid } = metadata;
    const preconditions = { ...options.preconditions, uid };
    await remove(context, info, { namespace, name }, { ...options, preconditions }).catch(goneIsFine);
  }
  return found;
}

function goneIsFine(error: unknown): void {
  const code = error instanceof AgentctlError ? error.code : undefined;
  if (code !== 'NotFound' && code !== 'Conflict') throw error;
}
