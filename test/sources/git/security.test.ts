import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Repository } from '../../git/repository.ts';
import { bytes, GitWorld } from './world.ts';

const exec = promisify(execFile);

let repository: Repository;
let world: GitWorld;
/** Made by anything that must not run. */
let marker: string;

beforeEach(async () => {
  repository = await Repository.with({ 'a.yaml': 'good' });
  world = await GitWorld.begin();
  marker = join(world.folder, 'ran');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await repository[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

/** A program that leaves the marker. */
async function trap(path: string, then = ''): Promise<string> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho "$0 $*" >> '${marker}'\n${then}\n`);
  await chmod(path, 0o755);
  return path;
}

describe('the configuration of the user', () => {
  let other: Repository;
  beforeEach(async () => {
    other = await Repository.with({ 'a.yaml': 'evil' });
  });
  afterEach(() => other[Symbol.asyncDispose]());

  /** Sends every repository elsewhere, and runs programs wherever git lets it. */
  const diverting = async (): Promise<string> => {
    const program = await trap(join(world.folder, 'program'));
    return [
      `[url "file://${other.folder}"]\n\tinsteadOf = "file://${repository.folder}"`,
      `[core]\n\thooksPath = ${join(world.folder, 'hooks')}\n\tsshCommand = ${program}\n\tfsmonitor = ${program}\n\tpager = ${program}`,
      `[credential]\n\thelper = ${program}`,
      `[uploadpack]\n\tpackObjectsHook = ${program}`,
      '',
    ].join('\n');
  };
  const plainGit = async (): Promise<string> =>
    (await exec('git', ['ls-remote', repository.url, 'refs/heads/main'])).stdout.slice(0, 40);

  const ways: Record<string, (text: string) => Promise<void>> = {
    'of ~/.gitconfig': async (text) => {
      await writeFile(join(world.folder, '.gitconfig'), text);
      vi.stubEnv('HOME', world.folder);
    },
    'of XDG_CONFIG_HOME': async (text) => {
      await mkdir(join(world.folder, 'xdg/git'), { recursive: true });
      await writeFile(join(world.folder, 'xdg/git/config'), text);
      vi.stubEnv('HOME', join(world.folder, 'nothing'));
      vi.stubEnv('XDG_CONFIG_HOME', join(world.folder, 'xdg'));
    },
    'of GIT_CONFIG_GLOBAL': async (text) => {
      await writeFile(join(world.folder, 'global'), text);
      vi.stubEnv('GIT_CONFIG_GLOBAL', join(world.folder, 'global'));
    },
    'of GIT_CONFIG_SYSTEM': async (text) => {
      await writeFile(join(world.folder, 'system'), text);
      vi.stubEnv('GIT_CONFIG_SYSTEM', join(world.folder, 'system'));
    },
    'of GIT_CONFIG_COUNT': async () => {
      vi.stubEnv('GIT_CONFIG_COUNT', '1');
      vi.stubEnv('GIT_CONFIG_KEY_0', `url.file://${other.folder}.insteadOf`);
      vi.stubEnv('GIT_CONFIG_VALUE_0', `file://${repository.folder}`);
    },
    'of GIT_CONFIG_PARAMETERS': async () => {
      vi.stubEnv(
        'GIT_CONFIG_PARAMETERS',
        `'url.file://${other.folder}.insteadof=file://${repository.folder}'`,
      );
    },
  };

  test.each(Object.keys(ways))('%s is not read', async (way) => {
    await ways[way]?.(await diverting());
    expect(await plainGit(), 'the trap is set').toBe(await other.published('main'));
    await rm(marker, { force: true });
    expect(await world.read({ url: repository.url })).toEqual({ 'a.yaml': 'good' });
    expect(existsSync(marker)).toBe(false);
  });

  test('its variables do not lead git elsewhere', async () => {
    for (const name of [
      'GIT_DIR',
      'GIT_COMMON_DIR',
      'GIT_OBJECT_DIRECTORY',
      'GIT_INDEX_FILE',
      'GIT_EXEC_PATH',
    ])
      vi.stubEnv(name, join(world.folder, 'elsewhere'));
    const program = await trap(join(world.folder, 'program'));
    for (const name of [
      'GIT_SSH',
      'GIT_SSH_COMMAND',
      'GIT_ASKPASS',
      'SSH_ASKPASS',
      'GIT_PAGER',
      'GIT_EXTERNAL_DIFF',
    ])
      vi.stubEnv(name, program);
    vi.stubEnv('GIT_TRACE', marker);
    expect(await world.read({ url: repository.url })).toEqual({ 'a.yaml': 'good' });
    expect(existsSync(marker)).toBe(false);
  });

  test('git finds nothing of the environment of the controller but its PATH', async () => {
    vi.stubEnv('SSH_AUTH_SOCK', '/tmp/agent');
    vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:1');
    vi.stubEnv('AGENTCTL_TOKEN', 'hidden');
    const seen = join(world.folder, 'environment');
    await trap(
      join(world.folder, 'bin/git'),
      `env >> '${seen}'; exec /usr/bin/env PATH='${process.env.PATH}' git "$@"`,
    );
    const searchPath = [join(world.folder, 'bin'), process.env.PATH].join(delimiter);
    await world.read({ url: repository.url }, { searchPath });
    const names = new Set((await readFile(seen, 'utf8')).split('\n').map((line) => line.split('=')[0]));
    for (const name of ['_', 'PWD', 'OLDPWD', 'SHLVL', '']) names.delete(name); // the shell's own
    expect([...names].sort()).toEqual([
      'AGENTCTL_GIT_COMMAND',
      'GIT_ALLOW_PROTOCOL',
      'GIT_ATTR_NOSYSTEM',
      'GIT_CONFIG_GLOBAL',
      'GIT_CONFIG_NOSYSTEM',
      'GIT_DIR',
      'GIT_LITERAL_PATHSPECS',
      'GIT_NO_LAZY_FETCH',
      'GIT_NO_REPLACE_OBJECTS',
      'GIT_OPTIONAL_LOCKS',
      'GIT_TERMINAL_PROMPT',
      'GIT_TEST_DISALLOW_ABBREVIATED_OPTIONS',
      'GNUPGHOME',
      'HOME',
      'LC_ALL',
      'PATH',
    ]);
  });
});

describe('hooks', () => {
  const names = ['reference-transaction', 'post-checkout', 'post-index-change', 'post-merge', 'pre-auto-gc'];

  test('of a template are not taken over', async () => {
    for (const name of names) await trap(join(world.folder, 'template/hooks', name));
    vi.stubEnv('GIT_TEMPLATE_DIR', join(world.folder, 'template'));
    await writeFile(
      join(world.folder, '.gitconfig'),
      `[init]\n\ttemplateDir = ${join(world.folder, 'template')}\n`,
    );
    vi.stubEnv('HOME', world.folder);
    expect(await world.read({ url: repository.url })).toEqual({ 'a.yaml': 'good' });
    expect(existsSync(join(world.state, 'repository/hooks'))).toBe(false);
    expect(existsSync(marker)).toBe(false);
  });

  test('that got into the repository do not run', async () => {
    await world.read({ url: repository.url });
    for (const name of names) await trap(join(world.state, 'repository/hooks', name));
    await repository.publish({ 'a.yaml': 'better' });
    expect(await world.read({ url: repository.url })).toEqual({ 'a.yaml': 'better' });
    expect(existsSync(join(world.state, 'repository/hooks')), 'it was not made anew').toBe(true);
    expect(existsSync(marker)).toBe(false);
  });
});

test('submodules are not fetched', async () => {
  await using other = await Repository.with({ 'b.yaml': 'of the submodule' });
  await repository.write({
    '.gitmodules': `[submodule "sub"]\n\tpath = sub\n\turl = ${other.url}\n\tupdate = !touch ${marker}\n`,
  });
  await mkdir(join(repository.work, 'sub'));
  await repository.git(['update-index', '--add', '--cacheinfo', `160000,${await other.head()},sub`]);
  await repository.commit();
  await repository.push();
  expect(await repository.git(['ls-tree', 'HEAD', 'sub'])).toContain('160000 commit');
  expect(await world.read({ url: repository.url })).toEqual({ 'a.yaml': 'good' });
  await expect(world.read({ url: repository.url, path: 'sub' })).rejects.toMatchObject({
    code: 'PathMissing',
    message: expect.stringContaining('submodule'),
  });
  expect(existsSync(marker)).toBe(false);
});

describe('what goes on without end', () => {
  test('a tree of a few hundred bytes with a billion files in it is too large', async () => {
    const file = await repository.git(['rev-parse', 'HEAD:a.yaml']);
    let row = `100644 blob ${file}`;
    for (let level = 0; level < 9; level += 1) {
      const rows = Array.from({ length: 10 }, (_, at) => `${row}\tentry-${at}.yaml\n`);
      await writeFile(join(repository.folder, 'tree'), rows.join(''));
      const made = await exec('sh', ['-c', 'git mktree < ../tree'], { cwd: repository.work });
      row = `040000 tree ${made.stdout.trim()}`;
    }
    const bomb = await repository.git(['commit-tree', '-m', 'x', row.slice('040000 tree '.length)]);
    await repository.git(['push', '--force', 'origin', `${bomb}:refs/heads/main`]);
    await expect(world.read({ url: repository.url })).rejects.toMatchObject({ code: 'TooLarge' });
    expect(world.processes()).toEqual([]);
  });

  test('a host that talks without end is cut off', async () => {
    const bin = join(world.folder, 'bin');
    await trap(join(bin, 'git'), 'exec yes "remote: and another thing" >&2');
    const searchPath = `${bin}${delimiter}${process.env.PATH}`;
    const reading = world.read({ url: repository.url }, { searchPath });
    await expect(reading).rejects.toMatchObject({ code: 'TooLarge' });
    expect(world.processes()).toEqual([]);
  });
});

describe('what could be taken for something else', () => {
  /** No process may be started at all. */
  const nothingRuns = async (git: Parameters<GitWorld['read']>[0]): Promise<unknown> => {
    const searchPath = join(world.folder, 'bin');
    await trap(join(searchPath, 'git'));
    const error = await world.read(git, { searchPath }).catch((cause: unknown) => cause);
    expect(existsSync(marker)).toBe(false);
    return error;
  };

  test.each([
    'ext::sh -c touch% ran',
    'ext::sh',
    'fd::3',
    'file::/srv/r',
    'http://127.0.0.1/r',
    'git://127.0.0.1/r',
    'ftp://127.0.0.1/r',
    '--upload-pack=touch ran',
    'ssh://-oProxyCommand=touch/r',
    '-oProxyCommand=touch:r',
    'ssh://git@%2doProxyCommand=touch/r',
    'https://user:hunter2@127.0.0.1/r',
    '/srv/r',
  ])('no process is started for the URL %j', async (url) => {
    const error = await nothingRuns({ url });
    expect(error).toMatchObject({ name: 'SourceError', code: 'Failed' });
    expect(String(error)).not.toContain('hunter2');
  });

  test.each([
    { branch: '--upload-pack=touch ran' },
    { branch: '-x' },
    { tag: '--output=ran' },
    { branch: 'a:refs/heads/b' },
    { branch: 'a\n' },
    { branch: '*' },
    { commit: '--output=ran' },
    { commit: 'HEAD' },
  ])('no process is started for %j', async (reference) => {
    expect(await nothingRuns({ url: repository.url, ...reference })).toMatchObject({
      code: 'RevisionMissing',
    });
  });

  test.each(['--upload-pack=touch', 'HEAD', 'a..b', ''])('the revision %j is not read', async (revision) => {
    const source = world.source({ url: repository.url });
    await expect(source.read({ revision }, AbortSignal.timeout(40_000))).rejects.toMatchObject({
      code: 'RevisionMissing',
    });
  });

  test.each(['--help', '-r', ':(top)', '*', 'HEAD:a.yaml'])('the path %j is a path', async (path) => {
    await expect(world.read({ url: repository.url, path })).rejects.toMatchObject({ code: 'PathMissing' });
    await repository.publish({ [`${path}/x.yaml`]: 'x' });
    expect(await world.read({ url: repository.url, path })).toEqual({ [`${path}/x.yaml`]: 'x' });
  });

  test.each(['/', '/etc', '..', '../..', 'a/../..'])('the path %j does not leave the tree', async (path) => {
    await expect(world.read({ url: repository.url, path })).rejects.toMatchObject({ code: 'PathMissing' });
  });

  test('a branch and a tag of one name are told apart', async () => {
    const first = await repository.head();
    await repository.tag('main');
    const second = await repository.git(['commit', '--allow-empty', '-m', 'x']).then(repository.head);
    await repository.git(['push', 'origin', 'HEAD:refs/heads/main']);
    const signal = AbortSignal.timeout(40_000);
    expect((await world.source({ url: repository.url, tag: 'main' }).look(signal)).revision).toBe(first);
    expect((await world.source({ url: repository.url, branch: 'main' }).look(signal)).revision).toBe(second);
  });
});

test('neither filters nor attributes change what is read', async () => {
  const program = await trap(join(world.folder, 'filter'), 'cat; echo changed');
  await writeFile(
    join(world.folder, '.gitconfig'),
    `[filter "evil"]\n\tsmudge = ${program}\n\tprocess = ${program}\n\trequired = true\n[core]\n\tautocrlf = true\n`,
  );
  vi.stubEnv('HOME', world.folder);
  const text = 'a: 1\nb: $Id$\nc: grüße\n';
  await repository.write({ 'b.yaml': text });
  await repository.commit();
  // Whoever commits is not to convert them either.
  await repository.git(['update-index', '--assume-unchanged', 'a.yaml', 'b.yaml']);
  await repository.publish({
    '.gitattributes':
      '*.yaml filter=evil diff=evil text eol=crlf ident working-tree-encoding=UTF-16 export-ignore\n',
  });
  expect((await world.read({ url: repository.url }))['b.yaml']).toBe(text);
  expect(existsSync(marker)).toBe(false);
});

test('what is kept on disk is for the user of the controller alone, and holds no credentials', async () => {
  await world.read({ url: repository.url }, { secret: bytes({ password: 'hunter2' }) });
  expect(world.secretFiles()).toEqual([]);
  const { stdout } = await exec('find', [world.state, '-maxdepth', '0', '-perm', '700']);
  expect(stdout.trim()).toBe(world.state);
  await expect(exec('grep', ['-r', 'hunter2', world.folder])).rejects.toMatchObject({ code: 1 });
});
