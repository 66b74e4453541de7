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

/**
 * Matches globs against paths, in time proportional to pattern times path. A pattern comes from a Sync, and Node's
 * matchesGlob can take minutes for a short one.
 *
 * `*` and `?` match anything except a slash, `**` as a whole segment any number of segments, `[a-z]` and `[!a-z]` one
 * character, `{a,b}` one of several alternatives; a backslash escapes the next character.
 */
export function matchGlob(pattern: string, path: string): boolean {
  return through(compiled(pattern), [0], path).includes(path.length);
}

type Part =
  | { type: 'one'; matches: (char: string) => boolean }
  | { type: 'star' }
  /** `**` and its slash: zero or more segments. */
  | { type: 'folders' }
  /** `**` at the end. */
  | { type: 'rest' }
  | { type: 'either'; of: Part[][] };

const cache = new Map<string, Part[]>();

function compiled(pattern: string): Part[] {
  const known = cache.get(pattern);
  if (known !== undefined) return known;
  if (cache.size >= 1000) cache.clear();
  const parts = new Parser(pattern.replace(/^(\.?\/)+/, '')).sequence(0);
  cache.set(pattern, parts);
  return parts;
}

/**
 * Returns the offsets in the path at which the parts may end if they begin at one of these offsets; sorted, without
 * duplicates.
 */
function through(parts: readonly Part[], starts: readonly number[], path: string): number[] {
  let places = [...starts];
  for (const part of parts) {
    if (places.length === 0) return [];
    places = after(part, places, path);
  }
  return places;
}

function after(part: Part, starts: readonly number[], path: string): number[] {
  switch (part.type) {
    case 'one':
      return starts.filter((at) => at < path.length && part.matches(path.charAt(at))).map((at) => at + 1);
    case 'either':
      return [...new Set(part.of.flatMap((parts) => through(parts, starts, path)))].sort((a, b) => a - b);
    case 'star':
      return spread(starts, path, (at) => path[at] !== '/');
    case 'rest':
      return spread(starts, path, () => true);
    case 'folders':
      return spread(starts, path, () => true).filter(
        (at) => starts.includes(at) || (at > 0 && path[at - 1] === '/'),
      );
  }
}

/** Returns all offsets that are reachable by steps over allowed characters. */
function spread(starts: readonly number[], path: string, passes: (at: number) => boolean): number[] {
  const places: number[] = [];
  const begins = new Set(starts);
  for (let at = starts[0] ?? 0, within = false; at <= path.length; at++) {
    within = begins.has(at) || (within && passes(at - 1));
    if (within) places.push(at);
  }
  return places;
}

class Parser {
  #at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Parses up to the end, or within braces up to the comma or brace that ends the alternative. */
  sequence(depth: number): Part[] {
    const parts: Part[] = [];
    while (this.#at < this.#text.length) {
      const char = this.#text.charAt(this.#at);
      if (depth > 0 && (char === ',' || char === '}')) break;
      const part = this.#part(char, depth);
      if (part.type !== 'star' || parts.at(-1)?.type !== 'star') parts.push(part);
    }
    return parts;
  }

  #part(char: string, depth: number): Part {
    const text = this.#text;
    const segmentBegins = this.#at === 0 || /[/{,]/.test(text.charAt(this.#at - 1));
    if (segmentBegins && text.startsWith('**/', this.#at)) {
      this.#at += 3;
      return { type: 'folders' };
    }
    if (segmentBegins && /^\*\*($|[,}])/.test(text.slice(this.#at, this.#at + 3))) {
      this.#at += 2;
      return { type: 'rest' };
    }
    if (char === '{' && depth < 50 && this.#closes()) return this.#either(depth);
    if (char === '[') {
      const set = /^\[([!^]?)(\]?[^\]/]*)\]/.exec(text.slice(this.#at));
      if (set !== null) {
        this.#at += set[0].length;
        return { type: 'one', matches: oneOf(set[2] ?? '', set[1] !== '') };
      }
    }
    this.#at += 1;
    if (char === '*') return { type: 'star' };
    if (char === '?') return { type: 'one', matches: (found) => found !== '/' };
    const literal = char === '\\' && this.#at < text.length ? text.charAt(this.#at++) : char;
    return { type: 'one', matches: (found) => found === literal };
  }

  #either(depth: number): Part {
    const of: Part[][] = [];
    do {
      this.#at += 1; // the opening brace, or a comma
      of.push(this.sequence(depth + 1));
    } while (this.#text.charAt(this.#at) === ',');
    this.#at += 1;
    return { type: 'either', of };
  }

  /** Whether this brace has a closing brace: without one it is a literal. */
  #closes(): boolean {
    let open = 0;
    for (let at = this.#at; at < this.#text.length; at++) {
      const char = this.#text.charAt(at);
      if (char === '\\') at += 1;
      else if (char === '{') open += 1;
      else if (char === '}' && --open === 0) return true;
    }
    return false;
  }
}

function oneOf(set: string, not: boolean): (char: string) => boolean {
  const ranges = [...set.matchAll(/(.)-(.)|(.)/gs)].map(([, from, to, single = '']) => [
    from ?? single,
    to ?? single,
  ]);
  return (char) => char !== '/' && ranges.some(([from = '', to = '']) => from <= char && char <= to) !== not;
}
