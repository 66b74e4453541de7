import { closeSync, openSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

const pageBytes = 4_096;

/** Pages that the log takes until it is moved into the database: SQLite writes over it again then. */
export const checkpointPages = 2_000;

/** What the log takes on the disk from the beginning: so much, and the commit that goes beyond it. */
const logBytes = (checkpointPages + 250) * pageBytes;

/** Free pages of the database that are on the disk before they are needed. Some hundreds of objects can be deleted with them. */
export const reservePages = 500;

/** With fewer they are made anew. */
const fewPages = 100;

/** With less room than this on the disk the reserve is kept for what may free some. */
const lowBytes = 256 * 1024;

/** With less room than this it is not made: it would be what fills the disk. */
const roomBytes = 32 * 1024 * 1024;

/**
 * Room within the store's own files, so that objects can be changed and deleted on a full disk: whatever fills the disk
 * would take a file that is given up for it at once.
 */
export class Reserve {
  readonly #database: DatabaseSync;
  readonly #log: string;
  readonly #folder: string;
  readonly #free;
  readonly #drop;
  readonly #fill;

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#log = `${path}-wal`;
    this.#folder = dirname(path);
    this.#free = database.prepare('PRAGMA freelist_count');
    this.#drop = database.prepare("DELETE FROM meta WHERE name = 'reserve'");
    this.#fill = database.prepare("INSERT INTO meta (name, value) VALUES ('reserve', zeroblob(?))");
  }

  /** Whether the disk is full, but for the reserve. Throws what statfs throws. */
  get isLow(): boolean {
    return this.#room() < lowBytes;
  }

  /** Makes the reserve where it is used up and the disk has room. */
  keep(): void {
    const free = Number(this.#free.get()?.freelist_count ?? 0);
    const { size } = statSync(this.#log);
    if ((free >= fewPages && size >= logBytes) || this.#room() < roomBytes) return;
    if (size < logBytes) this.#extendLog(size);
    if (free < fewPages) this.#makePages();
  }

  /** Bytes that are free on the disk. */
  #room(): number {
    const { bavail, bsize } = statfsSync(this.#folder);
    return bavail * bsize;
  }

  /** Zeros are no frames of the log, so SQLite reads it up to there. */
  #extendLog(size: number): void {
    const file = openSync(this.#log, 'r+');
    try {
      for (let at = size; at < logBytes; at += zeros.length)
        writeSync(file, zeros, 0, Math.min(zeros.length, logBytes - at), at);
    } finally {
      closeSync(file);
    }
  }

  /** Written and moved into the database before they are freed: a page that was never written is not on the disk. */
  #makePages(): void {
    this.#drop.run(); // of an attempt that was cut short
    this.#fill.run(reservePages * pageBytes);
    this.#database.exec('PRAGMA wal_checkpoint(PASSIVE)');
    this.#drop.run();
  }
}

const zeros = Buffer.alloc(256 * 1024);
