/**
 * Keeps objects as text under keys, each write with a revision: a number that counts all writes of the store.
 * Knows nothing of what the text means. The contract suite is test/contracts/store.ts.
 */
export interface Store {
  /** A UUID that the store got when it was made, or when it was found to be a copy; labels of containers carry it. */
  readonly id: string;

  /** The id of the store that this one is a copy of, until `settleCopy` says that all that follows from it is done. */
  readonly copyOf: string | undefined;
  settleCopy(): void;

  /** The newest revision that is on disk. */
  revision(): number;

  /** The disk is full: new keys are refused (StoreError Full), so that what is there can be changed and deleted. */
  readonly isFull: boolean;

  get(key: string): Promise<Row | undefined>;

  /** Rows of these keys, by key. `revision` (kept ones only, else StoreError Compacted) gives them as they were then. */
  list(
    keys: Keys,
    options?: { limit?: number; after?: string; revision?: number },
  ): Promise<{ rows: Row[]; revision: number; more: boolean; remaining: number }>;

  /**
   * Compare and swap. `expected` is the row's modRevision, 0 for a key that must not be there. Resolves once the write
   * is on disk (fsync), with the row's new revision; rejects with StoreError Conflict if the key has moved on.
   * Writes that wait together are committed together, each with a revision of its own, in the order of the calls.
   */
  put(key: string, value: string, expected: number): Promise<number>;

  /** As `put`; the deletion has a revision too. */
  delete(key: string, expected: number): Promise<number>;

  /**
   * All changes of these keys after `since`, in order, first those that are kept, then those to come, until `signal`
   * aborts. Throws StoreError Compacted where `since` is older than what is kept.
   */
  watch(keys: Keys, since: number, signal: AbortSignal): AsyncIterable<Change>;

  /** Forgets old revisions before `revision`; the newest of each key stays. Gives free space back to the disk. */
  compact(revision: number): Promise<void>;

  close(): Promise<void>;
}

/** Every key that starts with this text, or one key alone: its cost does not grow with the number of other keys. */
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
  /** The new text; of a deletion, the last one. */
  value: string;
  /** The text before; absent for a new key. */
  previous?: string;
  revision: number;
}

export class StoreError extends Error {
  readonly reason: 'Conflict' | 'Compacted' | 'Full' | 'Locked' | 'TooNew' | 'Broken';
  /** Of a conflict: the revision that the key has, 0 where it is not there. */
  readonly actual: number | undefined;

  constructor(
    reason: StoreError['reason'],
    message: string,
    options: { actual?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'StoreError';
    this.reason = reason;
    this.actual = options.actual;
  }
}
