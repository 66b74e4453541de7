import { ApiError, isApiError } from '../api/errors.ts';
import { findKind } from '../api/kinds.ts';
import { nearest } from '../api/nearest.ts';
import type { AnyObject } from '../api/objects.ts';
import type { Client } from './cli.ts';

/** The same error; where an object was not found, with the nearest name that there is. */
export async function withNearName(
  error: unknown,
  client: Client,
  namespace: string | undefined,
): Promise<unknown> {
  if (!isApiError(error, 'NotFound')) return error;
  const { kind = '', name } = error.details ?? {};
  const info = findKind(kind);
  if (info === undefined || name === undefined || error.message.includes('did you mean')) return error;
  const { items } = await client.list(info.kind, info.namespaced ? { namespace } : {});
  const meant = nearest(
    name,
    (items as readonly AnyObject[]).map(({ metadata }) => metadata.name), // a union of lists, of which each has metadata
  );
  if (meant === undefined) return error;
  const { details } = error;
  return new ApiError('NotFound', `${error.message}; did you mean ${JSON.stringify(meant)}?`, { details });
}
