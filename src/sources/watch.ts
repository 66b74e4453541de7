import { realpath, stat } from 'node:fs/promises';
import { basename, sep } from 'node:path';
import type { FSWatcher } from 'chokidar';
import type { Cancel, Clock } from '../platform/clock.ts';

/** A folder that is written without a pause is told of this often all the same, in milliseconds. */
const longest = 5000;
/** How often it is made sure that a path still is what is watched, in milliseconds. */
const lookEvery = 1000;

export interface WatchOptions {
  /** So long nothing may have changed before it is told, in milliseconds. */
  quiet: number;
  clock: Clock;
  /** False: only what stands in a folder itself. */
  recursive?: boolean | undefined;
}

/**
 * Calls `changed` when files or folders have changed and then were quiet for a while, and once when each watch begins: what
 * came before is then to be read. It goes on through the disappearance of a path, be it removed, renamed or unmounted,
 * and its return; a path may be yet to come. What begins with a dot is not watched, but for Kubernetes' `..data`.
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

/** One path. The watcher holds on to an inode: where another one stands at the path a new watcher is made. */
class PathWatch {
  #watcher: FSWatcher | undefined;
  /** What stands there; undefined: nothing. */
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
    const { watch } = await import('chokidar'); // only now: few commands watch
    const path = await realpath(this.#path).catch(() => this.#path); // gone just now: the next look sees it
    if (this.#closed) return;
    const watcher = watch(path, {
      // What a link within leads to is watched where it stands; followed, links to a parent would never end.
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
      // From here on the watcher sees nothing, even where the same inode comes back: the next look begins anew.
      if (file === path && (event === 'unlink' || event === 'unlinkDir')) this.#identity = undefined;
      this.#changed();
    });
    watcher.on('error', () => {
      // Most often the system has no more watches to give: then the files are looked at instead. Whoever reads them
      // tells what else is wrong.
      if (!this.#polling) this.#identity = undefined;
      this.#polling = true;
      this.#changed();
    });
  }
}

const isHidden = (name: string): boolean => name.startsWith('.') && name !== '..data';

/** Of a file its content's times too: an editor may have replaced it while nobody watched. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    const inode = `${found.dev}:${found.ino}:${found.birthtimeNs}`; // a number may be given away anew
    return found.isDirectory() ? inode : `${inode}:${found.mtimeNs}:${found.size}`;
  } catch {
    return undefined; // whoever reads it tells why
  }
}
