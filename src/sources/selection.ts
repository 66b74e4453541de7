import { matchGlob } from './glob.ts';

/** Which files below a folder are read. One belongs to one reading of them: it notes which patterns match anything. */
export interface Selection {
  /** Whether a file is read: include matches it, ignore does not, and no name on the way begins with a dot. */
  takes(file: string): boolean;
  /** Whether nothing there is read, be it a file or a folder with all below it. */
  passes(path: string, isFolder: boolean): boolean;
  /** The patterns that have matched nothing so far, each with its field: `ignore: "old"`. */
  unused(): string[];
}

/** `include` are globs of files; `ignore` are lines as of a .gitignore in that folder, which may have braces too. */
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
  /** By its own name: the last line that matches decides. */
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
  /** What is in a folder that is ignored cannot be taken back by a later line, as in git. */
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
  /** Absent of a comment. */
  glob: string | undefined;
  negated: boolean;
  onlyFolders: boolean;
}

/** A line of a .gitignore: without a slash before its end it holds in any folder. */
function lineOf(text: string): Line {
  const trimmed = text.replace(/(?<!\\)\s+$/, '');
  const negated = trimmed.startsWith('!');
  const pattern = negated ? trimmed.slice(1) : trimmed;
  const onlyFolders = pattern.endsWith('/');
  const path = onlyFolders ? pattern.slice(0, -1) : pattern;
  const isNone = path === '' || trimmed.startsWith('#');
  return { text, glob: isNone ? undefined : path.includes('/') ? path : `**/${path}`, negated, onlyFolders };
}
