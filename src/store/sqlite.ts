import { DatabaseSync } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import type { Log } from '../platform/log.ts';
import { type Meters, noMeters } from '../platform/meters.ts';
import { checkpointPages, Durability, Reserve, reservePages } from './durability.ts';
import { Feed } from './feed.ts';
import { type Binding, type Identity, identify, settleCopy } from './identity.ts';
import { migrate } from './migrations.ts';
import { boundsOf, prepareStatements, type Statements, toChange, toRow } from './statements.ts';
import { type Change, fullError, type Keys, type Row, type Store, StoreError, storeError } from './store.ts';

interface Write {
  key: string;
  /** Absent: a deletion. */
  value: string | undefined;
  expected: number;
  resolve: (revision: number) => void;
  reject: (error: unknown) => void;
}

/**
 * Opens the store, and migrates an older file. In another place than before it counts as a copy, unless `adopt` is set.
 * Throws StoreError.
 */
export function openStore(
  path: string,
  { log, meters = noMeters, ...binding }: { log: Log; meters?: Meters } & Binding,
): Store {
  try {
    const database = new DatabaseSync(path);
    database.exec(
      `PRAGMA busy_timeout = 2000; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;
       PRAGMA synchronous = FULL;`,
    );
    migrate(database, path, log);
    makeShrinkable(database, path, log);
    return new SqliteStore(database, path, identify(database, binding), { log, meters });
  } catch (error) {
    throw storeError(error, path);
  }
}

/** SQLite returns free pages of a file only if the file was created with that setting, or rewritten by VACUUM. */
function makeShrinkable(database: DatabaseSync, path: string, log: Log): void {
  const incremental = 2;
  if (database.prepare('PRAGMA auto_vacuum').get()?.auto_vacuum === incremental || path === ':memory:')
    return;
  try {
    database.exec('VACUUM');
  } catch (error) {
    // VACUUM needs as much free space as the size of the file. Without it everything works, but the file never shrinks.
    log.warn(
      { err: storeError(error, path), path },
      'the store cannot be compacted; its file will not shrink',
    );
  }
}

/** Pages that are returned in one step. */
const pagesAtOnce = 200;
/** Bytes to which the write-ahead log is truncated once all of it is in the database. */
const logBytes = 16 * 1024 * 1024;

const measured = { database: 'store' } as const;

class SqliteStore implements Store {
  readonly id: string;
  #copyOf: string | undefined;
  readonly #database: DatabaseSync;
  readonly #feed = new Feed();
  readonly #statements: Statements;
  /** Absent for a database in memory. */
  readonly #durability: Durability | undefined;
  /** Absent for a database in memory. */
  readonly #reserve: Reserve | undefined;
  readonly #path: string;
  readonly #log: Log;
  readonly #meters: Meters;
  #waiting: Write[] = [];
  #scheduled = false;
  #closed = false;
  /**
   * `#revision` is the newest revision on disk, `#committed` the newest committed one. Reads see the committed one, and
   * wait until it is on disk.
   */
  #revision: number;
  #committed: number;
  #settled: Promise<void> = Promise.resolve();

  constructor(
    database: DatabaseSync,
    path: string,
    { id, copyOf }: Identity,
    { log, meters }: { log: Log; meters: Meters },
  ) {
    this.#log = log;
    this.#meters = meters;
    this.id = id;
    this.#copyOf = copyOf;
    this.#path = path;
    this.#database = database;
    this.#statements = prepareStatements(database);
    database.exec("INSERT OR IGNORE INTO meta (name, value) VALUES ('compacted', '0')");
    const last = database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'revisions'").get();
    this.#revision = Number(last?.seq ?? 0);
    this.#committed = this.#revision;
    if (path === ':memory:') return;
    this.#durability = new Durability(path);
    // After a commit, Durability waits for the disk. SQLite itself waits only when it moves the log into the database.
    database.exec(
      `PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = ${checkpointPages}; PRAGMA journal_size_limit = ${logBytes};`,
    );
    this.#reserve = new Reserve(database, path);
    this.#keepReserve();
  }

  get isFull(): boolean {
    return this.#reserve?.isLow === true;
  }

  get copyOf(): string | undefined {
    return this.#copyOf;
  }

  settleCopy(): void {
    settleCopy(this.#database);
    this.#copyOf = undefined;
  }

  revision(): number {
    return this.#revision;
  }

  async get(key: string): Promise<Row | undefined> {
    const record = this.#statements.current.get(key);
    const row = record === undefined ? undefined : toRow(record);
    // A missing row may just have been deleted.
    if ((row?.modRevision ?? this.#committed) > this.#revision) await this.#settled;
    return row;
  }

  async list(
    keys: Keys,
    options: { limit?: number; after?: string; revision?: number } = {},
  ): Promise<{ rows: Row[]; revision: number; more: boolean; remaining: number }> {
    const { first, end } = boundsOf(keys);
    // The smallest key after `after`.
    const next = options.after === undefined ? first : `${options.after}\0`;
    const from = next > first ? next : first;
    const { limit } = options;
    if (options.revision !== undefined && options.revision !== this.#committed) {
      this.#refuseCompacted(options.revision);
      const all = this.#statements.past.all(from, end, options.revision).map(toRow);
      const rows = limit === undefined ? all : all.slice(0, limit);
      return {
        rows,
        revision: options.revision,
        more: rows.length < all.length,
        remaining: all.length - rows.length,
      };
    }
    const rows = this.#statements.list.all(from, end, limit ?? -1).map(toRow);
    const last = rows.at(-1);
    const remaining =
      limit === undefined || rows.length < limit || last === undefined
        ? 0
        : Number(this.#statements.count.get(last.key, end)?.count ?? 0);
    const revision = this.#committed;
    if (revision > this.#revision) await this.#settled;
    return { rows, revision, more: remaining > 0, remaining };
  }

  put(key: string, value: string, expected: number): Promise<number> {
    return this.#write(key, value, expected);
  }

  delete(key: string, expected: number): Promise<number> {
    return this.#write(key, undefined, expected);
  }

  async *watch(keys: Keys, since: number, signal: AbortSignal): AsyncIterable<Change> {
    const { changes, changesOfOne } = this.#statements;
    const kept = (after: number): Change[] => {
      this.#refuseCompacted(after);
      const records =
        typeof keys === 'string'
          ? changes.all(after, this.#revision, keys, boundsOf(keys).end)
          : changesOfOne.all(after, this.#revision, keys.only);
      return records.map(toChange);
    };
    yield* this.#feed.watch(keys, since, kept, signal);
  }

  async compact(revision: number): Promise<void> {
    const until = Math.min(revision, this.#revision);
    if (until <= this.#compacted()) return;
    const remove = this.#database.prepare(
      // A value that was replaced after `until` is part of the state at `until`, and the previous value of a later
      // change.
      `DELETE FROM revisions AS old WHERE revision < :until AND (deleted = 1 OR EXISTS (
         SELECT 1 FROM revisions WHERE key = old.key AND previous = old.revision AND revision <= :until))`,
    );
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      remove.run({ until });
      this.#database.prepare("UPDATE meta SET value = ? WHERE name = 'compacted'").run(String(until));
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw storeError(error);
    }
    await this.#shrink();
  }

  async #shrink(): Promise<void> {
    const free = (): number => Number(this.#statements.free.get()?.freelist_count ?? 0);
    for (let was = Number.POSITIVE_INFINITY; !this.#closed; await turn()) {
      const left = free();
      if (left <= reservePages || left >= was) return; // a file that cannot shrink keeps its pages
      was = left;
      try {
        this.#database.exec(`PRAGMA incremental_vacuum(${pagesAtOnce})`);
      } catch (error) {
        throw storeError(error);
      }
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#flush();
    await this.#settled;
    this.#feed.close();
    this.#durability?.close();
    this.#database.close();
  }

  #write(key: string, value: string | undefined, expected: number): Promise<number> {
    if (this.#closed)
      return Promise.reject(new StoreError('Broken', `${this.#path} is closed: the controller is stopping.`));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, value, expected, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.#flush());
    });
  }

  /**
   * Writes everything that waits in one transaction. Each write succeeds or fails on its own, once the transaction is
   * on disk.
   */
  #flush(): void {
    this.#scheduled = false;
    const writes = this.#waiting;
    this.#waiting = [];
    if (writes.length === 0) return;
    this.#keepReserve();
    const committed = this.#meters.commitSeconds.startTimer();
    this.#meters.commitWrites.observe(measured, writes.length);
    const failed = (error: unknown): void => {
      committed({ ...measured, result: 'Failed' });
      refuse(writes, error);
    };
    const settle: (() => void)[] = [];
    const changes: Change[] = [];
    let revision = this.#committed;
    try {
      this.#statements.begin.run();
      const isFull = this.isFull;
      for (const write of writes) {
        const outcome = isFull && write.expected === 0 ? fullError(this.#path) : this.#apply(write);
        if (outcome instanceof StoreError) settle.push(() => write.reject(outcome));
        else {
          changes.push(outcome);
          revision = outcome.revision;
          settle.push(() => write.resolve(outcome.revision));
        }
      }
      this.#statements.commit.run();
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      failed(error);
      return;
    }
    this.#committed = revision;
    const notify = (): void => {
      committed({ ...measured, result: 'Succeeded' });
      this.#revision = revision;
      for (const done of settle) done();
      this.#feed.publish(changes);
    };
    if (this.#durability === undefined) notify();
    else this.#settled = this.#durability.reached().then(notify, failed);
  }

  #keepReserve(): void {
    try {
      this.#reserve?.keep();
    } catch (error) {
      const failure = storeError(error, this.#path);
      // On a full disk, the reserve is created once there is space. The next write reports any other error.
      this.#log.warn({ err: failure }, 'the disk space in reserve for the store could not be allocated');
    }
  }

  #apply({ key, value, expected }: Write): Change | StoreError {
    const before = this.#statements.current.get(key);
    const actual = Number(before?.revision ?? 0);
    if (actual !== expected || (value === undefined && actual === 0)) {
      return new StoreError('Conflict', `${key} is at revision ${actual}, not ${expected}`, { actual });
    }
    const previous = actual === 0 ? Number(this.#statements.newest.get(key)?.revision ?? 0) : actual;
    const created = before?.created ?? 0;
    const text = value ?? String(before?.value ?? '');
    const { lastInsertRowid } = this.#statements.insert.run(
      key,
      previous,
      created,
      value === undefined ? 1 : 0,
      text,
    );
    return {
      type: value === undefined ? 'Delete' : 'Put',
      key,
      value: text,
      ...(before === undefined ? {} : { previous: String(before.value) }),
      revision: Number(lastInsertRowid),
    };
  }

  #compacted(): number {
    return Number(this.#statements.compacted.get()?.value ?? 0);
  }

  #refuseCompacted(revision: number): void {
    const compacted = this.#compacted();
    if (revision < compacted) {
      throw new StoreError('Compacted', `revision ${revision} is no longer kept: the oldest is ${compacted}`);
    }
  }
}

function refuse(writes: readonly Write[], error: unknown): void {
  const failure = storeError(error);
  for (const { reject } of writes) reject(failure);
}
