import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SourceError } from '../source.ts';
import { type CatFile, followLinks, readBlobs } from './blobs.ts';
import type { Entry } from './tree.ts';

/**
 * Writes files of a commit below a folder that is made anew. Links become the files that they lead to; those that lead
 * elsewhere, or to folders, are left out. git is not asked to check anything out, so no filter and no hook can run.
 */
export async function checkOut(
  catFile: CatFile,
  revision: string,
  entries: readonly Entry[],
  folder: string,
): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const files = entries.filter(({ sort }) => sort === 'File');
  const links = entries.filter(({ sort }) => sort === 'Link');
  for (const link of links) files.push(...(await followed(catFile, revision, link)));
  const contents = await readBlobs(catFile, files);
  for (const [at, { path }] of files.entries()) {
    if (path.split('/').some((name) => /^(\.{0,2}|\.git)$/i.test(name)))
      throw new SourceError('OutsideTree', `the commit has a file of the name ${JSON.stringify(path)}`);
    await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
    await writeFile(join(folder, path), contents[at] ?? '', { mode: 0o600, flag: 'wx' });
  }
}

async function followed(catFile: CatFile, revision: string, link: Entry): Promise<Entry[]> {
  try {
    return await followLinks(catFile, revision, [link]);
  } catch (cause) {
    if (cause instanceof SourceError && cause.reason === 'OutsideTree') return [];
    throw cause;
  }
}
