import { quote } from '../../api/text.ts';

/** All of git's configuration: it is in GIT_CONFIG_GLOBAL, the system's is disabled, and no other is read. */
export interface Configuration {
  /** A file with the lines of `git-credential`, used only for this host. */
  credential?: { file: string; origin: string } | undefined;
  /** A file with CA certificates. */
  authorities?: string | undefined;
  /** A file with ssh options. */
  ssh?: string | undefined;
  /** A file in the format of ALLOWED SIGNERS in ssh-keygen(1). */
  signers?: string | undefined;
}

export function gitConfig({ credential, authorities, ssh, signers }: Configuration): string {
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
