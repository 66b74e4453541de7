import { existsSync, readdirSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { render } from '../../../src/sources/kustomize.ts';
import type { Found } from '../../../src/sources/source.ts';
import { Repository } from '../../git/repository.ts';
import { GitWorld } from './world.ts';

let repository: Repository;
let world: GitWorld;
beforeEach(async () => {
  repository = await Repository.with({ 'a.yaml': 'first' });
  world = await GitWorld.begin();
});
afterEach(async () => {
  await repository[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

type Where = { branch?: string; tag?: string; commit?: string; path?: string };
const read = (where: Where = {}): Promise<Record<string, string>> =>
  world.read({ url: repository.url, ...where });
const look = (where: Where = {}): Promise<Found> =>
  world.source({ url: repository.url, ...where }).look(AbortSignal.timeout(40_000));

describe('a branch', () => {
  test('is followed through pushes, forced pushes and a new history', async () => {
    expect(await read()).toEqual({ 'a.yaml': 'first' });
    await repository.publish({ 'a.yaml': 'second' });
    expect(await read()).toEqual({ 'a.yaml': 'second' });
    await repository.replaceLast({ 'a.yaml': 'instead' });
    expect(await read()).toEqual({ 'a.yaml': 'instead' });
    await repository.rewriteHistory({ 'a.yaml': 'anew' });
    expect(await read()).toEqual({ 'a.yaml': 'anew' });
    expect(await look()).toEqual({ revision: await repository.head(), reference: 'refs/heads/main' });
  });

  test('is that of HEAD where none is named, and is told', async () => {
    await using other = await Repository.with({ 'a.yaml': 'of trunk' }, { branch: 'trunk' });
    await other.startBranch('work/new');
    await other.publish({ 'a.yaml': 'of work' });
    const found = await world.source({ url: other.url }).look(AbortSignal.timeout(40_000));
    expect(found.reference).toBe('refs/heads/trunk');
    expect(await world.read({ url: other.url, branch: 'work/new' })).toEqual({ 'a.yaml': 'of work' });
    expect(await world.read({ url: other.url })).toEqual({ 'a.yaml': 'of trunk' });
  });

  test('that is not there is told with the nearest, and with what is there', async () => {
    await repository.git(['push', 'origin', 'HEAD:refs/heads/production']);
    await expect(look({ branch: 'prodution' })).rejects.toMatchObject({
      code: 'RevisionMissing',
      message: 'the repository has no branch prodution: did you mean production?',
    });
    await expect(look({ branch: 'zzz' })).rejects.toMatchObject({
      message: 'the repository has no branch zzz: there are main, production',
    });
    await expect(look({ tag: 'v1' })).rejects.toMatchObject({
      message: 'the repository has no tag v1: there is no tag at all',
    });
  });

  test('that vanishes is told, and comes back', async () => {
    await repository.startBranch('work');
    await repository.publish({ 'a.yaml': 'work' });
    const found = await look({ branch: 'work' });
    await repository.deleteBranch('work');
    await expect(look({ branch: 'work' })).rejects.toMatchObject({ code: 'RevisionMissing' });
    const late = world
      .source({ url: repository.url, branch: 'work' })
      .read(found, AbortSignal.timeout(40_000));
    await expect(late).rejects.toMatchObject({ code: 'RevisionMissing' });
    await repository.push();
    expect(await read({ branch: 'work' })).toEqual({ 'a.yaml': 'work' });
  });

  test('whose name is the end of another is not taken for it', async () => {
    await repository.git(['push', 'origin', 'HEAD:refs/heads/x/refs/heads/work']);
    await expect(look({ branch: 'work' })).rejects.toMatchObject({ code: 'RevisionMissing' });
  });

  test('of a repository without commits is told', async () => {
    await using empty = await Repository.empty();
    await expect(world.read({ url: empty.url })).rejects.toMatchObject({
      code: 'RevisionMissing',
      message: expect.stringContaining('push a commit'),
    });
  });
});

describe('a tag', () => {
  test.each([
    ['a light one', {}],
    ['an annotated one', { message: 'Release' }],
  ])('is followed where it moves: %s', async (_, options) => {
    await repository.tag('v1', options);
    const first = await look({ tag: 'v1' });
    expect(first).toEqual({ revision: await repository.head(), reference: 'refs/tags/v1' });
    expect(await read({ tag: 'v1' })).toEqual({ 'a.yaml': 'first' });
    await repository.publish({ 'a.yaml': 'second' });
    expect(await look({ tag: 'v1' })).toEqual(first);
    await repository.tag('v1', options);
    expect(await read({ tag: 'v1' })).toEqual({ 'a.yaml': 'second' });
  });

  test('of something that is no commit is refused', async () => {
    await repository.tag('file', { at: 'HEAD:a.yaml' });
    await expect(read({ tag: 'file' })).rejects.toMatchObject({
      code: 'RevisionMissing',
      message: expect.stringContaining('is not a commit'),
    });
  });
});

describe('a commit', () => {
  test('is read though the branch has moved on, and needs nobody once it is here', async () => {
    const commit = await repository.head();
    await repository.publish({ 'a.yaml': 'second' });
    expect(await read({ commit })).toEqual({ 'a.yaml': 'first' });
    await using away = { [Symbol.asyncDispose]: (await repository.moveAway()).putBack };
    expect(await read({ commit })).toEqual({ 'a.yaml': 'first' });
    expect(away).toBeDefined();
  });

  test('that is not there is told', async () => {
    await expect(read({ commit: 'f'.repeat(40) })).rejects.toMatchObject({
      code: 'RevisionMissing',
      message: expect.stringContaining('ffffffff'),
    });
    expect(await read()).toEqual({ 'a.yaml': 'first' });
  });

  test('of a repository with SHA-256 ids is read', async () => {
    await using other = await Repository.with({ 'a.yaml': 'x' });
    await rm(other.bare, { recursive: true });
    await rm(join(other.work, '.git'), { recursive: true });
    await other.git(
      ['init', '--quiet', '--bare', '--object-format=sha256', '-b', 'main', other.bare],
      other.folder,
    );
    await other.git(['init', '--quiet', '--object-format=sha256', '-b', 'main']);
    await other.git(['remote', 'add', 'origin', other.bare]);
    const commit = await other.publish({ 'a.yaml': 'long' });
    expect(commit).toHaveLength(64);
    expect(await read()).toEqual({ 'a.yaml': 'first' });
    expect(await world.read({ url: other.url })).toEqual({ 'a.yaml': 'long' });
    expect(await world.read({ url: other.url, commit })).toEqual({ 'a.yaml': 'long' });
  });
});

describe('the folder', () => {
  test('is below the root, with the nearest told where it is not there', async () => {
    await repository.publish({ 'deploy/fleet/b.yaml': 'b' });
    for (const path of ['deploy', './deploy/', 'deploy/fleet', 'deploy//fleet/.'])
      expect(await read({ path })).toEqual({ 'deploy/fleet/b.yaml': 'b' });
    await expect(read({ path: 'deploy/flet' })).rejects.toMatchObject({
      code: 'PathMissing',
      message: expect.stringMatching(
        /^spec\.source\.git\.path deploy\/flet is not in commit \w{12}: did you mean deploy\/fleet\?$/,
      ),
    });
    await expect(read({ path: 'a.yaml' })).rejects.toMatchObject({
      message: expect.stringContaining('is a file: use its folder'),
    });
  });

  test('with a kustomization is rendered by kustomize', async () => {
    await repository.publish({
      'app/kustomization.yaml': 'resources: [../base]\nnamePrefix: web-\n',
      'base/kustomization.yaml': 'resources: [x.yaml]\n',
      'base/x.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n',
    });
    const bin = join(world.folder, 'bin');
    await mkdir(bin);
    await writeFile(
      join(bin, 'kustomize'),
      '#!/bin/sh\n/bin/cat "$2/kustomization.yaml" "$2/../base/x.yaml"\n',
    );
    await chmod(join(bin, 'kustomize'), 0o755);
    const searchPath = [bin, process.env.PATH].join(delimiter);
    const text = (await world.read({ url: repository.url, path: 'app' }, { render, searchPath }))[
      'kustomize build app'
    ];
    expect(text).toContain('namePrefix: web-');
    expect(text).toContain('kind: ConfigMap');
    await repository.publish({ 'app/kustomization.yaml': 'resources: [https://example.invalid/x.yaml]\n' });
    await expect(
      world.read({ url: repository.url, path: 'app' }, { render, searchPath }),
    ).rejects.toMatchObject({
      code: 'RenderFailed',
    });
  });

  test('with a kustomization is rendered, others are not', async () => {
    await repository.publish({
      'app/Kustomization': 'resources: [x.yaml]',
      'app/x.yaml': 'x',
      'app/sub/kustomization.yml': '',
    });
    const named = ({ path }: { path: string }): Promise<Uint8Array> =>
      Promise.resolve(Buffer.from(`of ${path.slice(world.state.length)}`));
    const of = (path: string): Promise<Record<string, string>> =>
      world.read({ url: repository.url, path }, { render: named });
    expect(await of('app')).toEqual({ 'kustomize build app': 'of /tree/app' });
    expect(await of('app/sub')).toEqual({ 'kustomize build app/sub': 'of /tree/app/sub' });
    await repository.publish({ '.app/kustomization.yaml': '' });
    expect(await of('.app')).toEqual({ 'kustomize build .app': 'of /tree/.app' });
    expect(Object.keys(await of('.'))).toEqual(['a.yaml', 'app/sub/kustomization.yml', 'app/x.yaml']);
  });
});

describe('what is kept', () => {
  const kept = (...path: string[]): string => join(world.state, 'repository', ...path);

  test('stays small over many fetches', async () => {
    for (let n = 0; n < 36; n++) {
      await repository.publish({ 'a.yaml': `${n}` });
      expect(await read()).toEqual({ 'a.yaml': `${n}` });
      expect(world.packs().length).toBeLessThan(33);
    }
    const shallow = await readFile(kept('shallow'), 'utf8');
    expect(shallow.trim().split('\n').length).toBeLessThan(33);
  });

  test('is one commit, not its history', async () => {
    for (let n = 0; n < 5; n++) await repository.publish({ 'a.yaml': `${n}` });
    await read();
    const known = await repository.git(['rev-list', '--count', 'refs/agentctl/head'], kept());
    expect(known).toBe('1');
  });

  test.each([
    [
      'locks of a git that was killed',
      async () => {
        for (const name of ['shallow.lock', 'refs/agentctl/head.lock', 'packed-refs.lock', 'config.lock'])
          await writeFile(kept(name), '');
      },
    ],
    [
      'packs that are cut off',
      async () => {
        for (const name of readdirSync(kept('objects/pack')))
          await truncate(kept('objects/pack', name), 10).catch(() => undefined);
      },
    ],
    [
      'a repository of which half is gone',
      async () => {
        await rm(kept('objects'), { recursive: true });
      },
    ],
    [
      'a repository that was never finished',
      async () => {
        await rm(kept('HEAD'));
        await rm(kept('agentctl-format'));
      },
    ],
    [
      'a reference that names nothing',
      async () => {
        await writeFile(kept('refs/agentctl/head'), `${'e'.repeat(40)}\n`);
      },
    ],
    [
      'rubbish in its configuration',
      async () => {
        await writeFile(kept('config'), '[[[');
      },
    ],
  ])('mends itself: %s', async (_, damage) => {
    await read();
    await damage();
    await repository.publish({ 'a.yaml': 'second' });
    expect(await read()).toEqual({ 'a.yaml': 'second' });
  });

  test('a commit of which a file is damaged is read anew', async () => {
    await read();
    for (const name of readdirSync(kept('objects/pack')))
      if (name.endsWith('.pack')) {
        await rm(kept('objects/pack', name.replace(/pack$/, 'rev')), { force: true });
        const whole = await readFile(kept('objects/pack', name));
        await rm(kept('objects/pack', name));
        await writeFile(kept('objects/pack', name), whole.fill(0, whole.length - 60, whole.length - 20));
      }
    const result = await read().catch(() => undefined);
    expect(result ?? (await read())).toEqual({ 'a.yaml': 'first' });
  });

  test('is thrown away before the next fetch when it has grown beyond 1 GiB', async () => {
    await read();
    const left = kept('objects/pack/tmp_pack_cut_off');
    await writeFile(left, '');
    await truncate(left, 1024 * 1024 * 1024 + 1); // takes no room on the disk
    await repository.publish({ 'a.yaml': 'next' });
    expect(await read()).toEqual({ 'a.yaml': 'next' });
    expect(existsSync(left)).toBe(false);
  });

  test('a host that is away leaves it as it is', async () => {
    await read();
    const { putBack } = await repository.moveAway();
    await expect(look()).rejects.toMatchObject({
      code: 'PathMissing',
      message: expect.stringMatching(/ does not appear to be a git repository$/),
    });
    await putBack();
    expect(world.packs()).toHaveLength(1);
  });
});
