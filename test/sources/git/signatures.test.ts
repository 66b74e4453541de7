import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Repository } from '../../git/repository.ts';
import { cleanEnvironment, run } from '../../git/run.ts';
import { gpgSigner, type Signer, sshSigner } from '../../git/signing.ts';
import { bytes, GitWorld } from './world.ts';

let repository: Repository;
let world: GitWorld;
beforeEach(async () => {
  repository = await Repository.with({ 'a.yaml': 'unsigned' });
  world = await GitWorld.begin();
});
afterEach(async () => {
  await repository[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

const read = (keys: Record<string, string>, searchPath = process.env.PATH ?? ''): Promise<unknown> =>
  world.read(
    { url: repository.url, verify: { secretRef: { name: 'keys' } } },
    { keys: bytes(keys), searchPath },
  );
const refused = (text: string): unknown =>
  expect.objectContaining({ code: 'NotVerified', message: expect.stringContaining(text) });

describe.each([
  { kind: 'OpenPGP', make: gpgSigner, key: 'someone.asc' },
  { kind: 'SSH', make: sshSigner, key: 'allowed_signers' },
])('a commit that is signed with $sort', ({ make, key }) => {
  let signer: Signer;
  let stranger: Signer;
  beforeAll(async () => {
    signer = await make();
    stranger = await make();
  });
  afterAll(async () => {
    await signer[Symbol.asyncDispose]();
    await stranger[Symbol.asyncDispose]();
  });

  test('by one of the keys is taken, and the next one that is not is refused', async () => {
    await repository.publish({ 'a.yaml': 'signed' }, { signedBy: signer });
    expect(await read({ [key]: signer.publicKey })).toEqual({ 'a.yaml': 'signed' });
    const commit = await repository.publish({ 'a.yaml': 'by nobody' });
    await expect(read({ [key]: signer.publicKey })).rejects.toEqual(
      refused(`${commit.slice(0, 12)} has no signature`),
    );
    await repository.publish({ 'a.yaml': 'signed again' }, { signedBy: signer });
    expect(await read({ [key]: signer.publicKey })).toEqual({ 'a.yaml': 'signed again' });
  });

  test('by a stranger is refused, though the stranger is in another Secret', async () => {
    await repository.publish({ 'a.yaml': 'signed' }, { signedBy: stranger });
    await expect(read({ [key]: signer.publicKey })).rejects.toEqual(refused('an unknown key'));
    const both =
      key === 'allowed_signers'
        ? { [key]: `${signer.publicKey}\n${stranger.publicKey}\n` }
        : { [key]: signer.publicKey, 'stranger.asc': stranger.publicKey };
    expect(await read(both)).toEqual({ 'a.yaml': 'signed' });
    expect(await read({ [key]: `${signer.publicKey}\n${stranger.publicKey}\n` })).toEqual({
      'a.yaml': 'signed',
    });
  });

  test('and then changed is refused', async () => {
    await repository.publish({ 'a.yaml': 'signed' }, { signedBy: signer });
    const commit = await repository.git(['cat-file', 'commit', 'HEAD']);
    const file = join(world.folder, 'commit');
    await writeFile(file, `${commit.replace('Change it', 'Change what else')}\n`);
    const forged = await repository.git(['hash-object', '-t', 'commit', '-w', file]);
    await repository.git(['push', '--force', 'origin', `${forged}:refs/heads/main`]);
    await expect(read({ [key]: signer.publicKey })).rejects.toMatchObject({ code: 'NotVerified' });
  });

  test('is not taken where the program that checks it is missing, and that is told', async () => {
    await repository.publish({ 'a.yaml': 'signed' }, { signedBy: signer });
    const bin = join(world.folder, 'bin');
    await mkdir(bin);
    for (const program of ['git', 'sh']) {
      const found = (await run('sh', ['-c', `command -v ${program}`], place(world.folder))).trim();
      await symlink(found, join(bin, program));
    }
    await expect(read({ [key]: signer.publicKey }, bin)).rejects.toMatchObject({
      code: 'ProgramMissing',
      message: expect.stringMatching(/^(gpg|ssh-keygen) is not installed/),
    });
  });

  test('is read where nobody asks for signatures', async () => {
    await repository.publish({ 'a.yaml': 'signed' }, { signedBy: stranger });
    expect(await world.read({ url: repository.url })).toEqual({ 'a.yaml': 'signed' });
  });
});

const place = (folder: string): { cwd: string; env: Record<string, string> } => ({
  cwd: folder,
  env: cleanEnvironment(folder),
});

describe('an OpenPGP key', () => {
  test('that has expired since is refused', async () => {
    // Short, for gpg-agent's socket stands in it.
    const home = await mkdtemp(join(tmpdir(), 'agentctl-gpg-'));
    await writeFile(join(home, 'gpg.conf'), 'faked-system-time 20200301T000000\n');
    const env = { GNUPGHOME: home };
    const at = { cwd: home, env: { ...cleanEnvironment(home), ...env } };
    const gpg = (...args: string[]): Promise<string> => run('gpg', ['--batch', '--quiet', ...args], at);
    try {
      await gpg(
        '--passphrase',
        '',
        '--quick-generate-key',
        'Author <author@example.com>',
        'ed25519',
        'sign',
        '1y',
      );
      const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(await gpg('--list-keys', '--with-colons'))?.[1] ?? '';
      const signer: Signer = {
        config: ['gpg.format=openpgp', `user.signingKey=${fingerprint}`],
        env,
        publicKey: await gpg('--armor', '--export', fingerprint),
        secretKey: '',
        [Symbol.asyncDispose]: () => Promise.resolve(),
      };
      await repository.publish({ 'a.yaml': 'signed' }, { signedBy: signer });
      await expect(read({ 'key.asc': signer.publicKey })).rejects.toEqual(refused('a key that has expired'));
    } finally {
      await run('gpgconf', ['--kill', 'all'], at);
      await rm(home, { recursive: true, force: true });
    }
  });

  test('that was revoked is refused', async () => {
    await using signer = await gpgSigner();
    await repository.publish({ 'a.yaml': 'signed' }, { signedBy: signer });
    expect(await read({ 'key.asc': signer.publicKey })).toEqual({ 'a.yaml': 'signed' });
    const fingerprint = signer.config[1]?.split('=')[1] ?? '';
    const home = signer.env.GNUPGHOME ?? '';
    const at = { cwd: home, env: { ...cleanEnvironment(home), ...signer.env } };
    const revocation = join(home, 'openpgp-revocs.d', `${fingerprint}.rev`);
    // gpg spoils it with a colon, so that nobody takes it by mistake.
    await run(
      'sh',
      ['-c', `sed -i 's/^:---/---/' '${revocation}' && gpg --batch --quiet --import '${revocation}'`],
      at,
    );
    const revoked = await run('gpg', ['--batch', '--armor', '--export', fingerprint], at);
    await expect(read({ 'key.asc': revoked })).rejects.toEqual(refused('revoked'));
  });

  test.each([
    '',
    'rubbish',
    '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n',
    '-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n',
  ])('that is none is told: %j', async (text) => {
    await expect(read({ 'key.asc': text })).rejects.toMatchObject({
      code: 'SecretInvalid',
      message: expect.stringContaining('key.asc'),
    });
  });

  test('leaves no daemon of gpg behind', async () => {
    await using signer = await gpgSigner();
    await repository.publish({ 'a.yaml': 'signed' }, { signedBy: signer });
    await read({ 'key.asc': signer.publicKey });
    expect(world.processes()).toEqual([]);
    expect(world.secretFiles()).toEqual([]);
  });
});

test('an SSH key that is listed for another time is refused', async () => {
  await using signer = await sshSigner();
  await repository.publish({ 'a.yaml': 'signed' }, { signedBy: signer });
  const [who = '', ...key] = signer.publicKey.split(' ');
  const listed = (times: string): Record<string, string> => ({
    allowed_signers: [who, times, ...key].join(' '),
  });
  expect(await read(listed('valid-after="20200101",valid-before="20990101"'))).toEqual({
    'a.yaml': 'signed',
  });
  await expect(read(listed('valid-before="20200101"'))).rejects.toMatchObject({ code: 'NotVerified' });
  await expect(read(listed('namespaces="file"'))).rejects.toMatchObject({ code: 'NotVerified' });
});

describe('a Secret that can check no signature', () => {
  test.each([
    [{}, 'neither a key allowed_signers .* nor one that ends with \\.asc .*; it has none at all$'],
    [{ 'cosign.pub': 'x', signers: 'y' }, 'neither .*; it has cosign\\.pub, signers$'],
    [{ allowed_signers: '' }, 'no valid allowed_signers: it is empty, expected a signer'],
    [{ allowed_signers: '# none\n\n' }, 'no valid allowed_signers: it is empty'],
    [
      { allowed_signers: '# one\n\n  rubbish\nmore\n' },
      'no valid allowed_signers: line 3 is invalid, expected',
    ],
  ])('is told with what is looked for: %j', async (keys, text) => {
    await expect(read(keys)).rejects.toMatchObject({
      code: 'SecretInvalid',
      message: expect.stringMatching(`^the Secret of spec\\.source\\.git\\.verify has ${text}`),
    });
  });

  test('is one with a public key before which nobody stands, or of which a part is missing', async () => {
    await using signer = await sshSigner();
    await repository.publish({ 'a.yaml': 'signed' }, { signedBy: signer });
    const [who = '', type = '', key = ''] = signer.publicKey.trim().split(' ');
    const lines = [`${type} ${key} ${who}`, `${who} ${type} ${key.slice(0, 40)}`, `# ${who} ${type} ${key}`];
    for (const allowed_signers of [...lines, `${who} ssh-rsa ${key}`, `${who} ${type}`])
      await expect(read({ allowed_signers })).rejects.toMatchObject({ code: 'SecretInvalid' });
    for (const line of [
      `  "${who}" namespaces="git, file"\t${type}  ${key} a comment\r`,
      `*,${who} ${type} ${key}`,
    ])
      expect(await read({ allowed_signers: `rubbish\n${line}\n` })).toEqual({ 'a.yaml': 'signed' });
  });

  test('is not one with an OpenPGP key beside no signer', async () => {
    await using signer = await gpgSigner();
    await repository.publish({ 'a.yaml': 'signed' }, { signedBy: signer });
    expect(await read({ 'a.asc': signer.publicKey, allowed_signers: '# none yet\n' })).toEqual({
      'a.yaml': 'signed',
    });
  });
});

test('a Secret of which nothing was read does not let everything through', async () => {
  await expect(
    world.read({ url: repository.url, verify: { secretRef: { name: 'keys' } } }),
  ).rejects.toMatchObject({ code: 'SecretInvalid' });
});

test('programs are found by the search path alone', async () => {
  await using signer = await sshSigner();
  const keys = { allowed_signers: signer.publicKey };
  await expect(read(keys, ['/nonexistent', ''].join(delimiter))).rejects.toMatchObject({
    code: 'ProgramMissing',
  });
});
