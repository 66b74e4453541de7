import { limits, SourceError, type SourceReason } from '../source.ts';
import type { Run } from './repository.ts';
import { type CatFile, checkEntries, type Entry, parseTree } from './tree.ts';

export interface LinkRules {
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
