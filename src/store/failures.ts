import { StoreError } from './store.ts';

/** SQLite's result codes (sqlite.org/rescode.html) in words that say what to do. */
export function storeError(error: unknown, path = 'the store'): unknown {
  if (error instanceof StoreError || !(error instanceof Error)) return error;
  const code = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0;
  const cause = { cause: error };
  if (code === 13)
    return new StoreError(
      'Full',
      `The disk is full: nothing was written to ${path}. Free some room; it goes on by itself.`,
      cause,
    );
  if (code === 5 || code === 6)
    return new StoreError('Locked', `Another program holds ${path}: is a second controller running?`, cause);
  if (code === 11 || code === 26)
    return new StoreError(
      'Broken',
      `${path} is damaged (${error.message}). Restore a copy, such as the .bak file beside it.`,
      cause,
    );
  if (code === 8 || code === 10 || code === 14)
    return new StoreError(
      'Broken',
      `${path} cannot be read or written (${error.message}): check the disk and the folder's permissions.`,
      cause,
    );
  return error;
}
