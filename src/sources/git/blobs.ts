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
      throw new SourceError('Failed', `the repository is damaged: git has not given all of ${path}`);
    return output.subarray(from, from + size);
  });
}

/**
 * The files that links of a commit lead to. One that leads out of the repository, or nowhere, is refused; one that leads
 * to a folder is left out, as it is in a folder that is walked.
 */
export async function followLinks(
  catFile: CatFile,
  revision: string,
  links: readonly Entry[],
): Promise<Entry[]> {
  if (links.length === 0) return [];
  for (const { path } of links) if (path.includes('\n')) throw outside(path, 'cannot be followed');
  const lines = links.map(({ path }) => `${revision}:${path}`);
  const output = (await catFile(['--batch-check', '--follow-symlinks'], lines)).toString('utf8');
  const answers = output.split('\n');
  let at = 0;
  return links.flatMap((link): Entry[] => {
    const answer = answers[at++] ?? '';
    const [, id, type, size] = /^([0-9a-f]{40,64}) (\w+) (\d+)$/.exec(answer) ?? [];
    if (id !== undefined) return type === 'blob' ? [{ ...link, id, size: Number(size), sort: 'File' }] : [];
    // `symlink 9`, and in the next line the path that it leads to.
    const target = answer.startsWith('symlink ') ? ` (to ${answers[at]})` : '';
    throw outside(link.path, target === '' ? 'leads nowhere' : `leads out of the repository${target}`);
  });
}

const outside = (path: string, how: string): SourceError =>
  new SourceError('OutsideTree', `${path} is a link that ${how}: put the file in its place`);
