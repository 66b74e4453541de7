import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { test } from 'vitest';
import type { Repository } from './repository.ts';
import { cleanEnvironment, run } from './run.ts';

const sshd = ['/usr/sbin/sshd', '/usr/bin/sshd'].find(existsSync);
const howTo = 'sshd is not installed: run scripts/git-servers.sh';

export const sshdIsThere = (): boolean => sshd !== undefined;

/** Runs the tests where sshd is there; else one test says that it is missing, skipped or, with CI=true, failing. */
export function withSshd(tests: () => void): void {
  if (sshd === undefined) {
    test.skipIf(process.env.CI !== 'true')(howTo, () => {
      throw new Error(howTo);
    });
  } else tests();
}

/** A Git host by ssh: a sshd of this user's on a free port of loopback, with keys of its own, for any repository. */
export class SshHost implements AsyncDisposable {
  readonly #folder: string;
  #port = 0;
  #daemon: ChildProcess | undefined;
  #hostKeys = 0;
  #userKeys = 0;
  #newPenalties: string[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async begin(): Promise<SshHost> {
    const host = new SshHost(await mkdtemp(join(tmpdir(), 'agentctl-sshd-')));
    try {
      await host.#makeKey(`host-${++host.#hostKeys}`);
      await host.makeIdentity();
      // Newer ones keep who failed often away for a while; older ones do not know the word.
      const switchedOff = ['-o', 'PerSourcePenalties=no'];
      await host.#configure(await freePort());
      const known = await run(sshd ?? '', ['-t', ...switchedOff, '-f', host.#config], host.#place).then(
        () => true,
        () => false,
      );
      if (known) host.#newPenalties = switchedOff;
      await host.start();
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  urlOf(repository: Repository): string {
    return `ssh://${userInfo().username}@127.0.0.1:${this.#port}${repository.bare}`;
  }

  /** The private key that is let in now. */
  identity = (): Promise<string> => readFile(join(this.#folder, `user-${this.#userKeys}`), 'utf8');

  /** The line that known_hosts needs for the key that the host has now. */
  async knownHosts(): Promise<string> {
    const [type, key] = (await readFile(`${this.#hostKey}.pub`, 'utf8')).split(' ');
    return `[127.0.0.1]:${this.#port} ${type} ${key}\n`;
  }

  /** Makes another key of a user, and lets in nobody else from now on. `format` are options of ssh-keygen. */
  async makeIdentity(key: { format?: readonly string[]; passphrase?: string } = {}): Promise<string> {
    const name = `user-${this.#userKeys + 1}`;
    await this.#makeKey(name, key.format, key.passphrase);
    this.#userKeys += 1;
    await writeFile(this.#authorized, await readFile(join(this.#folder, `${name}.pub`)));
    return this.identity();
  }

  /** Lets in nobody: the key has expired. */
  letNobodyIn = (): Promise<void> => writeFile(this.#authorized, '');

  /** The host comes back with another key, as one would that poses as it. */
  async changeHostKey(): Promise<void> {
    await this.stop();
    await this.#makeKey(`host-${this.#hostKeys + 1}`);
    this.#hostKeys += 1;
    await this.#configure(this.#port);
    await this.start();
  }

  /** Again on the same port, after a stop. Answers when it takes connections. */
  async start(): Promise<void> {
    // Where root's sshd puts the part of it that nobody is let into yet; gone after a boot.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const arguments_ = ['-D', '-e', '-f', this.#config, ...this.#newPenalties];
    const daemon = spawn(sshd ?? '', arguments_, { stdio: ['ignore', 'ignore', 'pipe'], ...this.#place });
    this.#daemon = daemon;
    let said = '';
    daemon.stderr.on('data', (chunk: Buffer) => {
      said += chunk;
    });
    const ended = once(daemon, 'close').then(() => {
      throw new Error(`${sshd ?? howTo} ended: ${said}`);
    });
    ended.catch(() => {}); // after the start, `stop` waits for the end
    await Promise.race([ended, takesConnections(this.#port)]);
  }

  /** New connections are refused; those that are open go on. */
  async stop(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    daemon.kill();
    await once(daemon, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #config(): string {
    return join(this.#folder, 'sshd_config');
  }

  get #authorized(): string {
    return join(this.#folder, 'authorized_keys');
  }

  get #hostKey(): string {
    return join(this.#folder, `host-${this.#hostKeys}`);
  }

  get #place(): { cwd: string; env: Record<string, string> } {
    return { cwd: this.#folder, env: cleanEnvironment(this.#folder) };
  }

  #makeKey = (
    name: string,
    format: readonly string[] = ['-t', 'ed25519'],
    passphrase = '',
  ): Promise<string> =>
    run('ssh-keygen', ['-q', ...format, '-N', passphrase, '-C', name, '-f', name], this.#place);

  async #configure(port: number): Promise<void> {
    this.#port = port;
    const lines = [
      'ListenAddress 127.0.0.1',
      `Port ${port}`,
      `HostKey ${this.#hostKey}`,
      `AuthorizedKeysFile ${this.#authorized}`,
      'PidFile none',
      'UsePAM no',
      // The keys stand below /tmp, which anybody may write to.
      'StrictModes no',
      'AuthenticationMethods publickey',
      'PermitRootLogin prohibit-password',
      'MaxStartups 100',
      'AllowTcpForwarding no',
      'AcceptEnv GIT_PROTOCOL',
      // On this end too, nothing of the user's configuration.
      'SetEnv GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null',
    ];
    await writeFile(this.#config, `${lines.join('\n')}\n`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}

async function takesConnections(port: number): Promise<void> {
  for (let tries = 500; tries > 0; tries -= 1) {
    const socket = connect(port, '127.0.0.1');
    const greeted = await once(socket, 'data').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (greeted) return;
    await after(20);
  }
  throw new Error(`sshd does not answer on port ${port}`);
}
