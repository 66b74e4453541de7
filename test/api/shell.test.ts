import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { quote, shellWord } from '../../src/api/text.ts';

test.each([
  ['web', 'web', "'web'"],
  ['--name=web-0', '--name=web-0', "'--name=web-0'"],
  ['user@host:/a,b%2+c.d', 'user@host:/a,b%2+c.d', "'user@host:/a,b%2+c.d'"],
  ['', "''", "''"],
  ['two words', "'two words'", "'two words'"],
  ["it's", "'it'\\''s'", "'it'\\''s'"],
  ["'", "''\\'''", "''\\'''"],
  ['$HOME `id` "x" \\ !', '\'$HOME `id` "x" \\ !\'', '\'$HOME `id` "x" \\ !\''],
  ['a;b|c&d>e', "'a;b|c&d>e'", "'a;b|c&d>e'"],
  ['~', "'~'", "'~'"],
  ['*', "'*'", "'*'"],
  ['one\ntwo\n', "'one\ntwo\n'", "'one\ntwo\n'"],
  ['größe', "'größe'", "'größe'"],
])('%j is one word to a shell', (word, shown, quoted) => {
  expect([shellWord(word), quote(word)]).toEqual([shown, quoted]);
  for (const text of [shown, quoted])
    expect(execFileSync('/bin/sh', ['-c', `printf '[%s]' ${text}`], { encoding: 'utf8' })).toBe(`[${word}]`);
});
