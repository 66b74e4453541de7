import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GitDeps } from '../../../src/sources/git.ts';
import { HttpsHost } from '../../git/https.ts';
import { Repository } from '../../git/repository.ts';
import { bytes, GitWorld } from './world.ts';

const credentials = { username: 'someone', password: 'pass word$"\'`\\hunter2' };
let repository: Repository;
let host: HttpsHost;
let world: GitWorld;
beforeEach(async () => {
  repository = await Repository.with({ 'a.yaml': 'first' });
  host = await HttpsHost.of(repository);
  world = await GitWorld.begin();
});
afterEach(async () => {
  await host[Symbol.asyncDispose]();
  await repository[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const read = (
  data: Record<string, string> = {},
  deps: Partial<GitDeps> = {},
): Promise<Record<string, string>> =>
  world.read({ url: host.url }, { secret: bytes({ 'ca.crt': host.ca, ...data }), ...deps });
const failure = (data?: Record<string, string>): Promise<unknown> =>
  read(data).then(
    () => 'it was read',
    (error: unknown) => error,
  );

test('a repository is read by https, and again after a push', async () => {
  expect(await read()).toEqual({ 'a.yaml': 'first' });
  await repository.publish({ 'a.yaml': 'second' });
  expect(await read()).toEqual({ 'a.yaml': 'second' });
});

describe('credentials', () => {
  beforeEach(() => {
    host.credentials = credentials;
  });

  test('are those of the Secret, and only where they are asked for', async () => {
    expect(await read({ ...credentials })).toEqual({ 'a.yaml': 'first' });
    expect(await read({ ...credentials, password: `${credentials.password}\n` })).toEqual({
      'a.yaml': 'first',
    });
    host.credentials = { username: 'git', password: 'token' };
    expect(await read({ password: 'token' })).toEqual({ 'a.yaml': 'first' });
    host.credentials = undefined;
    host.requests.length = 0;
    expect(await read({ ...credentials })).toEqual({ 'a.yaml': 'first' });
    expect(host.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  test('that are wrong or missing are told, and not shown', async () => {
    const wrong = await failure({ username: 'someone', password: 'hunter3' });
    expect(wrong).toMatchObject({
      code: 'AuthenticationFailed',
      message: expect.stringContaining('spec.source.git.secretRef'),
    });
    expect(JSON.stringify([String(wrong), String((wrong as Error).cause)])).not.toContain('hunter3');
    expect(await failure()).toMatchObject({ code: 'AuthenticationFailed' });
    await expect(world.read({ url: host.url }, { secret: bytes({ ...credentials }) })).rejects.toMatchObject({
      code: 'HostNotTrusted',
    });
  });

  test('that cannot be any are told by their key', async () => {
    expect(await failure({ username: 'someone' })).toMatchObject({
      code: 'SecretInvalid',
      message: expect.stringContaining('password'),
    });
    expect(await failure({ username: 'a\nhost=elsewhere', password: 'x' })).toMatchObject({
      code: 'SecretInvalid',
      message: expect.stringContaining('username'),
    });
    expect(await failure({ username: 'a', password: 'x\nhost=elsewhere' })).toMatchObject({
      code: 'SecretInvalid',
    });
    expect(await failure({ 'ca.crt': 'no certificate' })).toMatchObject({
      code: 'SecretInvalid',
      message: expect.stringContaining('ca.crt'),
    });
  });

  test('are in no argument, environment or file outside of the tmpfs, and there only for their owner', async () => {
    const seen = join(world.folder, 'seen');
    const bin = join(world.folder, 'bin');
    await mkdir(bin);
    const look = `{ echo "$@"; env; ls -lR '${join(world.folder, 'tmpfs')}'; cat "$GIT_CONFIG_GLOBAL"; } >> '${seen}'`;
    await writeFile(join(bin, 'git'), `#!/bin/sh\n${look}\nPATH='${process.env.PATH}' exec git "$@"\n`);
    await chmod(join(bin, 'git'), 0o755);
    const searchPath = [bin, process.env.PATH].join(delimiter);
    expect(await read({ ...credentials }, { searchPath })).toEqual({ 'a.yaml': 'first' });
    const text = await readFile(seen, 'utf8');
    expect(text).toContain('ls-remote');
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('someone');
    expect(text).toMatch(/^-rw------- .* credential$/m);
    expect(text).not.toMatch(/^-......[rwx]/m);
    expect(world.secretFiles()).toEqual([]);
  });

  test('are not kept after a failure either', async () => {
    await failure({ username: 'someone', password: 'wrong' });
    expect(world.secretFiles()).toEqual([]);
  });
});

test('a host whose certificate nobody vouches for is not trusted', async () => {
  await expect(world.read({ url: host.url })).rejects.toMatchObject({
    code: 'HostNotTrusted',
    message: expect.stringContaining('ca.crt'),
  });
  await using other = await HttpsHost.of(repository);
  expect(await failure({ 'ca.crt': other.ca })).toMatchObject({ code: 'HostNotTrusted' });
  expect(host.requests).toEqual([]);
});

test('a redirect is not followed, and told', async () => {
  await using other = await HttpsHost.of(repository, { certifiedAs: host });
  host.faults = { redirectTo: other.url };
  host.credentials = credentials;
  expect(await failure({ ...credentials })).toMatchObject({
    code: 'Failed',
    message: expect.stringContaining('set spec.source.git.url to the final URL'),
  });
  expect(other.requests).toEqual([]);
  for (const redirectTo of ['ext::sh -c touch% ran', 'file:///etc', 'http://127.0.0.1:1/r']) {
    host.faults = { redirectTo };
    expect(await failure({ ...credentials })).toMatchObject({ code: 'Failed' });
  }
});

describe('a host in trouble', () => {
  test('is out of reach while it is down, or answers with an error', async () => {
    host.faults = { status: 503 };
    expect(await failure()).toMatchObject({ code: 'Unreachable', message: expect.stringContaining('503') });
    host.faults = { status: 404 };
    expect(await failure()).toMatchObject({ code: 'AuthenticationFailed' });
    await host.stop();
    expect(await failure()).toMatchObject({ code: 'Unreachable' });
    await expect(world.read({ url: 'https://nowhere.invalid/r' })).rejects.toMatchObject({
      code: 'Unreachable',
    });
  });

  test('that breaks a fetch off changes nothing, and is read when it is well again', async () => {
    await repository.publish({
      'noise.bin': Buffer.from(Array.from({ length: 300_000 }, (_, n) => (n * n * 31) % 251)),
    });
    expect(await read()).toEqual({ 'a.yaml': 'first' });
    await repository.publish({
      'a.yaml': 'second',
      'noise.bin': Buffer.from(Array.from({ length: 300_000 }, (_, n) => (n * n * 37) % 253)),
    });
    for (const cutAfter of [1, 100, 700]) {
      host.faults = { cutAfter };
      expect(await failure()).toMatchObject({ code: 'Unreachable' });
    }
    host.faults = {};
    expect(await read()).toEqual({ 'a.yaml': 'second' });
  });

  test.each([
    ['stalls', { stallAfter: 200 }],
    ['does not answer', { delay: 60_000 }],
  ])('that %s is given up at the end of the time, and nothing is left running', async (_, faults) => {
    const source = world.source({ url: host.url }, { secret: bytes({ 'ca.crt': host.ca }) });
    const found = await source.look(AbortSignal.timeout(40_000));
    host.faults = faults;
    await expect(source.read(found, AbortSignal.timeout(300))).rejects.toMatchObject({
      code: 'Timeout',
      message: expect.stringContaining('spec.timeout'),
    });
    await expect.poll(() => world.processes()).toEqual([]);
    expect(world.secretFiles()).toEqual([]);
    host.faults = {};
    expect(await read()).toEqual({ 'a.yaml': 'first' });
  });
});
