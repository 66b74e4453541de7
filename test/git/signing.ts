import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnvironment, run } from './run.ts';

const email = 'author@example.com';

/** Somebody who signs, with a key made for the test. */
export interface Signer extends AsyncDisposable {
  /** Settings by which git signs with the key. */
  config: readonly string[];
  env: Record<string, string>;
  /** What others need to verify: an armored OpenPGP key, or a line of allowed_signers. */
  publicKey: string;
  /** The key under which the Secret of `spec.source.git.verify` holds it. */
  secretKey: string;
}

/** A key without passphrase, in a keyring of its own. */
export async function gpgSigner(): Promise<Signer> {
  // Short, for gpg-agent's socket stands in it.
  const home = await mkdtemp(join(tmpdir(), 'agentctl-gpg-'));
  const env = { GNUPGHOME: home };
  const place = { cwd: home, env: { ...cleanEnvironment(home), ...env } };
  const gpg = (...args: string[]): Promise<string> => run('gpg', ['--batch', '--quiet', ...args], place);
  await gpg('--passphrase', '', '--quick-generate-key', `Author <${email}>`, 'ed25519', 'sign', 'never');
  const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(await gpg('--list-keys', '--with-colons'))?.[1] ?? '';
  return {
    config: ['gpg.format=openpgp', `user.signingKey=${fingerprint}`],
    env,
    publicKey: await gpg('--armor', '--export', fingerprint),
    secretKey: 'author.asc',
    async [Symbol.asyncDispose]() {
      await run('gpgconf', ['--kill', 'all'], place);
      await rm(home, { recursive: true, force: true });
    },
  };
}

export async function sshSigner(): Promise<Signer> {
  const folder = await mkdtemp(join(tmpdir(), 'agentctl-signer-'));
  const key = join(folder, 'key');
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', email, '-f', key], {
    cwd: folder,
    env: cleanEnvironment(folder),
  });
  return {
    config: ['gpg.format=ssh', `user.signingKey=${key}`],
    env: {},
    publicKey: `${email} ${await readFile(`${key}.pub`, 'utf8')}`,
    secretKey: 'allowed_signers',
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
