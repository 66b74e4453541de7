import { closeSync, fdatasync, fdatasyncSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
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
