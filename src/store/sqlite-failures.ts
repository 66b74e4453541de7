import { StoreError } from './store.ts';

/** Converts an error of SQLite (sqlite.org/rescode.html) to a StoreError that says what to do. */
export function storeError(error: unknown, path = 'the store'): unknown {
  if (error instanceof StoreError || !(error instanceof Error)) return error;
  if ('code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT'))
    return fullError(path, { cause: error });
  const code = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0;
  const cause = { cause: error };
  if (code === 13) return fullError(path, cause);
  if (code === 5 || code === 6)
    return new StoreError(
      'Locked',
      `Another program has locked ${path}: is a second controller running?`,
      cause,
    );
  if (code === 11 || code === 26)
    return new StoreError(
      'Broken',
      `${path} is damaged (${error.message}). Restore a backup, such as the .bak file next to it.`,
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

export const fullError = (path: string, options: { cause?: unknown } = {}): StoreError =>
  new StoreError(
    'Full',
    `The disk is full, so nothing was written to ${path}. Free some space; the controller then continues.`,
    options,
  );
