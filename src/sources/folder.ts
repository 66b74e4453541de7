import { type BigIntStats, constants, type Dirent } from 'node:fs';
import { open, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Clock } from '../platform/clock.ts';
import { isCode } from '../platform/code.ts';
import { checkLimits, checkName } from './bounds.ts';
import { absence, limits, SourceError } from './source.ts';

/** A file that is to be read. */
export interface Place {
  /** From the folder on. */
  name: string;
  /** The same for as long as nobody writes the file; undefined where too little time has passed to tell that by its times. */
  stamp: string | undefined;
  /** Fails as listFolder does. */
  read(): Promise<Uint8Array>;
}

export interface ListOptions<S extends Selection> {
  clock: Clock;
  signal: AbortSignal;
  /** By the names in the folder itself. */
  selects(names: readonly string[]): S;
}

interface Selection {
  takes(file: string): boolean;
  /** Folders that nothing is read of, and links that are not looked at, wherever they lead. */
  passes(path: string, isFolder: boolean): boolean;
}

/** What was written less long ago may be half of it, in milliseconds. */
const settlesAfter = 300;
/** Files and folders that are passed on the way; more is no folder of manifests. */
const mostEntries = 10 * limits.files;
/** Some file systems keep times in steps of two seconds. In milliseconds. */
const coarsestTimes = 3000;

/**
 * Finds the files below a folder, in the order of their names. Names with a dot in front, sockets, pipes and devices are
 * passed over; links are followed within the folder only. Fails with PathMissing, OutsideTree, TooLarge, Timeout, or with
 * Unsettled where something is being written.
 */
export const listFolder = <S extends Selection>(
  path: string,
  options: ListOptions<S>,
): Promise<S & { files: Place[] }> => new Listing(path, options).list();

/**
 * Every failure becomes a SourceError, at the latest when the signal aborts: a file system that gives no answer, as of a
 * server that has gone, cannot be called off, and is left behind.
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
  new SourceError('Timeout', 'the folder was not read in time: raise spec.timeout, or narrow include', {
    cause: signal.reason,
  });

/** Files that are looked at or read at once. */
const atOnce = 16;

/** The work on all of them, a few at once, in their order. */
export async function each<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let at = 0; at < items.length; at += atOnce) {
    done.push(...(await Promise.all(items.slice(at, at + atOnce).map(work))));
  }
  return done;
}

interface Found {
  name: string;
  /** Without links. */
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

  /** `above`: the real folders that it stands in, to end loops of links. */
  async #folder(
    name: string,
    real: string,
    above: readonly string[],
    entries: readonly Dirent[],
    selection: S,
  ): Promise<void> {
    if (this.#signal.aborted) throw tooLate(this.#signal);
    // Its own time tells of files that came, went or were renamed: an editor may be between two steps.
    this.#settled(name === '' ? '.' : name, await this.#stat(name, real));
    this.#entries += entries.length;
    if (this.#entries > mostEntries) {
      throw new SourceError(
        'TooLarge',
        `there are more than ${mostEntries} files below ${this.#path}: choose a folder that contains only manifests`,
      );
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

  /** Where a link leads to. Undefined: to nothing that is read. */
  async #target(name: string, path: string, selection: S): Promise<string | undefined> {
    let real: string;
    try {
      real = await realpath(path);
    } catch (cause) {
      // Any other error leaves open whether a folder of manifests is there.
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
    return new SourceError(
      'OutsideTree',
      `${name} is a link to a place outside ${this.#path}: replace it with a copy, or ignore it`,
    );
  }

  #stamp({ dev, ino, size, mtimeNs, ctimeNs, ctimeMs }: BigIntStats): string | undefined {
    const isCertain = this.#clock.now() - Number(ctimeMs) > coarsestTimes;
    return isCertain ? [dev, ino, size, mtimeNs, ctimeNs].join(':') : undefined;
  }

  async #read({ name, real, found }: Found): Promise<Uint8Array> {
    if (this.#signal.aborted) throw tooLate(this.#signal);
    // Not by a link, and without waiting for a pipe's writer, whatever stands there by now.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(real, flags).catch((cause: unknown) => {
      throw this.#unreadable(name, cause);
    });
    try {
      const before = await file.stat({ bigint: true });
      if (!isSame(found, before)) throw unsettled(name);
      const bytes = await file.readFile();
      // That the path still leads here tells that no folder on the way was made a link meanwhile.
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

  /** A time in the future is that of another host's clock, and tells nothing. */
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
