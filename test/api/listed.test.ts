import { expect, test } from 'vitest';
import { listed } from '../../src/api/text.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `a${n}`);

test('ten names are told, and of more the first ten and how many there are besides', () => {
  expect(listed([])).toBe('');
  expect(listed(names(10))).toBe('a0, a1, a2, a3, a4, a5, a6, a7, a8, a9');
  expect(listed(names(500))).toBe('a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, … and 490 more');
  expect(listed(names(3), { most: 2, separator: '; ' })).toBe('a0; a1; … and 1 more');
});
