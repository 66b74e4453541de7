import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SourceError } from '../source.ts';
import { type CatFile, readBlobs } from './blobs.ts';
import type { Entry } from './tree.ts';

/**
 * Writes files of a commit below a folder that is made anew. git is not asked to check anything out, so there are no
 * links, and no filter and no hook can run.
 */
export async function checkOut(catFile: CatFile, files: readonly Entry[], folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const contents = await readBlobs(catFile, files);
  for (const [at, { path }] of files.entries()) {
    // A commit that was not made by git can hold any name.
    if (path.split('/').some((name) => /^(\.{0,2}|\.git)$/i.test(name)))
      throw new SourceError(
        'OutsideTree',
        `the commit has a file named ${JSON.stringify(path)}, which is not allowed`,
      );
    await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
    await writeFile(join(folder, path), contents[at] ?? '', { mode: 0o600, flag: 'wx' });
  }
}
