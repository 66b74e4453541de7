/** What somebody who may push can put into a tree. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Repository } from '../../git/repository.ts';
import { GitWorld } from './world.ts';

let repository: Repository;
let world: GitWorld;

beforeEach(async () => {
  repository = await Repository.with({ 'a.yaml': 'good' });
  world = await GitWorld.begin();
});
afterEach(async () => {
  await repository[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

test('a manifest whose name steers a terminal is refused, and can be ignored', async () => {
  await repository.publish({ 'b\u001b[31m.yaml': 'x' });
  const reading = world.read({ url: repository.url });
  await expect(reading).rejects.toThrow('the file name b\\u001b[31m.yaml has control characters');
  expect(await world.read({ url: repository.url, ignore: ['b*'] })).toEqual({ 'a.yaml': 'good' });
});

test('nor does a link steer it by where it leads', async () => {
  await repository.publish({ 'b.yaml': { linkTo: '../\u001b[31m' } });
  const reading = world.read({ url: repository.url });
  await expect(reading).rejects.toThrow('(to ../\\u001b[31m)');
});

describe('git', () => {
  const withGit = async (script: string): Promise<{ searchPath: string }> => {
    const searchPath = join(world.folder, 'bin');
    await mkdir(searchPath);
    await writeFile(join(searchPath, 'git'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return { searchPath };
  };

  test('runs with 1 GiB of memory, and writes no file larger than that', async () => {
    const parts = await withGit('echo "data $(ulimit -d) file $(ulimit -f)" >&2; exit 1');
    await expect(world.read({ url: repository.url }, parts)).rejects.toThrow(
      `data ${1024 * 1024} file ${2 * 1024 * 1024}`,
    );
  });

  test('that is sent more than it may write says so, and leaves nothing on the disk', async () => {
    await repository.publish({ 'large.bin': randomBytes(2 * 1024 * 1024) });
    const parts = await withGit(`PATH='${process.env.PATH}'; ulimit -f 2048; exec git "$@"`);
    await expect(world.read({ url: repository.url }, parts)).rejects.toMatchObject({
      code: 'TooLarge',
      message: expect.stringContaining('keep the manifests in a small repository of their own'),
    });
    expect(existsSync(join(world.state, 'repository'))).toBe(false);
  });
});

describe('links', () => {
  test.each([
    ['a file', '../outside.yaml'],
    ['a file by its whole path', '/etc/hostname'],
    ['the repository that git keeps', '../state/repository/config'],
  ])('to %s out of the tree are refused', async (_, linkTo) => {
    await writeFile(join(world.folder, 'outside.yaml'), 'secret');
    await repository.publish({ 'b.yaml': { linkTo } });
    await expect(world.read({ url: repository.url })).rejects.toMatchObject({ code: 'OutsideTree' });
  });

  test.each(['..', '../..', '/', '/etc', 'sub/../..'])(
    'to the folder %s out of the tree are refused',
    async (linkTo) => {
      await repository.publish({ 'sub/a.yaml': 'a', b: { linkTo } });
      await expect(world.read({ url: repository.url })).rejects.toMatchObject({ code: 'OutsideTree' });
    },
  );

  test('in the place of the folder are refused', async () => {
    await repository.publish({ b: { linkTo: '/etc' }, 'c/a.yaml': 'c', d: { linkTo: 'c' } });
    for (const path of ['b', 'd'])
      await expect(world.read({ url: repository.url, path })).rejects.toMatchObject({
        code: 'PathMissing',
      });
    await expect(world.read({ url: repository.url, path: 'd/sub' })).rejects.toMatchObject({
      code: 'PathMissing',
    });
  });

  test('that multiply are refused', async () => {
    const folders = Array.from({ length: 12 }, (_, n) => [
      [`f${n}/x`, { linkTo: `../f${n + 1}` }],
      [`f${n}/y`, { linkTo: `../f${n + 1}` }],
    ]).flat();
    await repository.publish({ ...Object.fromEntries(folders), 'f12/a.yaml': 'a' });
    await expect(world.read({ url: repository.url })).rejects.toMatchObject({ code: 'TooLarge' });
  });

  test('are none in what kustomize is given', async () => {
    await repository.publish({
      'app/kustomization.yaml': 'resources: [x.yaml]\n',
      'app/x.yaml': { linkTo: '../base/x.yaml' },
      'base/x.yaml': 'x',
      'app/outside.yaml': { linkTo: '/etc/hostname' },
      'app/etc': { linkTo: '/etc' },
      'app/.env': 'A=1',
      '.ci/x.yaml': 'x',
      'app/shared': { linkTo: '../base' },
    });
    let seen: string[] = [];
    const render = async ({ root }: { root: string }): Promise<Uint8Array> => {
      const all = await readdir(root, { recursive: true, withFileTypes: true });
      expect(all.filter((entry) => entry.isSymbolicLink())).toEqual([]);
      seen = all.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
      expect(await readFile(join(root, 'app/x.yaml'), 'utf8')).toBe('x');
      return Buffer.from('rendered');
    };
    expect(await world.read({ url: repository.url, path: 'app' }, { render })).toEqual({
      'kustomize build app': 'rendered',
    });
    const root = join(world.state, 'tree');
    expect(seen.map((path) => path.slice(root.length + 1)).sort()).toEqual([
      'a.yaml',
      'app/kustomization.yaml',
      'app/shared/x.yaml',
      'app/x.yaml',
      'base/x.yaml',
    ]);
    expect(existsSync(root)).toBe(false);
  });
});
