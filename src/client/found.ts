import { isApiError } from '../api/errors.ts';

/** Returns undefined if there is no such object. */
export async function found<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}
