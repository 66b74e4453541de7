import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sources } from '../controller/syncs/sync-records.ts';
import type { Clock } from '../platform/clock.ts';
import type { Render } from '../sources/kustomize.ts';
import type { Parser } from '../sources/parsing/parser.ts';

export interface SourcesDeps {
  /** Contains one folder for each Sync. */
  folder: string;
  /** On a tmpfs, for credentials. */
  secrets: string;
  /** Where git, ssh, gpg, kustomize and kubectl are searched. */
  searchPath: string;
  clock: Clock;
  /** Checks kustomizations. */
  parser: Parser;
}

/**
 * Creates Sources. A new kind of source needs a file in src/sources/, a field in schemas/sync.yaml, and its
 * construction here. Sources are loaded when first needed.
 */
export const createSources = ({ folder, secrets, searchPath, clock, parser }: SourcesDeps): Sources => ({
  async make({ uid, source: { git, directory }, secret, keys }) {
    const kustomize = await import('../sources/kustomize.ts');
    const render: Render = (options) =>
      kustomize.render({
        ...options,
        check: (root, path) => parser.seal(root, path, { owner: uid, signal: options.signal }),
      });
    if (git !== undefined) {
      const { createGitSource } = await import('../sources/git.ts');
      const own = join(folder, uid);
      await mkdir(own, { recursive: true, mode: 0o700 });
      return createGitSource({ git, secret, keys, folder: own, secretsFolder: secrets, searchPath, render });
    }
    if (directory !== undefined) {
      const { createDirectorySource } = await import('../sources/directory.ts');
      return createDirectorySource({ directory, clock, searchPath, render });
    }
    throw new Error('a Sync without a source'); // the schema has exactly one of the two
  },
  forget: (uid) => rm(join(folder, uid), { recursive: true, force: true }),
  async keepOnly(uids) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) {
      if (!uids.has(name)) await rm(join(folder, name), { recursive: true, force: true });
    }
  },
});
