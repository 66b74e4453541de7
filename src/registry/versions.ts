import { ApiError } from '../api/errors.ts';
import { type Store, StoreError } from '../store/store.ts';
import { badRequest } from './errors.ts';

/** A resourceVersion as a revision; undefined for none and for `0`, which mean "any". Throws ApiError BadRequest. */
export function revisionFrom(resourceVersion: string | undefined): number | undefined {
  if (resourceVersion === undefined || resourceVersion === '' || resourceVersion === '0') return undefined;
  if (!/^[0-9]{1,16}$/.test(resourceVersion))
    throw badRequest(`resourceVersion: invalid value ${JSON.stringify(resourceVersion)}: expected a number`);
  return Number(resourceVersion);
}

/** A client of another store, or of one that was restored, may know a revision that is still to come. */
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

/** The 410 that tells a client to list again. */
export function expired(error: unknown, revision: number, store: Store): unknown {
  if (!(error instanceof StoreError && error.reason === 'Compacted')) return error;
  return new ApiError('Expired', `too old resource version: ${revision} (${store.revision()})`, {
    cause: error,
  });
}
