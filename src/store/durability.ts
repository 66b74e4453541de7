import { closeSync, fdatasync, fdatasyncSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

const sync = promisify(fdatasync);

/**
 * Brings what SQLite has committed to its write-ahead log onto the disk, off the event loop: one fdatasync at a time,
 * and all that is committed meanwhile shares the next. Once one has failed nobody knows what is on the disk (the kernel
 * forgets which pages were not written): from then on all fail.
 */
export class Durability {
  readonly #file: number;
  #last: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  /** Of the database at `path`, which must have been opened and be in WAL mode. */
  constructor(path: string) {
    this.#file = openSync(`${path}-wal`, 'r');
    // The log may be new: its name must be on the disk too.
    const folder = openSync(dirname(path), 'r');
    fsyncSync(folder);
    closeSync(folder);
  }

  /** Resolves when all that has been committed so far is on the disk. */
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
