import { SourceError } from '../source.ts';
import type { Entry } from './tree.ts';

/** `git cat-file`, with the lines of its input. */
export type CatFile = (options: readonly string[], lines: readonly string[]) => Promise<Buffer>;

/** Their contents, in the same order, as they were committed: no filter and no line end conversion is run. */
export async function readBlobs(catFile: CatFile, entries: readonly Entry[]): Promise<Buffer[]> {
  if (entries.length === 0) return [];
  const output = await catFile(
    ['--batch'],
    entries.map(({ id }) => id),
  );
  let at = 0;
  return entries.map(({ path, size }) => {
    const line = output.indexOf('\n', at);
    const header = output.toString('latin1', at, line);
    const from = line + 1;
    at = from + size + 1;
    if (line < 0 || !header.endsWith(` blob ${size}`) || at > output.length)
      throw new SourceError('Failed', `the repository is damaged: git did not return all of ${path}`);
    return output.subarray(from, from + size);
  });
}
