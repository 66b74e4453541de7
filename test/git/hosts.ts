import { HttpsHost } from './https.ts';
import type { Repository } from './repository.ts';
import { SshHost, sshdIsThere } from './ssh.ts';

/** Where a repository is fetched from, whatever the protocol. */
export interface GitHost extends AsyncDisposable {
  url: string;
  /** What the Secret of `spec.source.git.secretRef` holds just now; empty where none is needed. */
  secret(): Promise<Record<string, string>>;
  /** Nobody with the Secret of before is let in any more. Absent where anybody is. */
  expire?(): Promise<void>;
  /** Out of reach, until it is started again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface GitHostKind {
  name: 'file' | 'https' | 'ssh';
  open(repository: Repository): Promise<GitHost>;
}

const file: GitHostKind = {
  name: 'file',
  async open(repository) {
    let away: { putBack: () => Promise<void> } | undefined;
    return {
      url: repository.url,
      secret: async () => ({}),
      async stop() {
        away = await repository.moveAway();
      },
      start: async () => away?.putBack(),
      async [Symbol.asyncDispose]() {},
    };
  },
};

const https: GitHostKind = {
  name: 'https',
  async open(repository) {
    const host = await HttpsHost.of(repository, { credentials: { username: 'reader', password: 'token-1' } });
    let tokens = 1;
    return {
      url: host.url,
      secret: async () => ({ ...host.credentials, 'ca.crt': host.ca }),
      async expire() {
        tokens += 1;
        host.credentials = { username: 'reader', password: `token-${tokens}` };
      },
      stop: () => host.stop(),
      start: () => host.start(),
      [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
    };
  },
};

const ssh: GitHostKind = {
  name: 'ssh',
  async open(repository) {
    const host = await SshHost.begin();
    return {
      url: host.urlOf(repository),
      secret: async () => ({ identity: await host.identity(), known_hosts: await host.knownHosts() }),
      expire: async () => void (await host.makeIdentity()),
      stop: () => host.stop(),
      start: () => host.start(),
      [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
    };
  },
};

/** All that this machine has; with CI=true it must have a sshd. */
export function gitHosts(): GitHostKind[] {
  if (sshdIsThere()) return [file, https, ssh];
  if (process.env.CI === 'true') throw new Error('CI needs a sshd: run scripts/git-servers.sh');
  console.warn('no sshd is installed (scripts/git-servers.sh does it): nothing is fetched over ssh');
  return [file, https];
}
