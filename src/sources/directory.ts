import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { SyncSpec } from '../api/gen/types.gen.ts';
import type { Clock } from '../platform/clock.ts';
import { readTree, type TreeFile } from './folder.ts';
import { isSelected } from './glob.ts';
import { kustomizationNames } from './kustomization.ts';
import type { Render } from './kustomize.ts';
import { type Manifests, type Source, SourceError } from './source.ts';
import { watchPaths } from './watch.ts';

export interface DirectoryParts {
  directory: NonNullable<SyncSpec['source']['directory']>;
  clock: Clock;
  /** The PATH by which kustomize is found. */
  searchPath: string;
  render: Render;
}

/** Longer than a file must be at rest, so that what is told of can be read at once. In milliseconds. */
const quiet = 350;

/**
 * A folder of this host. Whoever writes below it is not trusted: no link out of it is followed, and kustomize works on a
 * copy of the very files that the revision is of.
 */
export function createDirectorySource({ directory, clock, searchPath, render }: DirectoryParts): Source {
  const { path } = directory;
  const closing: (() => Promise<void>)[] = [];
  const readFiles = async (signal: AbortSignal): Promise<Manifests & { rendered: boolean }> => {
    // Of a kustomization any file may be read, but none whose name begins with a dot.
    const all = await readTree(path, { clock, signal, selects: (names) => selection(names, directory) });
    return { ...all, revision: revisionOf(all.files) };
  };
  return {
    look: async (signal) => ({ revision: (await readFiles(signal)).revision }),
    async read(_found, signal) {
      const { revision, files, rendered } = await readFiles(signal);
      if (!rendered) return { revision, files };
      const bytes = await renderCopy(files, (root) =>
        render({ root, path: '.', sealed: true, searchPath, signal }),
      );
      return { revision, files: [{ name: 'kustomize build .', bytes }] };
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

/** Which files are read, by the names in the folder itself. */
const selection = (names: readonly string[], globs: DirectoryParts['directory']) => {
  const rendered = names.some((name) => kustomizationNames.includes(name));
  return {
    rendered,
    takes: (file: string): boolean => rendered || isSelected(file, globs),
    passes: (link: string): boolean => !rendered && !isSelected(link, { ...globs, include: ['**'] }),
  };
};

/** Lengths stand before names and contents, so that no two sets of files give the same bytes. */
function revisionOf(files: readonly TreeFile[]): string {
  const hash = createHash('sha256');
  for (const { name, bytes } of files) {
    hash.update(`${Buffer.byteLength(name)} ${bytes.length} ${name}`).update(bytes);
  }
  return `sha256:${hash.digest('hex')}`;
}

async function renderCopy(
  files: readonly TreeFile[],
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
    throw new SourceError('Failed', `the files cannot be handed to kustomize: ${String(cause)}`, { cause });
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
