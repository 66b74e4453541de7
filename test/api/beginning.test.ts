import { expect, test } from 'vitest';
import { beginning } from '../../src/api/beginning.ts';

test.each([
  ['a\u{1f600}b', 4, 'a\u{1f600}b'],
  ['a\u{1f600}b', 3, 'a\u{1f600}'],
  ['a\u{1f600}b', 2, 'a'],
  ['a\u{1f600}b', 0, ''],
])('%s begins, at %i, with %s', (text, most, expected) => expect(beginning(text, most)).toBe(expected));
