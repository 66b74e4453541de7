import { type BigIntStats, constants, type Dirent } from 'node:fs';
import { open, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Clock } from '../platform/clock.ts';
import { isCode } from '../platform/code.ts';
import { absence, checkLimits, checkName, limits, SourceError } from './source.ts';

/** A file to be read. */
export interface Place {
  /** Relative to the folder. */
  name: string;
  /** Does not change while the file does not change. Undefined if the file is too new for its times to be reliable. */
  stamp: string | undefined;
  /** Throws the errors of listFolder. */
  read(): Promise<Uint8Array>;
}

export interface ListOptions<S extends Selection> {
  clock: Clock;
  signal: AbortSignal;
  /** Called with the names in the folder itself. */
  selects(names: readonly string[]): S;
}

interface Selection {
  takes(file: string): boolean;
  /** Whether a folder or link is skipped, wherever a link leads. */
  passes(path: string, isFolder: boolean): boolean;
}

/** In milliseconds. A file that changed more recently may be incomplete. */
const settlesAfter = 300;
/** The maximum number of visited files and folders. A folder with more is not a folder of manifests. */
const mostEntries = 10 * limits.files;
/** In milliseconds. Some file systems store times in steps of two seconds. */
const coarsestTimes = 3000;

/**
 * Returns the files below a folder, sorted by name. Skips names that begin with a dot, sockets, pipes and devices;
 * follows links only within the folder. Throws PathMissing, OutsideTree, TooLarge, Timeout, or Unsettled if a file is
 * being written.
 */
export const listFolder = <S extends Selection>(
  path: string,
  options: ListOptions<S>,
): Promise<S & { files: Place[] }> => new Listing(path, options).list();

/**
 * Converts every failure to a SourceError, and rejects at the latest when the signal aborts. A file system that does
 * not answer, for example of a lost server, cannot be interrupted, so that work is abandoned.
 */
export function bounded<T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(tooLate(signal));
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    const fail = (cause: unknown): void =>
      reject(
        cause instanceof SourceError
          ? cause
          : new SourceError('Failed', `${path} cannot be read: ${String(cause)}`, { cause }),
      );
    work()
      .then(resolve, fail)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}

const tooLate = (signal: AbortSignal): SourceError =>
  new SourceError('Timeout', 'the folder was not read in time:', {
    cause: signal.reason,
    remedy: 'raise spec.timeout, or narrow include',
  });

/** How many files are examined or read concurrently. */
const atOnce = 16;

/** Runs the work for each item, a few concurrently, and returns the results in order. */
export async function each<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let at = 0; at < items.length; at += atOnce) {
    done.push(...(await Promise.all(items.slice(at, at + atOnce).map(work))));
  }
  return done;
}

interface Found {
  name: string;
  /** The path with all links resolved. */
  real: string;
  found: BigIntStats;
}

class Listing<S extends Selection> {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #selects: (names: readonly string[]) => S;
  readonly #places: Found[] = [];
  #root = '';
  #entries = 0;

  constructor(path: string, { clock, signal, selects }: ListOptions<S>) {
    this.#path = path;
    this.#clock = clock;
    this.#signal = signal;
    this.#selects = selects;
  }

  async list(): Promise<S & { files: Place[] }> {
    const missing = (cause: unknown): SourceError => {
      const hint = isCode(cause, 'ENOENT')
        ? ": it was removed or renamed, or is not mounted on the controller's host"
        : '';
      return new SourceError('PathMissing', `the folder ${this.#path} ${absence(cause)}${hint}`, { cause });
    };
    let entries: Dirent[];
    try {
      this.#root = await realpath(this.#path);
      entries = await readdir(this.#root, { withFileTypes: true });
    } catch (cause) {
      throw missing(cause);
    }
    const selection = this.#selects(entries.map(({ name }) => name));
    await this.#folder('', this.#root, [], entries, selection);
    this.#places.sort((a, b) => (a.name < b.name ? -1 : 1));
    checkLimits(this.#places.map(({ name, found }) => ({ path: name, size: Number(found.size) })));
    const files = this.#places.map((place) => ({
      name: place.name,
      stamp: this.#stamp(place.found),
      read: () => this.#read(place),
    }));
    return { ...selection, files };
  }

  /** @param above the real paths of the folders that contain it, to detect loops of links */
  async #folder(
    name: string,
    real: string,
    above: readonly string[],
    entries: readonly Dirent[],
    selection: S,
  ): Promise<void> {
    if (this.#signal.aborted) throw tooLate(this.#signal);
    // The folder's own time shows files that were created, removed or renamed: an editor may be between two steps.
    this.#settled(name === '' ? '.' : name, await this.#stat(name, real));
    this.#entries += entries.length;
    if (this.#entries > mostEntries) {
      throw new SourceError('TooLarge', `there are more than ${mostEntries} files below ${this.#path}:`, {
        remedy: 'choose a folder that contains only manifests',
      });
    }
    const visible = entries.filter((entry) => !entry.name.startsWith('.'));
    await each(visible, (entry) =>
      this.#entry(join(name, entry.name), join(real, entry.name), entry, [...above, real], selection),
    );
  }

  async #entry(
    name: string,
    path: string,
    entry: Dirent,
    above: readonly string[],
    selection: S,
  ): Promise<void> {
    const isLink = entry.isSymbolicLink();
    if (isLink && (selection.passes(name, false) || selection.passes(name, true))) return;
    if (entry.isDirectory() && selection.passes(name, true)) return;
    if (!isLink && !entry.isDirectory() && !(entry.isFile() && selection.takes(name))) return;
    const real = isLink ? await this.#target(name, path, selection) : path;
    if (real === undefined) return;
    const found = await this.#stat(name, real);
    if (found.isDirectory()) {
      if (above.includes(real)) return;
      const entries = await readdir(real, { withFileTypes: true }).catch((cause: unknown) => {
        throw this.#unreadable(name, cause);
      });
      return this.#folder(name, real, above, entries, selection);
    }
    if (!found.isFile() || !selection.takes(name)) return;
    checkName(name);
    this.#settled(name, found);
    this.#places.push({ name, real, found });
    if (this.#places.length > limits.files) checkLimits(this.#places.map(() => ({ path: name, size: 0 })));
  }

  /** Returns the target of a link; undefined if the target is not read. */
  async #target(name: string, path: string, selection: S): Promise<string | undefined> {
    let real: string;
    try {
      real = await realpath(path);
    } catch (cause) {
      // After any other error it is unknown whether the target is a folder of manifests.
      if (isCode(cause, 'ENOENT', 'ENOTDIR', 'ELOOP') && !selection.takes(name)) return undefined;
      const to = await readlink(path).catch(() => 'an unknown target');
      if (isCode(cause, 'ELOOP'))
        throw new SourceError('PathMissing', `${name} is a link to itself`, { cause });
      throw new SourceError('PathMissing', `${name} is a link to ${to}, which ${absence(cause)}`, { cause });
    }
    if (real === this.#root || real.startsWith(this.#root === sep ? sep : this.#root + sep)) return real;
    const isFolder = (await stat(real).catch(() => undefined))?.isDirectory() === true;
    if (!isFolder && !selection.takes(name)) return undefined;
    throw this.#outside(name);
  }

  #outside(name: string): SourceError {
    return new SourceError('OutsideTree', `${name} is a link to a place outside ${this.#path}:`, {
      remedy: 'replace it with a copy, or ignore it',
    });
  }

  #stamp({ dev, ino, size, mtimeNs, ctimeNs, ctimeMs }: BigIntStats): string | undefined {
    const isCertain = this.#clock.now() - Number(ctimeMs) > coarsestTimes;
    return isCertain ? [dev, ino, size, mtimeNs, ctimeNs].join(':') : undefined;
  }

  async #read({ name, real, found }: Found): Promise<Uint8Array> {
    if (this.#signal.aborted) throw tooLate(this.#signal);
    // Does not follow a link, and does not wait for a pipe's writer, in case the file was replaced.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(real, flags).catch((cause: unknown) => {
      throw this.#unreadable(name, cause);
    });
    try {
      const before = await file.stat({ bigint: true });
      if (!isSame(found, before)) throw unsettled(name);
      const bytes = await file.readFile();
      // If the path still resolves to the same file, no folder in it was replaced by a link meanwhile.
      const [after, again] = [await this.#stat(name, real), await realpath(real).catch(() => undefined)];
      if (again !== real || !isSame(found, after) || BigInt(bytes.length) !== found.size)
        throw unsettled(name);
      return bytes;
    } finally {
      await file.close();
    }
  }

  #stat(name: string, path: string): Promise<BigIntStats> {
    return stat(path, { bigint: true }).catch((cause: unknown) => {
      throw this.#unreadable(name, cause);
    });
  }

  /** A time in the future comes from another host's clock, and says nothing. */
  #settled(name: string, { mtimeMs, ctimeMs }: BigIntStats): void {
    const now = this.#clock.now();
    if ([mtimeMs, ctimeMs].some((time) => Math.abs(now - Number(time)) < settlesAfter)) throw unsettled(name);
  }

  #unreadable(name: string, cause: unknown): SourceError {
    if (isCode(cause, 'ENOENT', 'ENOTDIR', 'ELOOP')) return unsettled(name, cause);
    return new SourceError('PathMissing', `${join(this.#path, name)} ${absence(cause)}`, { cause });
  }
}

const unsettled = (name: string, cause?: unknown): SourceError =>
  new SourceError('Unsettled', `${name} is being written`, { cause });

const isSame = (a: BigIntStats, b: BigIntStats): boolean =>
  (['dev', 'ino', 'size', 'mtimeNs', 'ctimeNs'] as const).every((field) => a[field] === b[field]);
