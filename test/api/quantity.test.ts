import { expect, test } from 'vitest';
import { parseCpu, parseMemory } from '../../src/api/amounts.ts';

test.each([
  ['1024', 1024],
  ['1k', 1000],
  ['1Ki', 1024],
  ['512Mi', 512 * 1024 ** 2],
  ['1.5Gi', 1.5 * 1024 ** 3],
  ['2G', 2e9],
])('%s of memory is %d bytes', (text, bytes) => {
  expect(parseMemory(text)).toBe(bytes);
});

test.each([
  ['2', 2],
  ['0.5', 0.5],
  ['500m', 0.5],
])('%s of cpu is %d cores', (text, cores) => {
  expect(parseCpu(text)).toBe(cores);
});

test('what is no quantity is refused', () => {
  expect(() => parseMemory('1X')).toThrow(RangeError);
  expect(() => parseCpu('1k')).toThrow(RangeError);
});
