import { posix } from 'node:path';
import { nearest } from '../../api/nearest.ts';
import { SourceError } from '../source.ts';
import type { Run } from './repository.ts';

/** A file of a commit. */
export interface Entry {
  /** Below the repository's root. */
  path: string;
  id: string;
  size: number;
  sort: 'File' | 'Link';
}

/** The files below a folder of a commit; `.` is all of it. Submodules are left out, and never fetched. */
export async function listTree(run: Run, revision: string, folder: string): Promise<Entry[]> {
  const args = ['ls-tree', '-r', '-t', '-z', '-l', '--full-tree', revision];
  const path = folderPath(folder);
  const { stdout } = await run(path === '' ? args : [...args, '--', path]);
  const rows = stdout.split('\0').flatMap((row) => {
    const [, mode = '', type = '', id = '', size = '', name = ''] =
      /^(\d+) (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(row) ?? [];
    return name === '' ? [] : [{ mode, type, id, size: Number(size), path: name }];
  });
  if (path !== '') await isFolder(run, revision, path, rows.find((row) => row.path === path)?.mode);
  return rows
    .filter(({ type }) => type === 'blob')
    .map(({ mode, id, size, path }) => ({ path, id, size, sort: mode === '120000' ? 'Link' : 'File' }));
}

/** Without `./` and a slash at its end; empty for the root. */
export function folderPath(folder: string): string {
  const path = posix.normalize(folder).replace(/\/+$/, '');
  if (path.startsWith('/') || path === '..' || path.startsWith('../'))
    throw new SourceError('PathMissing', `spec.source.git.path ${folder} leads out of the repository`);
  return path === '.' ? '' : path;
}

async function isFolder(run: Run, revision: string, path: string, mode: string | undefined): Promise<void> {
  if (mode === '040000') return;
  const fault = (text: string): SourceError =>
    new SourceError('PathMissing', `spec.source.git.path ${path} ${text}`);
  if (mode === '160000') throw fault('is a submodule, and these are not fetched');
  if (mode === '120000') throw fault('is a link: name the folder that it leads to');
  if (mode !== undefined) throw fault('is a file: name its folder, and the file in spec.source.git.include');
  const { stdout } = await run(['ls-tree', '-r', '-d', '-z', '--name-only', '--full-tree', revision]);
  const near = nearest(
    path,
    stdout.split('\0').filter((name) => name !== ''),
  );
  throw fault(
    `is not in commit ${revision.slice(0, 12)}${near === undefined ? '' : `: did you mean ${near}?`}`,
  );
}
