import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { selectionOf } from '../../src/sources/selection.ts';

const files = [
  'a.yaml',
  'old/b.yaml',
  'old/keep.yaml',
  'x/old/c.yaml',
  'x/y/a.yaml',
  'x/old.yaml',
  '#c/d.yaml',
  'old.d/e.yaml',
];
const selected = (
  globs: { include?: string[]; ignore?: string[] },
  from: readonly string[] = files,
): string[] => {
  const { takes } = selectionOf(globs);
  return from.filter(takes);
};

test('files are selected by include, and names with a dot in front never are', () => {
  expect(selected({}, ['a/b.yaml', 'a/b.txt', '.a/b.yaml', 'a/.b.yaml'])).toEqual(['a/b.yaml']);
  expect(selected({ include: ['**'] }, ['a/b.txt', '.a/b.yaml', 'a/.b.yaml'])).toEqual(['a/b.txt']);
});

const lines = [
  ['old'],
  ['old/'],
  ['/old'],
  ['/old/'],
  ['old/*'],
  ['old/**'],
  ['**/old'],
  ['x/old'],
  ['x/*/a.yaml'],
  ['a.yaml'],
  ['/a.yaml'],
  ['a.yaml/'],
  ['*.yaml', '!a.yaml'],
  ['*.yaml', '!/a.yaml'],
  ['old/*', '!old/keep.yaml'],
  ['old', '!old/keep.yaml'],
  ['!old', 'old'],
  ['#c'],
  ['\\#c'],
  ['old   '],
  ['old*'],
  ['[o]ld'],
  ['o?d/b.yaml'],
  ['**/y/**'],
  ['/'],
  ['nothing'],
];

test('ignore means what it means to git', () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-ignore-'));
  try {
    const git = (...args: string[]): string => execFileSync('git', ['-C', folder, ...args]).toString();
    git('init', '-q');
    for (const file of files) {
      mkdirSync(join(folder, dirname(file)), { recursive: true });
      writeFileSync(join(folder, file), '');
    }
    for (const ignore of lines) {
      writeFileSync(join(folder, '.gitignore'), `${ignore.join('\n')}\n`);
      const kept = git(
        '-c',
        'core.quotePath=false',
        'ls-files',
        '--others',
        '--exclude-per-directory=.gitignore',
      );
      const expected = kept
        .trim()
        .split('\n')
        .filter((file) => file !== '.gitignore');
      expect([ignore, selected({ ignore }).sort()]).toEqual([ignore, expected.sort()]);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a pattern that matches nothing is told', () => {
  const { takes, unused } = selectionOf({
    include: ['**/*.yaml', 'agents'],
    ignore: ['old', 'olds', '#c', '!x', 'x/y/'],
  });
  for (const file of files) takes(file);
  expect(unused()).toEqual(['include: "agents"', 'ignore: "olds"', 'ignore: "#c"']);
  expect(selectionOf({ ignore: [] }).unused()).toEqual([]);
});
