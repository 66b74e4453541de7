import { ApiError, isApiError, UnreachableError } from '../api/errors.ts';
import { findKind, type KindInfo } from '../api/kinds.ts';
import type { AnyObject } from '../api/objects.ts';
import { nearest } from '../api/text.ts';
import type { Client } from './cli.ts';

/** Returns the same error, or for an object that was not found, an error with the most similar existing name. */
export async function withNearName(
  error: unknown,
  client: Client,
  namespace: string | undefined,
): Promise<unknown> {
  if (!isApiError(error, 'NotFound')) return error;
  const { kind = '', name } = error.details ?? {};
  const info = findKind(kind);
  if (info === undefined || name === undefined || error.message.includes('did you mean')) return error;
  const meant = nearest(name, await namesOf(client, info, namespace));
  if (meant === undefined) return error;
  const { details } = error;
  return new ApiError('NotFound', `${error.message}; did you mean ${JSON.stringify(meant)}?`, { details });
}

/** Returns names for a hint. The hint must not replace the original error, so a failed list returns no names. */
export async function namesOf(
  client: Client,
  info: KindInfo,
  namespace: string | undefined,
): Promise<string[]> {
  try {
    const { items } = await client.list(info.kind, info.namespaced ? { namespace } : {});
    return (items as readonly AnyObject[]).map(({ metadata }) => metadata.name); // a union of lists, all of whose items have metadata
  } catch (error) {
    if (isApiError(error) || error instanceof UnreachableError) return [];
    throw error;
  }
}
