import { quote } from '../../api/shell.ts';

/** All of git's configuration: with it in GIT_CONFIG_GLOBAL, and without that of the system, no other is read. */
export interface Configuration {
  /** `git-credential`'s lines in a file, for this host only. */
  credential?: { file: string; origin: string } | undefined;
  /** A file with certificates of authorities. */
  authorities?: string | undefined;
  /** A file with the options of ssh. */
  ssh?: string | undefined;
  /** A file as ssh-keygen(1) has it under ALLOWED SIGNERS. */
  signers?: string | undefined;
}

export function gitConfig({ credential, authorities, ssh, signers }: Configuration): string {
  // A shell runs both commands; git itself adds the word get, store or erase behind the helper.
  const helper = credential && `!f() { test "$1" = get && cat ${quote(credential.file)}; }; f`;
  // Without exec a shell would stay between git and ssh.
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
      // Under a byte a second for this long is a connection that is dead.
      lowSpeedLimit: '1',
      lowSpeedTime: '30',
      ...(authorities === undefined ? {} : { sslCAInfo: authorities }),
    }),
    section('transfer', { credentialsInUrl: 'die', bundleURI: 'false' }),
    // What is fetched stays in one pack a fetch, so that they can be counted; nothing runs in the background.
    section('fetch', { unpackLimit: '1', recurseSubmodules: 'false', writeCommitGraph: 'false' }),
    section('submodule', { recurse: 'false' }),
    section('gc', { auto: '0' }),
    section('maintenance', { auto: 'false' }),
    section('gpg', { program: 'gpg' }),
    section('gpg', { program: 'ssh-keygen', allowedSignersFile: signers ?? '/dev/null' }, 'ssh'),
    // gpgsm would start daemons and ask the user's trust.
    section('gpg', { program: 'false' }, 'x509'),
  ].join('');
}

function section(name: string, values: Readonly<Record<string, string>>, of?: string): string {
  const lines = Object.entries(values).map(([key, value]) => `\t${key} = ${quoted(value)}\n`);
  return `[${name}${of === undefined ? '' : ` ${quoted(of)}`}]\n${lines.join('')}`;
}

const quoted = (text: string): string =>
  `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
