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
