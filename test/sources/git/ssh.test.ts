import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Repository } from '../../git/repository.ts';
import { SshHost, withSshd } from '../../git/ssh.ts';
import { bytes, GitWorld } from './world.ts';

let repository: Repository;
let world: GitWorld;
beforeEach(async () => {
  repository = await Repository.with({ 'a.yaml': 'first' });
  world = await GitWorld.begin();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await repository[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

describe('a host by ssh', () => {
  withSshd(() => {
    let host: SshHost;
    beforeEach(async () => {
      host = await SshHost.begin();
    });
    afterEach(() => host[Symbol.asyncDispose]());

    const read = async (data: Record<string, string> = {}): Promise<Record<string, string>> =>
      world.read(
        { url: host.urlOf(repository) },
        { secret: bytes({ identity: await host.identity(), known_hosts: await host.knownHosts(), ...data }) },
      );

    const failure = (data?: Record<string, string>): Promise<{ code?: string; message: string }> =>
      read(data).then(
        () => ({ message: 'it was read' }),
        (error: { code: string; message: string }) => error,
      );

    test.each([
      ['OpenSSH', ['-t', 'ed25519']],
      ['PEM', ['-t', 'ecdsa', '-m', 'PEM']],
      ['PKCS#8', ['-t', 'ecdsa', '-m', 'PKCS8']],
    ])('takes a key in the format %s, which is told apart where it has a passphrase', async (_, format) => {
      const of = (passphrase: string): Promise<string> => host.makeIdentity({ format, passphrase });
      expect(await read({ identity: await of('') })).toEqual({ 'a.yaml': 'first' });
      expect(await failure({ identity: await of('hunter2') })).toMatchObject({
        code: 'SecretInvalid',
        message:
          "the Secret of spec.source.git.secretRef has a private key with a passphrase under identity: create one without (ssh-keygen -N '')",
      });
    });

    test('is read with the key of the Secret, and again after a push', async () => {
      expect(await read()).toEqual({ 'a.yaml': 'first' });
      await repository.publish({ 'a.yaml': 'second' });
      expect(await read()).toEqual({ 'a.yaml': 'second' });
      expect(
        await read({ identity: (await host.identity()).trimEnd() }),
        'without its last line end',
      ).toBeDefined();
      expect(world.secretFiles()).toEqual([]);
    });

    test('that is another one than is known is not trusted', async () => {
      const known_hosts = await host.knownHosts();
      await host.changeHostKey();
      const told = await failure({ known_hosts });
      expect(told.code).toBe('HostNotTrusted');
      expect(told.message).toMatch(
        /^the host key of 127\.0\.0\.1 differs from known_hosts in .*: it was changed, or the connection is intercepted\. Verify it with the host before you replace it: The fingerprint for the ED25519 key sent by the remote host is; SHA256:\S{43}\.$/,
      );
      expect(await read()).toEqual({ 'a.yaml': 'first' });
    });

    test('that is not known is not trusted, and how its keys are seen is told, with its port', async () => {
      const told = await failure({ known_hosts: '# none\n' });
      const port = /:(\d+)\//.exec(host.urlOf(repository))?.[1];
      expect(told.code).toBe('HostNotTrusted');
      expect(told.message).toMatch(/^the host key of 127\.0\.0\.1 is not in known_hosts in /);
      expect(told.message).toContain(`run ssh-keyscan -p ${port} 127.0.0.1, compare`);
      expect(told.message).toMatch(/: No \w+ host key is known for [^;]*$/);
    });

    test('that no longer lets the key in is told, without what ssh and git always say', async () => {
      await host.letNobodyIn();
      const told = await failure();
      expect(told.code).toBe('AuthenticationFailed');
      expect(told.message).toMatch(/: [^ ]+@127\.0\.0\.1: Permission denied \(publickey\)\.$/);
      await host.makeIdentity();
      expect(await read()).toEqual({ 'a.yaml': 'first' });
    });

    test('that is down is out of reach', async () => {
      await host.stop();
      await expect(read()).rejects.toMatchObject({ code: 'Unreachable' });
    });

    test('without the repository is told', async () => {
      const { putBack } = await repository.moveAway();
      const told = await failure();
      expect(told.code).toBe('PathMissing');
      expect(told.message).toMatch(
        /^there is no Git repository at ssh:.* does not appear to be a git repository$/,
      );
      await putBack();
    });

    test('is not reached with what the user has: keys, known hosts and configuration', async () => {
      const home = join(world.folder, 'home');
      await mkdir(join(home, '.ssh'), { recursive: true, mode: 0o700 });
      await writeFile(join(home, '.ssh/id_ed25519'), await host.identity(), { mode: 0o600 });
      await writeFile(join(home, '.ssh/known_hosts'), await host.knownHosts());
      vi.stubEnv('HOME', home);
      await using other = await SshHost.begin();
      await expect(read({ identity: await other.identity() })).rejects.toMatchObject({
        code: 'AuthenticationFailed',
      });
      await expect(read({ known_hosts: await other.knownHosts() })).rejects.toMatchObject({
        code: 'HostNotTrusted',
      });
    });
  });
});

describe('a Secret for ssh', () => {
  const read = (data: Record<string, string> | undefined): Promise<unknown> =>
    world.read({ url: 'git@example.invalid:r.git' }, { secret: data && bytes(data) });

  test('needs a key and the hosts', async () => {
    await expect(read(undefined)).rejects.toMatchObject({
      code: 'SecretInvalid',
      message: expect.stringMatching(
        /^spec\.source\.git\.secretRef must name a Secret with the keys identity .* and known_hosts/,
      ),
    });
    await expect(read({ known_hosts: 'x' })).rejects.toMatchObject({
      code: 'SecretInvalid',
      message: expect.stringContaining('has no key identity'),
    });
    await expect(read({ identity: 'x' })).rejects.toMatchObject({
      code: 'SecretInvalid',
      message: expect.stringContaining('ssh-keyscan example.invalid'),
    });
    const other = { url: 'ssh://git@[::1]:2222/r.git' };
    await expect(world.read(other, { secret: bytes({ identity: 'x' }) })).rejects.toMatchObject({
      message: expect.stringContaining('run ssh-keyscan -p 2222 ::1, compare'),
    });
  });
});

describe('ssh itself', () => {
  const secret = bytes({ identity: 'key of hunter2', known_hosts: 'hosts' });

  /** A program in the place of ssh that writes down how it was called. */
  async function fakeSsh(then: string): Promise<{ searchPath: string; seen: () => Promise<string> }> {
    const bin = join(world.folder, 'bin');
    const seen = join(world.folder, 'seen');
    await mkdir(bin);
    await writeFile(join(bin, 'ssh'), `#!/bin/sh\n{ echo "$@"; env; cat "$2"; } >> '${seen}'\n${then}\n`);
    await chmod(join(bin, 'ssh'), 0o755);
    return { searchPath: [bin, process.env.PATH].join(delimiter), seen: () => readFile(seen, 'utf8') };
  }

  test('is told to use nothing but the Secret, and to run nothing', async () => {
    const { searchPath, seen } = await fakeSsh('exit 255');
    await expect(
      world.read({ url: 'ssh://git@example.invalid:2222/r.git' }, { secret, searchPath }),
    ).rejects.toMatchObject({ name: 'SourceError' });
    const text = await seen();
    expect(text).toMatch(/^-F \S+ssh_config .*-p 2222 git@example\.invalid git-upload-pack '\/r\.git'$/m);
    for (const option of [
      'BatchMode yes',
      'IdentitiesOnly yes',
      'IdentityAgent none',
      'StrictHostKeyChecking yes',
      'GlobalKnownHostsFile /dev/null',
      'ProxyCommand none',
      'PermitLocalCommand no',
      'ForwardAgent no',
      'ControlMaster no',
    ])
      expect(text).toContain(option);
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('SSH_AUTH_SOCK');
  });

  test('that hangs is ended with git, and leaves nothing', async () => {
    const { searchPath, seen } = await fakeSsh('sleep 300');
    const ending = new AbortController();
    const source = world.source({ url: 'git@example.invalid:r.git' }, { secret, searchPath });
    const look = source.look(ending.signal);
    await expect.poll(() => seen().catch(() => '')).toContain('git-upload-pack');
    ending.abort();
    await expect(look).rejects.toMatchObject({ code: 'Timeout' });
    await expect.poll(() => world.processes()).toEqual([]);
    expect(world.secretFiles()).toEqual([]);
  });

  test('that is not installed is told, as git is', async () => {
    const bin = join(world.folder, 'bin');
    await mkdir(bin);
    const url = 'git@example.invalid:r.git';
    await expect(world.read({ url }, { secret, searchPath: bin })).rejects.toMatchObject({
      code: 'ProgramMissing',
      message: expect.stringContaining('git is not installed'),
    });
    // A git that finds nothing else.
    const path = `PATH='${process.env.PATH}'`;
    await writeFile(join(bin, 'git'), `#!/bin/sh\nreal=$(${path} command -v git)\nexec "$real" "$@"\n`);
    await symlink('/bin/sh', join(bin, 'sh'));
    await chmod(join(bin, 'git'), 0o755);
    await expect(world.read({ url }, { secret, searchPath: bin })).rejects.toMatchObject({
      code: 'ProgramMissing',
      message: expect.stringContaining('ssh is not installed'),
    });
  });
});
