import { createHash } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quote } from '../../api/text.ts';
import { SourceError } from '../source.ts';
import { keyscan, type Remote, remoteOf } from './git-faults.ts';
import { checkKeys, writeKeyring } from './signers.ts';

interface Secrets {
  url: string;
  /** The data of `git.secretRef`. */
  secret?: Readonly<Record<string, Uint8Array>> | undefined;
  /** The data of `git.verify.secretRef`. */
  keys?: Readonly<Record<string, Uint8Array>> | undefined;
  /** On a tmpfs; Syncs may share it. */
  secretsFolder: string;
  /** The Sync's own folder. */
  folder: string;
}

/** The files that a command needs: git's configuration, and gpg's keyring. */
interface Unlocked {
  config: string;
  keyring: string;
}

/** Writes the credentials to files while `work` runs. */
export async function withSecrets<T>(parts: Secrets, work: (files: Unlocked) => Promise<T>): Promise<T> {
  const name = createHash('sha256').update(parts.folder).digest('hex').slice(0, 16);
  const folder = join(parts.secretsFolder, `git-${name}`);
  // A killed controller may have left one.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    return await work(await writeAll(parts, folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeAll(parts: Secrets, folder: string): Promise<Unlocked> {
  const write = async (name: string, content: string | Uint8Array): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, content, { mode: 0o600, flag: 'wx' });
    return file;
  };
  if (parts.keys !== undefined) checkKeys(parts.keys);
  const keyring = join(folder, 'gnupg');
  await mkdir(keyring, { mode: 0o700 });
  await writeKeyring(keyring, parts.keys ?? {});
  const signers = parts.keys?.allowed_signers;
  const configuration: Configuration = {
    ...(await credentials(parts, remoteOf(parts.url), write)),
    ...(signers === undefined ? {} : { signers: await write('allowed_signers', signers) }),
  };
  return { config: await write('config', gitConfig(configuration)), keyring };
}

type Write = (name: string, content: string | Uint8Array) => Promise<string>;

async function credentials({ secret }: Secrets, remote: Remote, write: Write): Promise<Configuration> {
  switch (remote.scheme) {
    case 'file':
      return {};
    case 'https':
      return secret === undefined ? {} : https(secret, remote, write);
    case 'ssh':
      if (secret !== undefined) return ssh(secret, remote, write);
      throw new SourceError(
        'SecretInvalid',
        'spec.source.git.secretRef must name a Secret with the keys identity (a private key without a passphrase) and known_hosts, which ssh requires',
      );
  }
}

async function https(
  secret: Readonly<Record<string, Uint8Array>>,
  { origin }: Remote,
  write: Write,
): Promise<Configuration> {
  const authority = secret['ca.crt'];
  const password = line(secret, 'password');
  // If the password is a token, hosts accept any username.
  const username = line(secret, 'username') ?? 'git';
  if (password === undefined && (authority === undefined || secret.username !== undefined))
    throw invalid(
      'has no key password, which https requires in addition to username (a token is a password)',
    );
  if (authority !== undefined && !Buffer.from(authority).includes('-----BEGIN CERTIFICATE-----'))
    throw invalid('has no PEM certificate under ca.crt');
  return {
    ...(authority === undefined ? {} : { authorities: await write('ca.crt', authority) }),
    ...(password === undefined
      ? {}
      : {
          credential: {
            file: await write('credential', `username=${username}\npassword=${password}\n`),
            origin,
          },
        }),
  };
}

async function ssh(
  secret: Readonly<Record<string, Uint8Array>>,
  remote: Remote,
  write: Write,
): Promise<Configuration> {
  const { identity, known_hosts: hosts } = secret;
  if (identity === undefined || identity.length === 0)
    throw invalid('has no key identity: ssh requires a private key without a passphrase there');
  if (hasPassphrase(identity))
    throw invalid(
      "has a private key with a passphrase under identity: create one without (ssh-keygen -N '')",
    );
  if (hosts === undefined || hosts.length === 0)
    throw invalid(
      `has no key known_hosts: run ${keyscan(remote)}, compare the output with what the host publishes, and store it there`,
    );
  // ssh refuses a key without a final newline, which editors and forms often remove.
  const key = Buffer.concat([Buffer.from(identity), Buffer.from('\n')]);
  const files = { identity: await write('identity', key), hosts: await write('known_hosts', hosts) };
  return { ssh: await write('ssh_config', sshConfig(files)) };
}

/** Returns one line of text: editors end a file with a newline, which is not part of a password. */
function line(secret: Readonly<Record<string, Uint8Array>>, key: string): string | undefined {
  const bytes = secret[key];
  if (bytes === undefined) return undefined;
  const text = Buffer.from(bytes)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (text === '' || /[\r\n\0]/.test(text)) throw invalid(`must have a single line of text under ${key}`);
  return text;
}

const invalid = (fault: string): SourceError =>
  new SourceError('SecretInvalid', `the Secret of spec.source.git.secretRef ${fault}`);

/**
 * The beginning of an unencrypted OpenSSH key (PROTOCOL.key): the magic, then the name of the cipher after its length.
 */
const plain = 'openssh-key-v1\0\0\0\0\u0004none';

/** Whether a private key is encrypted: ssh cannot ask for a passphrase here, and skips such a key without a message. */
function hasPassphrase(key: Uint8Array): boolean {
  const text = Buffer.from(key).toString('latin1');
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) return true;
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\sA-Za-z0-9+/=]*)/.exec(text)?.[1] ?? '';
  const bytes = Buffer.from(body, 'base64').toString('latin1', 0, plain.length);
  return bytes.startsWith('openssh-key-v1\0') && bytes !== plain;
}

/** Returns the options of ssh (ssh_config(5)) for one repository: only the key and the hosts of the Secret are used. */
function sshConfig(files: { identity: string; hosts: string }): string {
  const options = {
    // Asks nothing, and offers no other keys.
    BatchMode: 'yes',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    IdentityFile: path(files.identity),
    PreferredAuthentications: 'publickey',
    // Accepts only the hosts in the Secret.
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: path(files.hosts),
    GlobalKnownHostsFile: '/dev/null',
    UpdateHostKeys: 'no',
    VerifyHostKeyDNS: 'no',
    CanonicalizeHostname: 'no',
    // No other connections, and no other programs.
    ProxyCommand: 'none',
    PermitLocalCommand: 'no',
    ControlMaster: 'no',
    ControlPath: 'none',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    ClearAllForwardings: 'yes',
    // ssh ends by itself if the controller has died, or if the host does not answer.
    ConnectTimeout: '30',
    ServerAliveInterval: '15',
    ServerAliveCountMax: '2',
    LogLevel: 'ERROR',
  };
  const lines = Object.entries(options).map(([name, value]) => `  ${name} ${value}\n`);
  return `Host *\n${lines.join('')}`;
}

/** Escapes percent signs, which begin ssh's tokens. */
const path = (text: string): string => `"${text.replaceAll('%', '%%')}"`;

/** All of git's configuration: it is in GIT_CONFIG_GLOBAL, the system's is disabled, and no other is read. */
interface Configuration {
  /** A file with the lines of `git-credential`, used only for this host. */
  credential?: { file: string; origin: string } | undefined;
  /** A file with CA certificates. */
  authorities?: string | undefined;
  /** A file with ssh options. */
  ssh?: string | undefined;
  /** A file in the format of ALLOWED SIGNERS in ssh-keygen(1). */
  signers?: string | undefined;
}

function gitConfig({ credential, authorities, ssh, signers }: Configuration): string {
  // A shell runs both commands. git appends the word get, store or erase to the helper.
  const helper = credential && `!f() { test "$1" = get && cat ${quote(credential.file)}; }; f`;
  // Without exec, a shell would remain between git and ssh.
  const command = ssh === undefined ? 'false' : `exec ssh -F ${quote(ssh)}`;
  return [
    section('core', {
      hooksPath: '/dev/null',
      attributesFile: '/dev/null',
      excludesFile: '/dev/null',
      fsmonitor: 'false',
      askPass: '',
      sshCommand: command,
    }),
    section('ssh', { variant: 'ssh' }),
    section('init', { templateDir: '', defaultBranch: 'main' }),
    section('credential', { helper: '', interactive: 'false' }),
    ...(credential && helper ? [section('credential', { helper }, credential.origin)] : []),
    section('http', {
      followRedirects: 'false',
      sslVerify: 'true',
      // A connection with less than one byte a second for this long is dead.
      lowSpeedLimit: '1',
      lowSpeedTime: '30',
      ...(authorities === undefined ? {} : { sslCAInfo: authorities }),
    }),
    section('transfer', { credentialsInUrl: 'die', bundleURI: 'false' }),
    // Each fetch stays in one pack, so that packs can be counted; nothing runs in the background.
    section('fetch', { unpackLimit: '1', recurseSubmodules: 'false', writeCommitGraph: 'false' }),
    section('submodule', { recurse: 'false' }),
    section('gc', { auto: '0' }),
    section('maintenance', { auto: 'false' }),
    section('gpg', { program: 'gpg' }),
    section('gpg', { program: 'ssh-keygen', allowedSignersFile: signers ?? '/dev/null' }, 'ssh'),
    // gpgsm would start daemons and use the user's trust settings.
    section('gpg', { program: 'false' }, 'x509'),
  ].join('');
}

function section(name: string, values: Readonly<Record<string, string>>, of?: string): string {
  const lines = Object.entries(values).map(([key, value]) => `\t${key} = ${quoted(value)}\n`);
  return `[${name}${of === undefined ? '' : ` ${quoted(of)}`}]\n${lines.join('')}`;
}

const quoted = (text: string): string =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
