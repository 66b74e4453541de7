import { expect, test } from 'vitest';
import { createLineSplitter, maxLineBytes } from '../../src/drivers/stdio/output-lines.ts';

const split = (chunks: readonly Buffer[]): string[] => {
  const splitter = createLineSplitter();
  return [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.rest()];
};

test.each([
  ['no text', '', []],
  ['one line', 'a\n', ['a']],
  ['a line without an end', 'a\nb', ['a', 'b']],
  ['empty lines', '\n\na\n', ['', '', 'a']],
  ['characters of several bytes', 'ä€😀\nx\n', ['ä€😀', 'x']],
])('%s, cut anywhere, gives the same lines', (_name, text, lines) => {
  const bytes = Buffer.from(text);
  expect(split([bytes])).toEqual(lines);
  for (let at = 0; at <= bytes.length; at++)
    expect(split([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(lines);
  expect(split([...bytes].map((byte) => Buffer.from([byte])))).toEqual(lines);
});

test('a line beyond the limit comes in pieces of whole characters', () => {
  const text = `x${'€'.repeat(maxLineBytes)}`;
  const bytes = Buffer.from(`${text}\nafter\n`);
  const chunks = [];
  for (let at = 0; at < bytes.length; at += 65_536) chunks.push(bytes.subarray(at, at + 65_536));
  const lines = split(chunks);
  expect(lines.at(-1)).toBe('after');
  expect(lines.slice(0, -1).join('') === text).toBe(true);
  for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(maxLineBytes);
});
