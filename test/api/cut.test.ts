import { expect, test } from 'vitest';
import { beginning, cut } from '../../src/api/text.ts';

const family = '\u{1f469}\u200d\u{1f469}\u200d\u{1f467}';
const laden = `o${'\u0301'.repeat(200)}`;

test.each([
  ['a\u{1f600}b', 4, 'a\u{1f600}b'],
  ['a\u{1f600}b', 3, 'a\u{1f600}'],
  ['a\u{1f600}b', 2, 'a'],
  ['a\u{1f600}b', 0, ''],
  ['e\u0301e\u0301', 3, 'e\u0301'],
  [`a${family}b`, 4, 'a'],
  [`a${family}b`, 9, `a${family}`],
  [`${'x'.repeat(500)}${family}`, 503, 'x'.repeat(500)],
  [laden, 150, laden.slice(0, 150)],
])('%s begins, at %i, with %s', (text, most, expected) => expect(beginning(text, most)).toBe(expected));

test('what is cut ends with a mark', () => {
  expect(cut('abc', 3)).toBe('abc');
  expect(cut('abcd', 3)).toBe('abc…');
  expect(cut('ab\u{1f600}', 3, '...')).toBe('ab...');
});
