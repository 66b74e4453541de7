import { gitUrlFault } from '../../api/checks/kind-checks.ts';
import { SourceError, type SourceReason } from '../source.ts';
import { GitFailure, processLimits } from './git-command.ts';

interface Known {
  /** Matches the output of git or of a program that it starts. The first match wins. */
  says: RegExp;
  reason: SourceReason;
  explain: (remote: Remote, found: RegExpExecArray) => string;
}

const secret = 'the Secret of spec.source.git.secretRef';
const place = ({ scheme, host }: Remote): string => (scheme === 'file' ? 'the repository' : host);

/** Texts of git 2.38 and later, curl with OpenSSL and GnuTLS, and OpenSSH, all in the C locale. */
const known: readonly Known[] = [
  {
    says: /\bgit: (command )?not found|spawn \S+ ENOENT/,
    reason: 'ProgramMissing',
    explain: () => 'git is not installed: install it, or put it on the PATH of the controller',
  },
  {
    says: /(exec: ssh|ssh: (command )?not found|cannot run ssh)/,
    reason: 'ProgramMissing',
    explain: () => 'ssh is not installed: install OpenSSH (package openssh-client), or put it on the PATH',
  },
  {
    says: /cannot run (gpg|ssh-keygen)\b/,
    reason: 'ProgramMissing',
    explain: (_, [, program = '']) =>
      `${program} is not installed, but is needed to check signatures: install ${program === 'gpg' ? 'gnupg' : 'openssh-client'}`,
  },
  {
    says: /'remote-https' is not a git command|remote helper for 'https'/,
    reason: 'ProgramMissing',
    explain: () => 'git is installed without support for https: install git-remote-https',
  },
  {
    says: /[Oo]ut of memory|cannot create (async )?thread|unable to create thread|mmap failed|Cannot allocate memory/,
    reason: 'TooLarge',
    explain: () =>
      `the repository needs more than ${processLimits.memory} MiB of memory to unpack: keep the manifests in a small repository of their own`,
  },
  {
    says: /No space left on device|Disk quota exceeded/,
    reason: 'Failed',
    explain: () => 'the disk with the state folder is full: free some space',
  },
  {
    says: /dubious ownership/,
    reason: 'AuthenticationFailed',
    explain: () => 'the repository belongs to another user: change its owner to the user of the controller',
  },
  {
    says: /Load key .*: (invalid format|error in libcrypto|incorrect passphrase)/,
    reason: 'SecretInvalid',
    explain: () =>
      `the key identity in ${secret} is not a private key that ssh can read without a passphrase`,
  },
  {
    says: /error setting certificate (verify locations|file)|error adding trust anchors/,
    reason: 'SecretInvalid',
    explain: () => `the key ca.crt in ${secret} is not a valid certificate`,
  },
  {
    says: /HOST IDENTIFICATION HAS CHANGED|[Hh]ost key for .* has changed/,
    reason: 'HostNotTrusted',
    explain: (remote) =>
      `the host key of ${remote.host} differs from known_hosts in ${secret}: it was changed, or the connection is intercepted. Verify it with the host before you replace it`,
  },
  {
    says: /Host key verification failed|host key is known for/,
    reason: 'HostNotTrusted',
    explain: (remote) =>
      `the host key of ${remote.host} is not in known_hosts in ${secret}: run ${keyscan(remote)}, compare the output with what the host publishes, and add it there`,
  },
  {
    says: /SSL certificate|certificate verif|alternative certificate|does not match target host|unable to get local issuer/,
    reason: 'HostNotTrusted',
    explain: (remote) =>
      `the certificate of ${remote.host} is not trusted: add the certificate of its authority as ca.crt to ${secret}`,
  },
  {
    says: /returned error: 30\d|url base from redirection/,
    reason: 'Failed',
    explain: (remote) =>
      `${remote.host} returns a redirect, and redirects are not followed: set spec.source.git.url to the final URL`,
  },
  {
    says: /Permission denied \(|Authentication failed|could not read (Username|Password)|prompts disabled|returned error: 40[13]|access denied/i,
    reason: 'AuthenticationFailed',
    explain: (remote) =>
      `${remote.host} rejects the credentials, or requires credentials: check that ${secret} is right, has not expired, and can read the repository`,
  },
  {
    says: /returned error: 404|[Rr]epository .*not found|ERROR: .*not found/,
    reason: 'AuthenticationFailed',
    explain: (remote) =>
      `${remote.host} has no such repository, or these credentials cannot read it: check spec.source.git.url and ${secret}`,
  },
  {
    says: /does not appear to be a git repository|No such file or directory[\s\S]*Could not read from remote/,
    reason: 'PathMissing',
    explain: ({ url }) => `there is no Git repository at ${url}: check spec.source.git.url`,
  },
  {
    says: /[Cc]ould not resolve (host|proxy)|Could not resolve hostname/,
    reason: 'Unreachable',
    explain: (remote) =>
      `the host ${remote.host} was not found: check spec.source.git.url and the DNS of this machine`,
  },
  {
    says: /Connection refused|Failed to connect|Couldn't connect|No route to host|unreachable/i,
    reason: 'Unreachable',
    explain: (remote) => `${place(remote)} refuses the connection`,
  },
  {
    says: /timed? ?out|too slow|not responding/i,
    reason: 'Unreachable',
    explain: (remote) => `${place(remote)} does not answer`,
  },
  {
    says: /returned error: 5\d\d/,
    reason: 'Unreachable',
    explain: (remote, [text]) =>
      `${remote.host} returned an error (${text.replace('returned error: ', 'HTTP ')})`,
  },
  {
    // An index-pack that exceeds its file limit is killed without a message.
    says: /died of signal 25|File too large|^fatal: fetch-pack: invalid index-pack output\s*$/,
    reason: 'TooLarge',
    explain: () =>
      `the repository is larger than ${processLimits.file} MiB: keep the manifests in a small repository of their own`,
  },
  {
    says: /early EOF|disconnect|RPC failed|hung up|transfer closed|[Cc]onnection (was )?(reset|closed)|[Ee]mpty reply|kex_exchange|SSL_|gnutls_|GnuTLS|TLS/,
    reason: 'Unreachable',
    explain: (remote) => `the connection to ${place(remote)} was interrupted`,
  },
];

/** Translates a failure of git, with the end of git's output. `hidden` are texts that must not appear. */
export function explain(failure: GitFailure, remote: Remote, hidden: readonly string[]): SourceError {
  // The host may have repeated them.
  const stderr = ends(hidden.reduce((text, secret) => text.replaceAll(secret, '***'), failure.stderr));
  const cause = new GitFailure(stderr);
  // The URL is removed before matching: a repository may be called timeout.
  const words = stderr.replaceAll(remote.url, 'URL');
  for (const { says, reason, explain } of known) {
    const found = says.exec(words);
    if (found) return new SourceError(reason, explain(remote, found) + said(stderr), { cause });
  }
  return new SourceError('Failed', `git failed${said(stderr)}`, { cause });
}

/** The host controls the length, and some of the patterns above take quadratic time. */
const ends = (text: string): string =>
  text.length > 16_384 ? `${text.slice(0, 8192)}\n${text.slice(-8192)}` : text;

/**
 * Lines that git and ssh print for any failure, and advice for people with a shell. The files that they name are gone
 * when the message is read.
 */
const boilerplate = new RegExp(
  `^(${[
    '(hint|warning):',
    'fatal: Could not read from remote repository',
    'Please make sure you have the correct access rights',
    'and the repository exists',
    '@+( .*@)?$',
    'IT IS POSSIBLE THAT SOMEONE',
    'Someone could be eavesdropping',
    'It is also possible that a host key',
    'Please contact your system administrator',
    'Add correct host key in ',
    'Offending .* key in ',
    'remove with:',
    'ssh-keygen -f ',
    'Host key for .* has changed',
    'Host key verification failed',
  ].join('|')})`,
);

/** Returns the last lines, without boilerplate if there are others. */
function said(stderr: string): string {
  const lines = stderr
    .split(/[\r\n]+/)
    .map((line) => line.replace(/[^\P{Cc}\t]/gu, '').trim())
    .filter((line) => line !== '');
  const useful = lines.filter((line) => !boilerplate.test(line));
  const last = (useful.length === 0 ? lines : useful).slice(-4).join('; ');
  return last === '' ? '' : `: ${last.length > 500 ? `…${last.slice(-500)}` : last}`;
}

export interface Remote {
  url: string;
  scheme: 'https' | 'ssh' | 'file';
  /** Without a port; empty for a file. */
  host: string;
  /** Only for ssh, if the URL has one. */
  port?: string | undefined;
  /** `https://host:port`; empty for other protocols. */
  origin: string;
}

/** Accepts only URLs that are valid in a Sync, even though the URL was checked when the Sync was written. */
export function remoteOf(url: string): Remote {
  const fault = gitUrlFault(url);
  if (fault !== undefined) throw new SourceError('Failed', `spec.source.git.url ${fault}`);
  const [, scheme, authority = ''] = /^([a-z]+):\/\/([^/]*)/.exec(url) ?? [];
  const host = authority.replace(/^.*@/, '').replace(/:\d+$/, '');
  if (scheme === 'https') return { url, scheme, host, origin: `https://${authority}` };
  if (scheme === 'file') return { url, scheme, host: '', origin: '' };
  if (scheme === 'ssh') return { url, scheme, host, port: /:(\d+)$/.exec(authority)?.[1], origin: '' };
  return { url, scheme: 'ssh', host: url.replace(/:.*$/s, '').replace(/^.*@/, ''), origin: '' };
}

/** Returns the command that prints the keys of a host in the format of known_hosts. */
export const keyscan = ({ host, port }: Remote): string =>
  `ssh-keyscan ${port === undefined ? '' : `-p ${port} `}${host.replace(/^\[|\]$/g, '')}`;
