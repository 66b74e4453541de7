/** Compares what a page shows of a command's output with what it prints. */

/** What differs from run to run and is mapped: objects' ids, commits and process ids. */
const idPattern = /\b[mcp]-[0-9a-f]{10,12}\b|\b(?=[a-f]*\d)[0-9a-f]{7,40}\b|(?<=\b[Pp]id:? +)\d+/g;
const commandPattern = /\b[mcp]-[0-9a-f]{10,12}\b|(?<=\bkill -\w+ )\d+/g;

/** What differs from run to run and does not matter. Columns are as wide as their cells, so blanks do not count. */
const varying: readonly [RegExp, string][] = [
  [/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?: UTC|Z)/g, 'TIME'],
  [/\[\d\d:\d\d:\d\d\]/g, '[TIME]'],
  [/\b\d+\.\d+\.\d+\b/g, 'VERSION'],
  [/Linux [^\s,)]+/g, 'Linux VERSION'],
  [/(?<![\w.-])(?:\d+(?:\.\d+)?(?:ms|[smhd]))+(?![\w.-])/g, 'AGE'],
  [/user:\w+/g, 'user:NAME'],
  [/(?<=\.db, revision )\d+/g, 'REVISION'],
  [/-{2,}/g, '--'],
  [/\s+/g, ' '],
];

const shapeOf = (line: string): string =>
  varying
    .reduce((text, [pattern, name]) => text.replaceAll(pattern, name), line.replaceAll(idPattern, 'ID'))
    .trim();

/** The ids of this run by those that the page shows. */
export class Ids {
  readonly #actual = new Map<string, string>();

  /** A command of the page with the ids of this run. An id that no output before it has shown is an error: it may be a real one. */
  inCommand(command: string): string {
    return command.replaceAll(commandPattern, (id) => {
      const actual = this.#actual.get(id);
      if (actual === undefined) throw new Error(`no output before this command shows ${id}: ${command}`);
      return actual;
    });
  }

  /** What was printed, with the ids that the page shows. */
  asShown(printed: string): string {
    const shown = new Map([...this.#actual].map(([id, actual]) => [actual, id]));
    return printed.replaceAll(idPattern, (id) => shown.get(id) ?? id);
  }

  /** Learns from lines that differ in nothing but their ids. */
  learn(shown: string, printed: string): void {
    const actual = printed.match(idPattern) ?? [];
    for (const [at, id] of (shown.match(idPattern) ?? []).entries()) this.#actual.set(id, actual[at] ?? id);
  }
}

/**
 * Whether the page shows what was printed: the same lines in the same order. A line `...` stands for any number of lines.
 * * The ids of this run are learned, also where only some lines are the same.
 */
export function shows(shown: readonly string[], printed: readonly string[], ids: Ids): boolean {
  const shapes = printed.map(shapeOf);
  const pairs = align(shown, shapes);
  for (const [at, index] of pairs ?? sameLines(shown, shapes))
    ids.learn(shown[at] ?? '', printed[index] ?? '');
  return pairs !== undefined;
}

function sameLines(shown: readonly string[], printed: readonly string[]): [number, number][] {
  return shown
    .map((line, at): [number, number] => [at, printed.indexOf(shapeOf(line))])
    .filter(([, index]) => index >= 0);
}

/**
 * What the page should show of a new output: all of it, or where the page leaves lines out, the lines that are most like
 * those that it shows.
 */
export function renewed(shown: readonly string[], printed: readonly string[]): string[] {
  if (!shown.some(isGap)) return [...printed];
  const lines: string[] = [];
  let from = 0;
  for (const line of shown) {
    if (isGap(line)) {
      lines.push(line);
      continue;
    }
    const likeness = printed.map((other, at) => (at < from ? 0 : likenessOf(line, other)));
    const best = Math.max(...likeness);
    if (best < 0.5) return [...printed];
    from = likeness.indexOf(best) + 1;
    lines.push(printed[from - 1] ?? '');
  }
  return lines;
}

const isGap = (line: string): boolean => line.trim() === '...';

/** The share of words that two lines have in common. */
function likenessOf(one: string, other: string): number {
  const words = new Set(shapeOf(one).split(' '));
  const others = new Set(shapeOf(other).split(' '));
  const common = [...words].filter((word) => others.has(word)).length;
  return common / (words.size + others.size - common);
}

/** The lines of the page, each with the index of the line that was printed. */
function align(
  shown: readonly string[],
  printed: readonly string[],
  from = 0,
  at = 0,
): [number, number][] | undefined {
  if (from === shown.length) return at === printed.length ? [] : undefined;
  const line = shown[from] ?? '';
  if (isGap(line)) {
    for (let next = at; next <= printed.length; next++) {
      const rest = align(shown, printed, from + 1, next);
      if (rest !== undefined) return rest;
    }
    return undefined;
  }
  if (at >= printed.length || shapeOf(line) !== printed[at]) return undefined;
  const rest = align(shown, printed, from + 1, at + 1);
  return rest === undefined ? undefined : [[from, at], ...rest];
}
