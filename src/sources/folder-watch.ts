import { realpath, stat } from 'node:fs/promises';
import { basename, sep } from 'node:path';
import type { FSWatcher } from 'chokidar';
import type { Cancel, Clock } from '../platform/clock.ts';

/** A folder that changes without a pause is still reported at this interval, in milliseconds. */
const longest = 5000;
/** How often it is checked that the path still names the watched file, in milliseconds. */
const lookEvery = 1000;

export interface WatchOptions {
  /** How long nothing may have changed before a change is reported, in milliseconds. */
  quiet: number;
  clock: Clock;
  /** False: only direct children of a folder. */
  recursive?: boolean | undefined;
}

/**
 * Calls `changed` when files or folders have changed and then were quiet for a while, and once when each watch begins,
 * so that earlier changes are read. It continues if a path disappears, by removal, rename or unmount, and returns; a
 * path need not exist yet. Names that begin with a dot are not watched, except Kubernetes' `..data`.
 */
export function watchPaths(
  paths: readonly string[],
  changed: () => void,
  { quiet, clock, recursive = true }: WatchOptions,
): { close(): Promise<void> } {
  const debounced = debounce(changed, quiet, clock);
  const watches = paths.map((path) => new PathWatch(path, debounced.call, clock, recursive));
  return {
    async close() {
      debounced.cancel();
      await Promise.all(watches.map((watch) => watch.close()));
    },
  };
}

function debounce(changed: () => void, quiet: number, clock: Clock): { call(): void; cancel(): void } {
  let timer: Cancel | undefined;
  let since = 0;
  const cancel = (): void => {
    timer?.();
    timer = undefined;
  };
  return {
    cancel,
    call() {
      const now = clock.now();
      if (timer === undefined) since = now;
      timer?.();
      timer = clock.after(Math.min(quiet, Math.max(0, since + longest - now)), () => {
        timer = undefined;
        changed();
      });
    },
  };
}

/** Watches one path. A watcher is bound to an inode: if the path names another inode, a new watcher is created. */
class PathWatch {
  #watcher: FSWatcher | undefined;
  /** What the path names now; undefined if nothing. */
  #identity: string | undefined;
  #polling = false;
  #timer: Cancel | undefined;
  #closed = false;
  #looking: Promise<void>;
  readonly #path: string;
  readonly #changed: () => void;
  readonly #clock: Clock;
  readonly #recursive: boolean;

  constructor(path: string, changed: () => void, clock: Clock, recursive: boolean) {
    this.#path = path;
    this.#changed = changed;
    this.#clock = clock;
    this.#recursive = recursive;
    this.#looking = this.#look();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.();
    await this.#looking;
    await this.#watcher?.close();
  }

  async #look(): Promise<void> {
    const identity = await identityOf(this.#path);
    if (identity !== this.#identity && !this.#closed) {
      this.#identity = identity;
      await this.#watcher?.close();
      this.#watcher = undefined;
      this.#changed();
      if (identity !== undefined) await this.#open();
    }
    if (this.#closed) return;
    this.#timer = this.#clock.after(lookEvery, () => {
      this.#looking = this.#look();
    });
  }

  async #open(): Promise<void> {
    const { watch } = await import('chokidar'); // loaded lazily: few commands watch
    const path = await realpath(this.#path).catch(() => this.#path); // just removed: the next check sees it
    if (this.#closed) return;
    const watcher = watch(path, {
      // Targets of links within are watched at their own path. Following links to a parent would never end.
      followSymlinks: false,
      ignoreInitial: true,
      ignorePermissionErrors: true,
      ignored: (file) => file.startsWith(path + sep) && isHidden(basename(file)),
      usePolling: this.#polling,
      interval: lookEvery,
      binaryInterval: lookEvery,
      ...(this.#recursive ? {} : { depth: 0 }),
    });
    this.#watcher = watcher;
    watcher.on('ready', this.#changed).on('all', (event, file) => {
      // From now on the watcher sees nothing, even if the same inode returns: the next check creates a new one.
      if (file === path && (event === 'unlink' || event === 'unlinkDir')) this.#identity = undefined;
      this.#changed();
    });
    watcher.on('error', () => {
      // Usually the system's limit of watches is reached: then the files are polled. Other problems are reported by the
      // reader of the files.
      if (!this.#polling) this.#identity = undefined;
      this.#polling = true;
      this.#changed();
    });
  }
}

const isHidden = (name: string): boolean => name.startsWith('.') && name !== '..data';

/** For a file, includes the times of its content: an editor may have replaced it while there was no watch. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    const inode = `${found.dev}:${found.ino}:${found.birthtimeNs}`; // an inode number may be reused
    return found.isDirectory() ? inode : `${inode}:${found.mtimeNs}:${found.size}`;
  } catch {
    return undefined; // the reader of the path reports the reason
  }
}
