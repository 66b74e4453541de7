import { describe, expect, test } from 'vitest';
import {
  behind,
  createPosition,
  type Entry,
  type Logged,
  placeOf,
} from '../../../src/drivers/stdio/position.ts';

/** A log with a line each second, from 1 on; as the engine answers. */
function logOf(texts: readonly string[], first = 1) {
  const entries: Entry[] = texts.map((text, index) => ({
    stream: 'stdout',
    at: (first + index) * 1000,
    text,
    open: false,
  }));
  return {
    entries,
    async *read(since: number) {
      yield* entries.filter(({ at = 0 }) => at >= since);
    },
  };
}

async function readOn(
  cursor: string,
  read: (since: number) => AsyncIterable<Entry>,
  options: Parameters<typeof behind>[2] = { begin: 0, ended: false },
): Promise<Logged[]> {
  const all: Logged[] = [];
  for await (const line of behind(createPosition(placeOf(cursor)), read, options)) all.push(line);
  return all;
}

/** The cursor behind so many lines of the log. */
function cursorBehind(texts: readonly string[], count: number, first = 1): string {
  const position = createPosition({ since: 0, skip: 0, hashes: [] });
  for (const [index, text] of texts.slice(0, count).entries()) position.advance(text, (first + index) * 1000);
  return position.cursor();
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => `line ${index + 1}`);
const textsOf = (lines: Logged[]): string[] => lines.map(({ text }) => text);

describe('reading on in the log', () => {
  test('goes on behind the cursor, wherever that stands', async () => {
    const texts = numbers(100);
    const log = logOf(texts);
    for (let count = 0; count <= 100; count++)
      expect(textsOf(await readOn(cursorBehind(texts, count), log.read))).toEqual(texts.slice(count));
  });

  test('tells lines that are alike apart by their number', async () => {
    const texts = Array.from({ length: 50 }, () => 'ok');
    expect(await readOn(cursorBehind(texts, 20), logOf(texts).read)).toHaveLength(30);
  });

  test('finds the place by its lines where the beginning of the log is gone', async () => {
    const texts = numbers(30);
    const cursor = '0/20/'.concat(cursorBehind(texts, 20).split('/')[2] ?? '');
    expect(await readOn(cursor, logOf(texts.slice(10), 11).read)).toMatchObject(
      texts.slice(20).map((text) => ({ text, gap: false })),
    );
  });

  test('goes by what is left of the last lines, and says that this is little', async () => {
    const texts = numbers(30);
    const cursor = '0/20/'.concat(cursorBehind(texts, 20).split('/')[2] ?? '');
    const lines = await readOn(cursor, logOf(texts.slice(18), 19).read);
    expect(textsOf(lines)).toEqual(texts.slice(20));
    expect(lines.map(({ gap }) => gap).indexOf(true)).toBe(0);
  });

  test('tells all there is behind a gap where the place is gone', async () => {
    const texts = numbers(30);
    const lines = await readOn(cursorBehind(texts, 5), logOf(texts.slice(20), 21).read);
    expect(textsOf(lines)).toEqual(texts.slice(20));
    expect(lines.map(({ gap }) => gap)).toEqual([true, ...Array.from({ length: 9 }, () => false)]);
  });

  test('leaves an unfinished line for later, until the run has ended', async () => {
    const log = logOf(['a', 'b']);
    log.entries.push({ stream: 'stdout', at: 3000, text: 'ha', open: true });
    const cursor = cursorBehind(['a'], 1);
    expect(textsOf(await readOn(cursor, log.read))).toEqual(['b']);
    expect(textsOf(await readOn(cursor, log.read, { begin: 0, ended: true }))).toEqual(['b', 'ha']);
  });

  test('holds a bounded part of a log in which the place is looked for, and tells its end', async () => {
    const texts = numbers(1_000);
    const cursor = cursorBehind(['another', 'run', 'of', 'another', 'log'], 5);
    const lines = await readOn(cursor, logOf(texts).read, { begin: 0, ended: false, most: 1_000 });
    expect(lines.length).toBeLessThan(150);
    expect(textsOf(lines)).toEqual(texts.slice(-lines.length));
    expect(lines.map(({ gap }) => gap).indexOf(true)).toBe(0);
  });
});
