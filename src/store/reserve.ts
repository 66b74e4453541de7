import { closeSync, openSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

const pageBytes = 4_096;

/** Pages that the log takes until it is moved into the database: SQLite writes over it again then. */
export const checkpointPages = 2_000;

/** What the log takes on the disk from the beginning: so much, and the commit that goes beyond it. */
const logBytes = (checkpointPages + 250) * pageBytes;

/** Pages of the database that are on the disk before they are needed. Some hundreds of objects can be deleted with them. */
export const reservePages = 500;

/** With less room than this on the disk the reserve is kept for what may free some. */
const lowBytes = 256 * 1024;

/** With less room than this it is not made: it would be what fills the disk. */
const roomBytes = 32 * 1024 * 1024;

/**
 * Room within the store's own files, so that objects can be changed and deleted on a full disk: whatever fills the disk
 * would take a file that is given up for it at once. A row holds the pages, as SQLite would take free ones for any write.
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

  /** Whether the disk is full, but for the reserve. Throws what statfs throws. */
  get isLow(): boolean {
    return this.#room() < lowBytes;
  }

  /** Makes the reserve where there is none and the disk has room, and gives its pages free on a full disk. */
  keep(): void {
    const room = this.#room();
    if (!this.#isExtended && room >= roomBytes) this.#extendLog();
    if (this.#isHeld ? room >= lowBytes : room < roomBytes) return;
    if (this.#isHeld) this.#drop.run();
    else this.#makePages();
    this.#isHeld = !this.#isHeld;
  }

  /** Bytes that are free on the disk. */
  #room(): number {
    const { bavail, bsize } = statfsSync(this.#folder);
    return bavail * bsize;
  }

  /** Zeros are no frames of the log, so SQLite reads it up to there. */
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

  /** Moved into the database at once: a page that was never written there is not on the disk. */
  #makePages(): void {
    this.#fill.run(reservePages * pageBytes);
    this.#database.exec('PRAGMA wal_checkpoint(PASSIVE)');
  }
}

const zeros = Buffer.alloc(256 * 1024);
