import { AgentctlError } from '../api/errors.ts';

/**
 * Stores objects as text under keys. Each write has a revision, a number that counts all writes of the store. The store
 * does not interpret the text. The contract suite is test/contracts/store.ts.
 */
export interface Store {
  /** A UUID that the store got when it was created or recognized as a copy. The labels of containers carry it. */
  readonly id: string;

  /**
   * The id of the store that this one is a copy of. Undefined after `settleCopy`, which is called when everything that
   * follows from it is done.
   */
  readonly copyOf: string | undefined;
  settleCopy(): void;

  /** Returns the newest revision on disk. */
  revision(): number;

  /**
   * Whether the disk is full. New keys are refused then (StoreError Full), so that existing objects can be changed and
   * deleted.
   */
  readonly isFull: boolean;

  get(key: string): Promise<Row | undefined>;

  /**
   * Returns the rows of these keys, sorted by key. `revision` returns their state at that revision. Throws StoreError
   * Compacted if it is no longer kept.
   */
  list(
    keys: Keys,
    options?: { limit?: number; after?: string; revision?: number },
  ): Promise<{ rows: Row[]; revision: number; more: boolean; remaining: number }>;

  /**
   * Writes a value with compare-and-swap. `expected` is the row's modRevision, or 0 for a key that must not exist.
   * Resolves with the row's new revision once the write is on disk (fsync). Rejects with StoreError Conflict if the key
   * has another revision. Writes that wait together are committed together, each with its own revision, in the order of
   * the calls.
   */
  put(key: string, value: string, expected: number): Promise<number>;

  /** Like `put`. The deletion has a revision too. */
  delete(key: string, expected: number): Promise<number>;

  /**
   * Yields all changes of these keys after `since`, in order: first the stored ones, then new ones, until `signal`
   * aborts. Throws StoreError Compacted if `since` is older than what is kept.
   */
  watch(keys: Keys, since: number, signal: AbortSignal): AsyncIterable<Change>;

  /** Deletes old revisions before `revision`, except the newest of each key. Returns free space to the disk. */
  compact(revision: number): Promise<void>;

  close(): Promise<void>;
}

/** All keys with this prefix, or a single key. The cost of a single key does not grow with the number of other keys. */
export type Keys = string | { only: string };

export interface Row {
  key: string;
  value: string;
  createRevision: number;
  modRevision: number;
}

export interface Change {
  type: 'Put' | 'Delete';
  key: string;
  /** The new value; of a deletion, the last value. */
  value: string;
  /** The previous value; absent for a new key. */
  previous?: string;
  revision: number;
}

type StoreReason = 'Conflict' | 'Compacted' | 'Full' | 'Locked' | 'TooNew' | 'Broken';

export class StoreError extends AgentctlError<StoreReason> {
  /** For a Conflict: the current revision of the key, 0 if it does not exist. */
  readonly actual: number | undefined;

  constructor(reason: StoreReason, message: string, options: { actual?: number; cause?: unknown } = {}) {
    super(reason, message, { cause: options.cause, retry: reason === 'TooNew' ? 'Never' : 'Backoff' });
    this.name = 'StoreError';
    this.actual = options.actual;
  }
}

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
