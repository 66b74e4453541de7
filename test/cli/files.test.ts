import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSources } from '../../src/cli/read-manifests.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'agentctl-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(...names: string[]): void {
  for (const name of names) {
    mkdirSync(join(folder, dirname(name)), { recursive: true });
    writeFileSync(join(folder, name), '{}');
  }
}

/** What is read of the folder, and what is told of it. */
async function read(recursive: boolean, at = '.'): Promise<{ names: string[]; told: string }> {
  const told: unknown[] = [];
  const cli = {
    stdin: async () => new Uint8Array(),
    signal: new AbortController().signal,
    environment: {},
    err: (text: unknown) => void told.push(text),
  };
  const sources = await readSources({ filename: [join(folder, at)], recursive }, cli);
  return {
    names: sources.map(({ name }) => relative(folder, name)),
    told: told.join('').replaceAll(folder, ''),
  };
}

test('of a folder its manifests are read, and with -R those of all folders below it', async () => {
  put('a.yaml', 'b.yml', 'c.json', 'd.txt', 'sub/e.yaml');
  expect(await read(false)).toEqual({ names: ['a.yaml', 'b.yml', 'c.json'], told: '' });
  expect((await read(true)).names).toEqual(['a.yaml', 'b.yml', 'c.json', 'sub/e.yaml']);
});

test('names with a dot in front are passed over, as a Sync does it, and folders are told', async () => {
  put('a.yaml', '._a.yaml', '.github/ci.yml', '.git/x.json', '..2026/b.yaml', 'sub/.idea/c.json');
  symlinkSync('me@host.1:2', join(folder, '.#a.yaml'));
  symlinkSync('..2026', join(folder, '..data'));
  symlinkSync('..data/b.yaml', join(folder, 'b.yaml'));
  expect(await read(false)).toEqual({ names: ['a.yaml', 'b.yaml'], told: '' });
  expect(await read(true)).toEqual({
    names: ['a.yaml', 'b.yaml'],
    told: 'Note: skipped /.github (hidden), /sub/.idea (hidden)\n',
  });
  expect((await read(false, '.github')).names).toEqual(['.github/ci.yml']);
});

test('a link to a folder is followed, but for one that it stands in, which is told', async () => {
  put('shared/s.yaml', 'ed/a.yaml');
  symlinkSync('../shared', join(folder, 'ed/shared'));
  symlinkSync('.', join(folder, 'ed/self'));
  expect(await read(true, 'ed')).toEqual({
    names: ['ed/a.yaml', 'ed/shared/s.yaml'],
    told: 'Note: skipped /ed/self (a link to a parent folder)\n',
  });
});

test('a manifest that is a link to nowhere is an error, and pipes are passed over', async () => {
  put('a.yaml');
  execFileSync('mkfifo', [join(folder, 'pipe.yaml')]);
  expect((await read(true)).names).toEqual(['a.yaml']);
  symlinkSync('nowhere', join(folder, 'b.yaml'));
  await expect(read(true)).rejects.toThrow('b.yaml" does not exist');
});

test('a link that may lead to a folder of manifests, and cannot be followed, is an error', async () => {
  put('a.yaml');
  symlinkSync('nowhere', join(folder, 'gone'));
  expect((await read(true)).names).toEqual(['a.yaml']);
  symlinkSync('x'.repeat(300), join(folder, 'more')); // ENAMETOOLONG
  await expect(read(true)).rejects.toThrow('/more cannot be read: ENAMETOOLONG');
});
