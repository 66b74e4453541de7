import { posix } from 'node:path';
import { nearest } from '../../api/text.ts';
import { TimeSlice } from '../../platform/clock.ts';
import { limits, SourceError, type SourceReason } from '../source.ts';
import type { Run } from './git-repository.ts';

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

function checkEntries(count: number): void {
  if (count > mostEntries)
    throw new SourceError('TooLarge', `more than ${mostEntries} files and folders:`, {
      remedy: 'narrow path, or keep the manifests in their own repository',
    });
}

/** Parses the output of `git ls-tree -z -l`. Throws SourceError TooLarge. Lets other work run meanwhile. */
export async function parseTree(output: string): Promise<Entry[]> {
  const rows = output.split('\0');
  checkEntries(rows.length);
  const slice = new TimeSlice();
  const entries: Entry[] = [];
  for (let at = 0; at < rows.length; at += 1000) {
    await slice.next();
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

interface LinkRules {
  /** Whether the link is followed. */
  follows(path: string): boolean;
  /** Whether a link out of the repository is an error or is skipped. */
  refusesOutside: boolean;
  /** Whether a link without a target is an error or is skipped. */
  refusesMissing(path: string): boolean;
}

interface Tools {
  run: Run;
  catFile: CatFile;
}

/** Links may lead to folders with links to folders, and so on. This many folders are followed in total. */
const mostFolders = 100;
/** The limit of links in one folder, and of links in all folders that they lead to. */
const mostLinks = limits.files;

/**
 * Returns all files: regular files, and the targets of links, under the names of the links. A link into a folder that
 * contains the link is skipped. Git resolves the targets, only within the commit.
 */
export async function followLinks(
  { run, catFile }: Tools,
  revision: string,
  entries: readonly Entry[],
  rules: LinkRules,
): Promise<Entry[]> {
  const files = entries.filter(({ kind }) => kind === 'File');
  const isNew = ({ kind, path }: Entry): boolean => kind === 'Link' && rules.follows(path);
  let links = entries.filter(isNew);
  if (links.length === 0) return files;
  const folders = new Map(entries.filter(({ kind }) => kind === 'Folder').map(({ path, id }) => [path, id]));
  let followed = 0;
  while (links.length > 0) {
    if (links.length > mostLinks)
      throw new SourceError('TooLarge', `found ${links.length} links, expected at most ${mostLinks}`);
    const [root, ...targets] = await findTargets(catFile, revision, links);
    if (root?.kind === 'Folder') folders.set('', root.id);
    const next: Entry[] = [];
    for (const [at, link] of links.entries()) {
      const target = targets[at] ?? { kind: 'Missing' };
      if (target.kind === 'Outside' && rules.refusesOutside)
        throw refusal(link.path, `points outside the repository (to ${target.to})`);
      if (target.kind === 'Missing' && rules.refusesMissing(link.path))
        throw refusal(link.path, 'points to nothing', 'PathMissing');
      if (target.kind === 'File') files.push({ ...link, ...target });
      if (target.kind !== 'Folder' || above(link.path).some((path) => folders.get(path) === target.id))
        continue;
      if (++followed > mostFolders)
        throw new SourceError('TooLarge', `${link.path}: found more than ${mostFolders} links to folders`);
      folders.set(link.path, target.id);
      const { stdout } = await run(['ls-tree', '-r', '-t', '-z', '-l', target.id]);
      const below = await parseTree(stdout);
      checkEntries(files.length + below.length);
      for (const entry of below) {
        const copy = { ...entry, path: `${link.path}/${entry.path}` };
        if (copy.kind === 'Folder') folders.set(copy.path, copy.id);
        if (copy.kind === 'File') files.push(copy);
        if (isNew(copy)) next.push(copy);
      }
    }
    links = next;
  }
  return files;
}

type Target =
  | { kind: 'File'; id: string; size: number }
  | { kind: 'Folder'; id: string }
  | { kind: 'Outside'; to: string }
  | { kind: 'Missing' };

/** Returns the target of the root, then of each link. */
async function findTargets(catFile: CatFile, revision: string, links: readonly Entry[]): Promise<Target[]> {
  for (const { path } of links)
    if (/[\n\ufffd]/.test(path)) throw refusal(path, 'cannot be followed because of its name');
  const lines = [`${revision}^{tree}`, ...links.map(({ path }) => `${revision}:${path}`)];
  const output = await catFile(['--batch-check', '--follow-symlinks'], lines);
  let at = 0;
  const takeLine = (): string => {
    const end = output.indexOf('\n', at);
    const line = output.toString('utf8', at, end < 0 ? output.length : end);
    at = end < 0 ? output.length : end + 1;
    return line;
  };
  return lines.map((): Target => {
    const line = takeLine();
    const [, id, type, size] = /^([0-9a-f]{40,64}) (\w+) (\d+)$/.exec(line) ?? [];
    if (id !== undefined)
      return type === 'blob' ? { kind: 'File', id, size: Number(size) } : { kind: 'Folder', id };
    const [, how, length] = /^(symlink|dangling|loop|notdir) (\d+)$/.exec(line) ?? [];
    if (length === undefined) return { kind: 'Missing' }; // the output is `NAME missing`, in one line
    const to = output.toString('utf8', at, at + Number(length));
    at += Number(length) + 1;
    return how === 'symlink' ? { kind: 'Outside', to } : { kind: 'Missing' };
  });
}

/** Returns the folders that contain it; the root is the empty name. */
const above = (path: string): string[] => {
  const names = path.split('/').slice(0, -1);
  return ['', ...names.map((_, at) => names.slice(0, at + 1).join('/'))];
};

const refusal = (path: string, how: string, reason: SourceReason = 'OutsideTree'): SourceError =>
  new SourceError(reason, `${path} is a link that ${how}: replace it with a copy, or ignore it`);
