import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { asWords, oneWordHint } from '../../src/api/text.ts';

test.each([
  ['sleep 100', '[sleep, "100"]'],
  ['  node  server.js --port=80 -v ', '[node, server.js, --port=80, -v]'],
  ['/usr/bin/run yes no: - 0x1f', '[/usr/bin/run, "yes", "no:", "-", "0x1f"]'],
  ['echo a | wc', '[sh, -c, "echo a | wc"]'],
  ['claude -p "be brief"', String.raw`[sh, -c, "claude -p \"be brief\""]`],
])('the line %s is the list %s', (line, list) => {
  expect(asWords(line)).toBe(list);
  expect(parse(list)).toEqual(expect.arrayContaining([expect.any(String)]));
  expect((parse(list) as unknown[]).every((word) => typeof word === 'string')).toBe(true);
});

test('a program that is a whole line is told to be one word', () => {
  expect(oneWordHint('sleep 100')).toBe('. It is a single word in the list: write [sleep, "100"]');
  expect(oneWordHint('sleep')).toBe('');
});
