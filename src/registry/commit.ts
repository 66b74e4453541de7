import { ApiError } from '../api/errors.ts';
import { deepEqual } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import { isTerminating } from '../api/objects.ts';
import { type Store, StoreError } from '../store/store.ts';
import {
  defaulted,
  nextAuthor,
  saysTheSame,
  validate,
  warnOf,
  withAuthor,
  withGeneration,
} from './admit-object.ts';
import type { Manager } from './managers.ts';
import type { AnyResource, RegistryWriteOptions } from './object.ts';
import { type Context, initialNamespace, requireNamespace, withManagers } from './registry-context.ts';
import { alreadyExists, badRequest, refuseLarge } from './status-errors.ts';

/** Writes a new object and adds its author. Rejects with StoreError Conflict if an object of this name exists. */
export async function insertNew(
  { finalizers, records }: Context,
  info: KindInfo,
  admitted: AnyResource,
  options: RegistryWriteOptions,
  managersOf: (stored: AnyResource) => readonly Manager[],
): Promise<AnyResource> {
  const { dryRun, onCreated } = options;
  const stored = held(initialNamespace(info, defaulted(info, admitted)), finalizers[info.kind]);
  validate(info, stored, undefined);
  warnOf(info, stored, options);
  await requireNamespace(records, info, stored.metadata);
  const author = nextAuthor(info, { live: undefined, next: stored, removed: false }, options);
  const owned = withManagers(withAuthor(stored, author), managersOf(stored));
  refuseLarge(owned);
  const there = dryRun === true ? await records.read(info, owned.metadata) : undefined;
  if (there !== undefined) throw alreadyExists(info, owned.metadata.name, there);
  const made = dryRun === true ? owned : await records.write(info, owned, undefined);
  onCreated?.();
  return made;
}

function held(object: AnyResource, finalizer: string | undefined): AnyResource {
  const { finalizers = [] } = object.metadata;
  if (finalizer === undefined || finalizers.includes(finalizer)) return object;
  return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] } };
}

/**
 * Writes `next` in place of `live`, or nothing if they are equal. Removes a deleted object that has no finalizer left.
 */
export async function replace(
  { records }: Context,
  info: KindInfo,
  live: AnyResource,
  next: AnyResource,
  { dryRun, subresource, warn }: RegistryWriteOptions,
): Promise<AnyResource> {
  if (deepEqual(live, next)) return live;
  if (subresource !== 'status') refuseLarge(next, live);
  if (isTerminating(live) && !saysTheSame(live, next))
    warn?.(`${info.plural} ${JSON.stringify(live.metadata.name)} is being deleted, so this change is lost`);
  const counted = withGeneration(info, live, next);
  if (dryRun === true) return counted;
  const { deletionTimestamp, finalizers = [] } = counted.metadata;
  const isLast = deletionTimestamp !== undefined && finalizers.length === 0 && info.kind !== 'Namespace';
  if (!isLast) return records.write(info, counted, live);
  const { metadata } = await records.remove(info, live);
  return { ...counted, metadata: { ...counted.metadata, resourceVersion: metadata.resourceVersion } };
}

/**
 * Converts a resourceVersion to a revision; undefined if it is absent or `0`, which means "any". Throws ApiError
 * BadRequest.
 */
export function revisionFrom(resourceVersion: string | undefined): number | undefined {
  if (resourceVersion === undefined || resourceVersion === '' || resourceVersion === '0') return undefined;
  if (!/^[0-9]{1,16}$/.test(resourceVersion))
    throw badRequest(`resourceVersion: invalid value ${JSON.stringify(resourceVersion)}: expected a number`);
  return Number(resourceVersion);
}

/**
 * Throws ApiError Timeout if the revision is in the future. The client may know it from another store, or from this one
 * before a restore.
 */
export function requireReached(store: Store, revision: number): void {
  const current = store.revision();
  if (revision <= current) return;
  throw new ApiError('Timeout', `Too large resource version: ${revision}, current: ${current}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}

/** Converts a Compacted error to the 410 that makes a client list again. Returns other errors unchanged. */
export function expired(error: unknown, revision: number, store: Store): unknown {
  if (!(error instanceof StoreError && error.code === 'Compacted')) return error;
  return new ApiError('Expired', `too old resource version: ${revision} (${store.revision()})`, {
    cause: error,
  });
}
