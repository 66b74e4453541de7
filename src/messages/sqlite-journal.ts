import { DatabaseSync } from 'node:sqlite';
import type { Log } from '../platform/log.ts';
import { type Meters, noMeters } from '../platform/meters.ts';
import { Durability } from '../store/durability.ts';
import { migrate } from '../store/migrations.ts';
import { type Entry, type Journal, JournalError, journalError, type Spare, syncError } from './journal.ts';
import { prune } from './journal-prune.ts';
import { JournalReader } from './journal-reads.ts';
import { journalVersions } from './journal-schema.ts';
import { JournalWriter } from './journal-writes.ts';

/** Maximum number of batches in one transaction, so that a flood does not block the event loop for long. */
const together = 500;

const measured = { database: 'journal' } as const;

interface Batch {
  entries: readonly Entry[];
  spare: Spare | undefined;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Opens the journal with an exclusive lock, and migrates an older file. `:memory:` is not persistent. Throws
 * JournalError.
 */
export function openJournal(
  path: string,
  { log, meters = noMeters }: { log: Log; meters?: Meters },
): Journal {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec(
      `PRAGMA busy_timeout = 1000; PRAGMA locking_mode = EXCLUSIVE; PRAGMA auto_vacuum = INCREMENTAL;
       PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;`,
    );
    migrate(database, path, log, journalVersions);
    return new SqliteJournal(database, path, meters);
  } catch (error) {
    database?.close();
    throw journalError(error, path);
  }
}

class SqliteJournal extends JournalReader implements Journal {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #meters: Meters;
  readonly #writer: JournalWriter;
  readonly #statements;
  /** Absent for a database in memory. */
  readonly #durability: Durability | undefined;
  #waiting: Batch[] = [];
  #scheduled = false;
  #settled: Promise<void> = Promise.resolve();
  /** Why nothing can be written any more. */
  #ended: JournalError | undefined;
  #closing: Promise<void> | undefined;

  constructor(database: DatabaseSync, path: string, meters: Meters) {
    super(database);
    this.#database = database;
    this.#path = path;
    this.#meters = meters;
    this.#writer = new JournalWriter(database);
    this.#statements = {
      begin: database.prepare('BEGIN IMMEDIATE'),
      commit: database.prepare('COMMIT'),
      rollback: database.prepare('ROLLBACK'),
      save: database.prepare('SAVEPOINT batch'),
      keep: database.prepare('RELEASE batch'),
      undo: database.prepare('ROLLBACK TO batch'),
    };
    if (path === ':memory:') return;
    this.#durability = new Durability(path);
    // After a commit, Durability waits for the disk. SQLite itself waits when it moves the log into the database, after
    // each 1,000 pages. More pages at once would block the event loop for too long.
    database.exec('PRAGMA synchronous = NORMAL');
  }

  commit(entries: readonly Entry[], spare?: Spare): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entries, spare, resolve, reject });
      this.#schedule();
    });
  }

  async prune(options: Parameters<Journal['prune']>[0]): Promise<number> {
    try {
      return await prune(this.#database, options, () => this.#ended !== undefined);
    } catch (error) {
      throw journalError(error, this.#path);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    while (this.#waiting.length > 0) this.#flush();
    this.#ended ??= new JournalError('Broken', `${this.#path} is closed: the controller is stopping.`);
    await this.#settled;
    try {
      this.#durability?.close();
    } finally {
      this.#database.close();
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  /** Writes what waits in one transaction. Each batch succeeds or fails on its own, once the transaction is on disk. */
  #flush(): void {
    const batches = this.#waiting.splice(0, together);
    if (batches.length === 0) return;
    const committed = this.#meters.commitSeconds.startTimer();
    this.#meters.commitWrites.observe(measured, batches.length);
    let failures: unknown[];
    try {
      if (this.#ended !== undefined) throw this.#ended;
      failures = this.#write(batches);
    } catch (error) {
      committed({ ...measured, result: 'Failed' });
      // All waiting batches fail too: none may overtake the failed ones, which the caller may retry.
      const failure = journalError(error, this.#path);
      for (const { reject } of [...batches, ...this.#waiting.splice(0)]) reject(failure);
      return;
    }
    if (this.#waiting.length > 0) this.#schedule();
    const settle = (lost?: JournalError): void => {
      committed({ ...measured, result: lost === undefined ? 'Succeeded' : 'Failed' });
      for (const [index, { resolve, reject }] of batches.entries()) {
        const failure = failures[index] ?? lost;
        if (failure === undefined) resolve();
        else reject(failure);
      }
    };
    if (this.#durability === undefined) {
      settle();
      return;
    }
    this.#settled = this.#durability.reached().then(
      () => settle(),
      (error: unknown) => {
        this.#ended ??= syncError(error, this.#path);
        settle(this.#ended);
      },
    );
  }

  /** Returns why each batch was refused, undefined for the others. Throws if nothing can be written. */
  #write(batches: readonly Batch[]): unknown[] {
    try {
      this.#transact(() => {
        for (const { entries } of batches) for (const entry of entries) this.#writer.apply(entry);
      });
      return [];
    } catch (error) {
      if (this.#isOfTheDisk(error)) throw error;
      if (batches.length === 1 && batches[0]?.spare === undefined) return [error];
    }
    // At least one batch is refused. To find it, each batch gets its own savepoint.
    const failures: unknown[] = [];
    this.#transact(() => {
      for (const { entries, spare } of batches) {
        const failure = this.#attempt(entries);
        failures.push(spare === undefined || failure === undefined ? failure : this.#spared(spare));
      }
    });
    return failures;
  }

  #spared({ parts, refused }: Spare): undefined {
    for (const [index, part] of parts.entries()) {
      const failure = this.#attempt(part);
      if (failure !== undefined) refused(index, failure);
    }
  }

  #transact(work: () => void): void {
    this.#statements.begin.run();
    try {
      work();
      this.#statements.commit.run();
    } catch (error) {
      if (this.#database.isTransaction) this.#statements.rollback.run();
      throw error;
    }
  }

  #attempt(entries: readonly Entry[]): unknown {
    this.#statements.save.run();
    let failure: unknown;
    try {
      for (const entry of entries) this.#writer.apply(entry);
    } catch (error) {
      if (this.#isOfTheDisk(error)) throw error;
      this.#statements.undo.run();
      failure = error;
    }
    this.#statements.keep.run();
    return failure;
  }

  /** Whether the error is one of the disk. Otherwise it is of the batch alone, which breaks a rule or is invalid. */
  #isOfTheDisk(error: unknown): boolean {
    return !(error instanceof JournalError) && journalError(error, this.#path) instanceof JournalError;
  }
}
