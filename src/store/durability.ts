import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';

const sync = promisify(fdatasync);

/**
 * Writes what SQLite has committed to its write-ahead log to disk, off the event loop. One fdatasync runs at a time,
 * and all commits during it share the next one. After a failure the content of the disk is unknown, because the kernel
 * forgets which pages were not written. So all later calls fail too.
 */
export class Durability {
  readonly #file: number;
  #last: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  /** `path` is that of a database that is open and in WAL mode. */
  constructor(path: string) {
    this.#file = openSync(`${path}-wal`, 'r');
    // The log file may be new, so its folder entry must be on disk too.
    const folder = openSync(dirname(path), 'r');
    fsyncSync(folder);
    closeSync(folder);
  }

  /** Resolves when everything that has been committed so far is on disk. */
  reached(): Promise<void> {
    if (this.#next === undefined) {
      this.#next = this.#last.then(() => {
        this.#next = undefined;
        return sync(this.#file);
      });
      this.#last = this.#next;
    }
    return this.#next;
  }

  close(): void {
    fdatasyncSync(this.#file);
    closeSync(this.#file);
  }
}

const pageBytes = 4_096;

/** Size of the write-ahead log, in pages, at which SQLite moves it into the database and then overwrites it. */
export const checkpointPages = 2_000;

/** Size of the preallocated write-ahead log, in bytes: a full log, and the commit that exceeds it. */
const logBytes = (checkpointPages + 250) * pageBytes;

/** Preallocated pages of the database. They are enough to delete some hundreds of objects. */
export const reservePages = 500;

/**
 * With less free space than this, in bytes, the disk counts as full: the reserve is only for writes that free space.
 */
const lowBytes = 256 * 1024;

/** With less free space than this, in bytes, no reserve is created: it would itself fill the disk. */
const roomBytes = 32 * 1024 * 1024;

/**
 * Disk space within the store's own files, so that objects can be changed and deleted on a full disk. A separate file
 * that is deleted then would not help: whatever fills the disk would take its space at once. A row holds the pages,
 * because SQLite would use free pages for any write.
 */
export class Reserve {
  readonly #database: DatabaseSync;
  readonly #log: string;
  readonly #folder: string;
  readonly #drop;
  readonly #fill;
  #isHeld: boolean;
  #isExtended = false;

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#log = `${path}-wal`;
    this.#folder = dirname(path);
    this.#drop = database.prepare("DELETE FROM meta WHERE name = 'reserve'");
    this.#fill = database.prepare("INSERT INTO meta (name, value) VALUES ('reserve', zeroblob(?))");
    this.#isHeld = database.prepare("SELECT 1 FROM meta WHERE name = 'reserve'").get() !== undefined;
  }

  /** Whether the disk is full, apart from the reserve. Throws the errors of statfs. */
  get isLow(): boolean {
    return this.#room() < lowBytes;
  }

  /** Creates the reserve if there is none and the disk has space. Frees its pages if the disk is full. */
  keep(): void {
    const room = this.#room();
    if (!this.#isExtended && room >= roomBytes) this.#extendLog();
    if (this.#isHeld ? room >= lowBytes : room < roomBytes) return;
    if (this.#isHeld) this.#drop.run();
    else this.#makePages();
    this.#isHeld = !this.#isHeld;
  }

  /** Free bytes on the disk. */
  #room(): number {
    const { bavail, bsize } = statfsSync(this.#folder);
    return bavail * bsize;
  }

  /** Zeros are not valid frames of the log, so SQLite stops reading there. */
  #extendLog(): void {
    const { size } = statSync(this.#log);
    const file = openSync(this.#log, 'r+');
    try {
      for (let at = size; at < logBytes; at += zeros.length)
        writeSync(file, zeros, 0, Math.min(zeros.length, logBytes - at), at);
    } finally {
      closeSync(file);
    }
    this.#isExtended = true;
  }

  /** Moves the pages into the database at once: a page has no space on the disk before it is written there. */
  #makePages(): void {
    this.#fill.run(reservePages * pageBytes);
    this.#database.exec('PRAGMA wal_checkpoint(PASSIVE)');
  }
}

const zeros = Buffer.alloc(256 * 1024);
