import { storeError } from '../store/sqlite-failures.ts';
import { StoreError } from '../store/store.ts';
import { JournalError } from './journal.ts';

/**
 * Converts an error of SQLite or the disk to a JournalError if the user can do something about it. Returns other errors
 * unchanged.
 */
export function journalError(error: unknown, path: string): unknown {
  const told = storeError(error, path);
  if (!(told instanceof StoreError)) return told;
  const { code: reason } = told;
  const options = { cause: told.cause };
  return new JournalError(
    reason === 'Conflict' || reason === 'Compacted' ? 'Broken' : reason,
    told.message,
    options,
  );
}

/** After a failed sync the content of the disk is unknown. Only a restart, which reads it again, can find out. */
export function syncError(error: unknown, path: string): JournalError {
  const message = error instanceof Error ? error.message : String(error);
  return new JournalError(
    'Broken',
    `${path} could not be written to disk (${message}). Fix the disk, then run agentctl controller restart`,
    { cause: error },
  );
}

/** SQLite's extended result codes for constraints (sqlite.org/rescode.html). */
const primaryKey = 1555;
const trigger = 1811;
const unique = 2067;

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'errcode' in error ? error.errcode : undefined;

export const isTaken = (error: unknown): boolean => codeOf(error) === unique || codeOf(error) === primaryKey;
export const isRefused = (error: unknown): boolean => codeOf(error) === trigger;
