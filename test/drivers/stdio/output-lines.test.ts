import fc from 'fast-check';
import { expect, test } from 'vitest';
import { attachLimits } from '../../../src/drivers/attachment.ts';
import { createLineCutter } from '../../../src/drivers/stdio/output-lines.ts';

const cutAll = (pieces: readonly Buffer[], offset = 0) => {
  const cutter = createLineCutter(offset);
  return [...pieces.flatMap((piece) => cutter.push(piece)), ...cutter.rest()];
};

test('lines and cursors are the same however the bytes are cut', () => {
  const text = fc.array(fc.constantFrom('a', '\n', 'ä', '€', '😀', '', '\r')).map((parts) => parts.join(''));
  fc.assert(
    fc.property(text, fc.array(fc.nat(40)), fc.nat(1_000_000), (whole, places, offset) => {
      const bytes = Buffer.from(whole);
      const cuts = [0, ...places.filter((at) => at < bytes.length).toSorted((a, b) => a - b), bytes.length];
      const pieces = cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
      const lines = cutAll(pieces, offset);
      const expected = whole.split('\n');
      if (expected.at(-1) === '') expected.pop();
      expect(lines.map((line) => line.text)).toEqual(expected);
      for (const { cursor } of lines) {
        const rest = cutAll([bytes.subarray(Number(cursor) - offset)], Number(cursor));
        expect(rest).toEqual(lines.filter((line) => Number(line.cursor) > Number(cursor)));
      }
    }),
  );
});

test('pieces may be written over once they were pushed', () => {
  const cutter = createLineCutter(0);
  const piece = Buffer.from('abc');
  cutter.push(piece);
  piece.fill('x');
  expect(cutter.push(Buffer.from('\n'))).toEqual([{ text: 'abc', cursor: '4' }]);
});

test.each([
  [-1, undefined],
  [0, undefined],
  [1, attachLimits.line + 1],
])('a line of the limit and %d bytes is cut: %s', (more, cut) => {
  const line = Buffer.alloc(attachLimits.line + more, 'y');
  const half = Math.floor(line.length / 2);
  for (const pieces of [
    [line],
    [line.subarray(0, half), line.subarray(half)],
    [line.subarray(0, 3), line.subarray(3)],
  ]) {
    const [first, second] = cutAll([...pieces, Buffer.from('\nnext\n')]);
    expect(first?.text.length).toBe(cut === undefined ? line.length : attachLimits.cutTo);
    expect(first?.cut).toBe(cut);
    expect(first?.cursor).toBe(String(line.length + 1));
    expect(second).toEqual({ text: 'next', cursor: String(line.length + 6) });
  }
});

test('a line in a million pieces takes neither much time nor much memory', () => {
  const cutter = createLineCutter(0);
  const before = process.memoryUsage();
  const piece = Buffer.from('z');
  for (let index = 0; index < 1_000_000; index++) cutter.push(piece);
  const after = process.memoryUsage();
  expect(after.external + after.heapUsed - before.external - before.heapUsed).toBeLessThan(64 * 1024 * 1024);
  expect(cutter.push(Buffer.from('\n'))[0]?.text.length).toBe(1_000_000);
});

test('a line without an end holds no more than its limit', () => {
  const cutter = createLineCutter(0);
  const piece = Buffer.alloc(1024 * 1024, 'z');
  const before = process.memoryUsage().arrayBuffers;
  for (let index = 0; index < 200; index++) cutter.push(piece);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  expect(cutter.rest()).toMatchObject([{ text: 'z'.repeat(attachLimits.cutTo), cut: 200 * 1024 * 1024 }]);
});

test('bytes that are no UTF-8 become replacement characters, and cursors stay', () => {
  const bytes = Buffer.from([0xff, 0xfe, 10, 0x61, 10]);
  expect(cutAll([bytes])).toEqual([
    { text: '\ufffd\ufffd', cursor: '3' },
    { text: 'a', cursor: '5' },
  ]);
});
