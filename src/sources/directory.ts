import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { SyncSpec } from '../api/gen/types.gen.ts';
import type { Clock } from '../platform/clock.ts';
import { bounded, each, listFolder } from './folder.ts';
import { watchPaths } from './folder-watch.ts';
import { kustomizationNames } from './kustomization.ts';
import type { Render } from './kustomize.ts';
import { selectionOf } from './selection.ts';
import { type Found, type Manifests, type Source, SourceError } from './source.ts';

export interface DirectoryDeps {
  directory: NonNullable<SyncSpec['source']['directory']>;
  clock: Clock;
  /** The PATH in which kustomize is looked up. */
  searchPath: string;
  render: Render;
}

/** In milliseconds. Longer than the time a file must be unchanged, so that a reported file can be read immediately. */
const quiet = 350;

/**
 * Creates a Source for a folder of this host. Users who can write below it are not trusted: links out of it are not
 * followed, and kustomize works on a copy of exactly the files that the revision was computed from.
 */
export function createDirectorySource({ directory, clock, searchPath, render }: DirectoryDeps): Source {
  const { path } = directory;
  const closing: (() => Promise<void>)[] = [];
  /** The files of the last read, by name. A file that has not changed since is not read again for its digest. */
  let known: ReadonlyMap<string, Known> = new Map();

  const list = (signal: AbortSignal) =>
    listFolder(path, { clock, signal, selects: (names) => selection(names, directory) });
  const revisionFrom = (all: readonly (Known & { name: string })[]): string => {
    known = new Map(all.map(({ name, stamp, digest }) => [name, { stamp, digest }]));
    return revisionOf(all);
  };
  const look = async (signal: AbortSignal): Promise<Found> => {
    const { files } = await list(signal);
    const all = await each(files, async ({ name, stamp, read }) => {
      const before = known.get(name);
      const isKnown = before !== undefined && stamp !== undefined && before.stamp === stamp;
      return { name, stamp, digest: isKnown ? before.digest : digestOf(await read()) };
    });
    return { revision: revisionFrom(all) };
  };
  const readFiles = async (signal: AbortSignal) => {
    const { files: places, rendered, unused } = await list(signal);
    const files = await each(places, async ({ name, stamp, read }) => {
      const bytes = await read();
      return { name, stamp, bytes, digest: digestOf(bytes) };
    });
    return {
      rendered,
      unused: unused(),
      revision: revisionFrom(files),
      files: files.map(({ name, bytes }) => ({ name, bytes })),
    };
  };
  return {
    look: (signal) => bounded(path, signal, () => look(signal)),
    async read(_found, signal) {
      const { revision, files, rendered, unused } = await bounded(path, signal, () => readFiles(signal));
      if (!rendered) return { revision, files, unused };
      const bytes = await renderCopy(files, (root) =>
        render({ root, path: '.', sealed: true, searchPath, signal }),
      );
      return { revision, files: [{ name: 'kustomize build .', bytes }], unused };
    },
    watch(changed) {
      const watch = watchPaths([path], changed, { quiet, clock });
      closing.push(() => watch.close());
    },
    async close() {
      await Promise.all(closing.splice(0).map((close) => close()));
    },
  };
}

/** Selects the files to read, from the names in the folder itself. */
const selection = (names: readonly string[], globs: DirectoryDeps['directory']) => {
  const rendered = names.some((name) => kustomizationNames.includes(name));
  const { takes, passes, unused } = selectionOf(globs);
  return {
    rendered,
    takes: (file: string): boolean => rendered || takes(file),
    passes: (path: string, isFolder: boolean): boolean => !rendered && passes(path, isFolder),
    unused,
  };
};

interface Known {
  stamp: string | undefined;
  digest: string;
}

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/**
 * Digests have a fixed length, and each name is preceded by its length, so two different sets of files never give the
 * same text.
 */
function revisionOf(files: readonly { name: string; digest: string }[]): string {
  const hash = createHash('sha256');
  for (const { name, digest } of files) hash.update(`${digest} ${Buffer.byteLength(name)} ${name}\n`);
  return `sha256:${hash.digest('hex')}`;
}

async function renderCopy(
  files: Manifests['files'],
  work: (root: string) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const root = await mkdtemp(join(tmpdir(), 'agentctl-kustomize-'));
  try {
    for (const { name, bytes } of files) {
      const file = join(root, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, bytes, { mode: 0o600 });
    }
    return await work(root);
  } catch (cause) {
    if (cause instanceof SourceError) throw cause;
    throw new SourceError('Failed', `the files cannot be copied for kustomize: ${String(cause)}`, { cause });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
