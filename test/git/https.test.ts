import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HttpsHost } from './https.ts';
import { Repository } from './repository.ts';
import { cleanEnvironment, run } from './run.ts';

const credentials = { username: 'reader', password: 'one' };

/** A host of a repository, and somebody with a folder who clones of it. */
async function begun() {
  const repository = await Repository.with({ a: 'one'.repeat(1000) });
  const host = await HttpsHost.of(repository, { credentials });
  await writeFile(join(repository.folder, 'ca.crt'), host.ca);
  const place = {
    cwd: repository.folder,
    env: { ...cleanEnvironment(repository.folder), GIT_SSL_CAINFO: join(repository.folder, 'ca.crt') },
  };
  return {
    repository,
    host,
    git: (...args: string[]) => run('git', args, place),
    clone: (password = 'one', ...flags: string[]) =>
      run('git', ['clone', '-q', ...flags, host.url.replace('//', `//reader:${password}@`), 'copy'], place),
    content: () => readFile(join(repository.folder, 'copy/a'), 'utf8'),
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      await repository[Symbol.asyncDispose]();
    },
  };
}

test('a repository is cloned over https, by protocol version 2', async () => {
  await using stage = await begun();
  await stage.clone();
  expect(await stage.content()).toBe('one'.repeat(1000));
  const { requests } = stage.host;
  expect(requests.map(({ line }) => line)).toContain('POST /repository.git/git-upload-pack');
  expect(requests.at(-1)?.headers['git-protocol']).toBe('version=2');
  expect(requests.map(({ status }) => status)).toContain(401);
});

test('a part of it is cloned, and a commit is pushed', async () => {
  await using stage = await begun();
  await stage.clone('one', '--depth=1', '--filter=blob:none');
  const commit = ['-c', 'user.name=A', '-c', 'user.email=a@example.com', 'commit', '-q', '--allow-empty'];
  await stage.git('-C', 'copy', ...commit, '-m', 'Push it');
  await stage.git('-C', 'copy', 'push', '-q', 'origin', 'main');
  expect(await stage.repository.published('main')).toBe(await stage.git('-C', 'copy', 'rev-parse', 'HEAD'));
});

test('wrong and expired passwords are refused', async () => {
  await using stage = await begun();
  await expect(stage.clone('wrong')).rejects.toThrow('Authentication failed');
  stage.host.credentials = { ...credentials, password: 'two' };
  await expect(stage.clone('one')).rejects.toThrow('Authentication failed');
  await stage.clone('two');
});

test('without its authority the host is not trusted', async () => {
  await using stage = await begun();
  await writeFile(join(stage.repository.folder, 'ca.crt'), await readFile('/dev/null'));
  await expect(stage.clone()).rejects.toThrow(/certificate/);
});

test('a fetch is cut off in the middle, and works again', async () => {
  await using stage = await begun();
  stage.host.faults = { cutAfter: 20 };
  await expect(stage.clone()).rejects.toThrow();
  expect(stage.host.requests.at(-1)).toMatchObject({ line: expect.stringContaining('POST'), status: 200 });
  stage.host.faults = {};
  await stage.clone();
});

test('a fetch stalls in the middle', async () => {
  await using stage = await begun();
  stage.host.faults = { stallAfter: 20 };
  const impatient = ['-c', 'http.lowSpeedLimit=1', '-c', 'http.lowSpeedTime=1'];
  await expect(stage.clone('one', ...impatient)).rejects.toThrow(/too slow/);
});

test('an error and a redirect are answered', async () => {
  await using stage = await begun();
  await using other = await HttpsHost.of(stage.repository, { certifiedAs: stage.host });
  stage.host.faults = { status: 500 };
  await expect(stage.clone()).rejects.toThrow('500');
  stage.host.faults = { redirectTo: other.url };
  await stage.clone();
  expect(other.requests.length).toBeGreaterThan(0);
});

test('a late answer is waited for', async () => {
  await using stage = await begun();
  stage.host.faults = { delay: 60 };
  const before = performance.now();
  await stage.clone();
  expect(performance.now() - before).toBeGreaterThan(59); // a timer may be early by less than a millisecond
});

test('a host that is stopped refuses, and answers at the same URL when it is started', async () => {
  await using stage = await begun();
  const { url } = stage.host;
  await stage.host.stop();
  await expect(stage.clone()).rejects.toThrow(/connect/i);
  await stage.host.start();
  expect(stage.host.url).toBe(url);
  await stage.clone();
});
