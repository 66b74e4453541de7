import { describe, expect, test } from 'vitest';
import { matchGlob } from '../../src/sources/selection.ts';

const matching: [pattern: string, path: string][] = [
  ['**/*.{yaml,yml,json}', 'a.yaml'],
  ['**/*.{yaml,yml,json}', 'x/y/z.json'],
  ['*.yaml', 'a.yaml'],
  ['./a/*', 'a/b'],
  ['/a/*', 'a/b'],
  ['a/**', 'a/b/c.yaml'],
  ['**', 'a/b'],
  ['a/**/b', 'a/b'],
  ['a/**/b', 'a/x/y/b'],
  ['**/**/b', 'b'],
  ['{a,b/{c,d}}/e', 'b/d/e'],
  ['{**/x,y}', 'a/b/x'],
  ['{a/**,y}', 'a/b/x'],
  ['a?c', 'abc'],
  ['[a-c]x', 'bx'],
  ['[!a-c]x', 'dx'],
  ['[]]', ']'],
  ['a{b', 'a{b'],
  ['a[b', 'a[b'],
  ['a\\*', 'a*'],
  ['\\{a,b}', '{a,b}'],
  ['a**b', 'axxb'],
  ['ü*', 'über'],
];
const others: [pattern: string, path: string][] = [
  ['*.yaml', 'x/a.yaml'],
  ['**/*.yaml', 'a.yml'],
  ['a/**', 'a'],
  ['a/**/b', 'a/xb'],
  ['**/b', 'ab'],
  ['a?c', 'a/c'],
  ['[!a]', '/'],
  ['a\\*', 'ab'],
  ['a**b', 'a/b'],
  ['', 'a'],
  ['a', 'A'],
];

describe('a glob', () => {
  test.each(matching)('%s matches %s', (pattern, path) => expect(matchGlob(pattern, path)).toBe(true));
  test.each(others)('%s does not match %s', (pattern, path) => expect(matchGlob(pattern, path)).toBe(false));

  // With backtracking none of these ends within the time of a test.
  test('takes no longer for one that is made to be slow', () => {
    expect(matchGlob(`${'*a'.repeat(500)}b`, 'a'.repeat(250))).toBe(false);
    expect(matchGlob('{a,b}'.repeat(200), 'ab')).toBe(false);
    expect(matchGlob(`${'**/a/'.repeat(200)}b`, `${'a/'.repeat(200)}c`)).toBe(false);
    expect(matchGlob('{'.repeat(1024), 'a')).toBe(false);
    expect(matchGlob(`${'{a,'.repeat(200)}${'}'.repeat(200)}`, 'b')).toBe(false);
  });
});
