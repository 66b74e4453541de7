import { matchGlob } from './glob.ts';

/** Selects which files below a folder are read. Use one for each read: it records which patterns match anything. */
export interface Selection {
  /** Whether a file is read: include matches it, ignore does not, and no name in its path begins with a dot. */
  takes(file: string): boolean;
  /** Whether the file, or the folder with everything below it, is skipped. */
  passes(path: string, isFolder: boolean): boolean;
  /** Returns the patterns that have matched nothing so far, each with its field: `ignore: "old"`. */
  unused(): string[];
}

/** `include` are globs of files; `ignore` are lines as in a .gitignore in that folder, but may also have braces. */
export function selectionOf({ include = defaultInclude, ignore = [] }: Globs): Selection {
  const lines = ignore.map(lineOf);
  const unused = {
    include: new Set(include === defaultInclude || same(include, defaultInclude) ? [] : include),
    ignore: new Set(ignore),
  };
  const folders = new Map<string, boolean>();

  const matches = ({ text, glob, onlyFolders }: Line, path: string, isFolder: boolean): boolean => {
    const found = (isFolder || !onlyFolders) && glob !== undefined && matchGlob(glob, path);
    if (found) unused.ignore.delete(text);
    return found;
  };
  /** Checks only its own path. The last matching line wins. */
  const isIgnored = (path: string, isFolder: boolean): boolean => {
    const matching = lines.filter((line) => matches(line, path, isFolder));
    return matching.at(-1)?.negated === false;
  };
  const isFolderPassed = (folder: string): boolean => {
    const known = folders.get(folder);
    if (known !== undefined) return known;
    const found = isAbovePassed(folder) || isHidden(folder) || isIgnored(folder, true);
    folders.set(folder, found);
    return found;
  };
  /** As in git, a later line cannot re-include a file in an ignored folder. */
  const isAbovePassed = (path: string): boolean => {
    const end = path.lastIndexOf('/');
    return end > 0 && isFolderPassed(path.slice(0, end));
  };
  const passes = (path: string, isFolder: boolean): boolean =>
    isFolder ? isFolderPassed(path) : isAbovePassed(path) || isHidden(path) || isIgnored(path, false);

  return {
    passes,
    takes(file) {
      if (passes(file, false)) return false;
      const matching = include.filter((pattern) => matchGlob(pattern, file));
      for (const pattern of matching) unused.include.delete(pattern);
      return matching.length > 0;
    },
    unused: () =>
      (['include', 'ignore'] as const).flatMap((field) =>
        [...unused[field]].map((pattern) => `${field}: ${JSON.stringify(pattern)}`),
      ),
  };
}

interface Globs {
  include?: readonly string[] | undefined;
  ignore?: readonly string[] | undefined;
}

const defaultInclude = ['**/*.{yaml,yml,json}'];
const same = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((pattern, at) => pattern === other[at]);

const isHidden = (path: string): boolean => path.startsWith('.', path.lastIndexOf('/') + 1);

interface Line {
  text: string;
  /** Absent for a comment. */
  glob: string | undefined;
  negated: boolean;
  onlyFolders: boolean;
}

/** Parses a line of a .gitignore. Without a slash before its end, the line applies in every folder. */
function lineOf(text: string): Line {
  const trimmed = text.replace(/(?<!\\)\s+$/, '');
  const negated = trimmed.startsWith('!');
  const pattern = negated ? trimmed.slice(1) : trimmed;
  const onlyFolders = pattern.endsWith('/');
  const path = onlyFolders ? pattern.slice(0, -1) : pattern;
  const isNone = path === '' || trimmed.startsWith('#');
  return { text, glob: isNone ? undefined : path.includes('/') ? path : `**/${path}`, negated, onlyFolders };
}
