import { posix } from 'node:path';
import { nearest } from '../../api/text.ts';
import { Turns } from '../../platform/time-slice.ts';
import { limits, SourceError } from '../source.ts';
import type { Run } from './repository.ts';

/** An entry at a path of a commit. Submodules are not fetched, so they are only names. */
export interface Entry {
  /** Relative to the repository's root. */
  path: string;
  id: string;
  /** In bytes; 0 if it is not a file. */
  size: number;
  kind: 'File' | 'Link' | 'Folder' | 'Submodule';
}

/** Returns the entries below a folder of a commit, and its parent folders; `.` is the whole commit. */
export async function listTree(run: Run, revision: string, folder: string): Promise<Entry[]> {
  const args = ['ls-tree', '-r', '-t', '-z', '-l', '--full-tree', revision];
  const path = folderPath(folder);
  const { stdout } = await run(path === '' ? args : [...args, '--', path]);
  const entries = await parseTree(stdout);
  if (path !== '') await isFolder(run, revision, path, entries.find((entry) => entry.path === path)?.kind);
  return entries;
}

/** The maximum number of files and folders of a commit. A repository with more is not one of manifests. */
const mostEntries = 10 * limits.files;

export function checkEntries(count: number): void {
  if (count > mostEntries)
    throw new SourceError(
      'TooLarge',
      `more than ${mostEntries} files and folders: narrow path, or keep the manifests in their own repository`,
    );
}

/** Parses the output of `git ls-tree -z -l`. Throws SourceError TooLarge. Lets other work run meanwhile. */
export async function parseTree(output: string): Promise<Entry[]> {
  const rows = output.split('\0');
  checkEntries(rows.length);
  const turns = new Turns();
  const entries: Entry[] = [];
  for (let at = 0; at < rows.length; at += 1000) {
    await turns.next();
    entries.push(...rows.slice(at, at + 1000).flatMap(entryOf));
  }
  return entries;
}

function entryOf(row: string): Entry[] {
  const [, mode = '', id = '', size = '', path] = /^(\d+) \w+ ([0-9a-f]+) +(\d+|-)\t(.+)$/s.exec(row) ?? [];
  if (path === undefined) return [];
  return [{ path, id, size: size === '-' ? 0 : Number(size), kind: sorts[mode] ?? 'File' }];
}

const sorts: Readonly<Record<string, Entry['kind']>> = {
  '040000': 'Folder',
  '120000': 'Link',
  '160000': 'Submodule',
};

/** Returns the path without `./` and a trailing slash; empty for the root. */
export function folderPath(folder: string): string {
  const path = posix.normalize(folder).replace(/\/+$/, '');
  if (folder.startsWith('/') || path === '..' || path.startsWith('../'))
    throw new SourceError('PathMissing', `spec.source.git.path ${folder} points outside the repository`);
  return path === '.' ? '' : path;
}

async function isFolder(
  run: Run,
  revision: string,
  path: string,
  kind: Entry['kind'] | undefined,
): Promise<void> {
  const fault = (text: string): SourceError =>
    new SourceError('PathMissing', `spec.source.git.path ${path} ${text}`);
  switch (kind) {
    case 'Folder':
      return;
    case 'Submodule':
      throw fault('is a submodule; submodules are not fetched');
    case 'Link':
      throw fault('is a link: use the folder that it points to');
    case 'File':
      throw fault('is a file: use its folder, and name the file in spec.source.git.include');
    case undefined:
      break;
  }
  const { stdout } = await run(['ls-tree', '-r', '-d', '-z', '--name-only', '--full-tree', revision]);
  const near = nearest(
    path,
    stdout.split('\0').filter((name) => name !== ''),
  );
  throw fault(
    `is not in commit ${revision.slice(0, 12)}${near === undefined ? '' : `: did you mean ${near}?`}`,
  );
}

/** Runs `git cat-file` with these lines as its input. */
export type CatFile = (options: readonly string[], lines: readonly string[]) => Promise<Buffer>;

/** Returns the contents in the same order, exactly as committed: without filters or line end conversion. */
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
