import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Repository } from './repository.ts';
import { cleanEnvironment, run } from './run.ts';
import { SshHost, withSshd } from './ssh.ts';

/** A host, a repository, and somebody with a folder who knows the host and clones of it. */
async function begun() {
  const repository = await Repository.with({ a: 'one' });
  const host = await SshHost.begin();
  const file = (name: string): string => join(repository.folder, name);
  const settings = {
    IdentityFile: file('identity'),
    UserKnownHostsFile: file('known_hosts'),
    IdentitiesOnly: 'yes',
    BatchMode: 'yes',
    StrictHostKeyChecking: 'yes',
  };
  const options = Object.entries(settings).map(([name, value]) => `-o ${name}=${value}`);
  const env = {
    ...cleanEnvironment(repository.folder),
    GIT_SSH_COMMAND: `ssh -F /dev/null ${options.join(' ')}`,
    GIT_TRACE_PACKET: file('packets'),
  };
  await writeFile(file('identity'), await host.identity(), { mode: 0o600 });
  await writeFile(file('known_hosts'), await host.knownHosts());
  return {
    repository,
    host,
    file,
    clone: () => run('git', ['clone', '-q', host.urlOf(repository), 'copy'], { cwd: repository.folder, env }),
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      await repository[Symbol.asyncDispose]();
    },
  };
}

withSshd(() => {
  test('a repository is cloned over ssh, by protocol version 2', async () => {
    await using stage = await begun();
    await stage.clone();
    expect(await readFile(stage.file('copy/a'), 'utf8')).toBe('one');
    expect(await readFile(stage.file('packets'), 'utf8')).toContain('clone< version 2');
  });

  test('a key that is let in no longer is refused', async () => {
    await using stage = await begun();
    await stage.host.letNobodyIn();
    await expect(stage.clone()).rejects.toThrow('Permission denied (publickey)');
    await writeFile(stage.file('identity'), await stage.host.makeIdentity(), { mode: 0o600 });
    await stage.clone();
  });

  test('a host whose key has changed is not trusted, until its new key is known', async () => {
    await using stage = await begun();
    await stage.host.changeHostKey();
    await expect(stage.clone()).rejects.toThrow('HOST IDENTIFICATION HAS CHANGED');
    await writeFile(stage.file('known_hosts'), await stage.host.knownHosts());
    await stage.clone();
  });

  test('a host that is not known is not trusted', async () => {
    await using stage = await begun();
    await writeFile(stage.file('known_hosts'), '');
    await expect(stage.clone()).rejects.toThrow('Host key verification failed');
  });

  test('a host that is stopped refuses, and answers at the same URL when it is started', async () => {
    await using stage = await begun();
    await stage.host.stop();
    await expect(stage.clone()).rejects.toThrow('Connection refused');
    await stage.host.start();
    await stage.clone();
  });
});
