import { readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { backoffDelay } from '../../api/errors.ts';
import { sleep } from '../../platform/clock.ts';
import { watchPaths } from '../../sources/folder-watch.ts';
import type { Cli, Client } from '../cli.ts';
import { describeFailure, UsageError } from '../failure.ts';
import { when } from '../print/when.ts';
import { isUrl } from '../read-files.ts';
import { type ApplyOptions, apply } from './apply-files.ts';

/** In milliseconds. How long nothing may have changed before files are read, because a file may be written in parts. */
const quiet = 300;
/** In milliseconds. The wait after the first failure, and the longest wait. */
const [firstWait, longestWait] = [1000, 30_000];
const untilChanged = 2 ** 31 - 1;

/**
 * Applies, and applies again after each change, until Ctrl-C. A failure is printed and changes nothing on the server.
 */
export async function applyAndWatch(options: ApplyOptions, cli: Cli): Promise<void> {
  check(options);
  cli.lasting = true;
  const { clock, signal } = cli;
  const rounds = new Rounds(options, cli);
  let bell = new AbortController();
  const watched = watching(options, cli, () => bell.abort());
  try {
    while (!signal.aborted) {
      bell = new AbortController(); // later changes are for the next round
      await watched.follow();
      const wait = await rounds.next();
      await sleep(clock, wait, AbortSignal.any([signal, bell.signal]));
    }
  } finally {
    await watched.close();
  }
}

function check({ filename = [], kustomize, dryRun }: ApplyOptions): void {
  if (dryRun !== 'none') throw new UsageError('--watch cannot be combined with --dry-run');
  if (kustomize === undefined && filename.length === 0) {
    throw new UsageError('specify what to watch: -f FILE, -f FOLDER or -k FOLDER');
  }
  const other = filename.find((name) => name === '-' || isUrl(name));
  if (other === undefined) return;
  throw new UsageError(
    `--watch takes files and folders: ${other === '-' ? 'standard input' : other} cannot be watched`,
  );
}

/**
 * Watches everything that the options name. The bases of a kustomization and the targets of links are determined again
 * each time.
 */
function watching(
  { filename = [], kustomize, recursive = false }: ApplyOptions,
  { clock }: Cli,
  changed: () => void,
): { follow(): Promise<void>; close(): Promise<void> } {
  let paths: readonly string[] | undefined;
  let watch: { close(): Promise<void> } | undefined;
  return {
    async follow() {
      const now = kustomize === undefined ? withTargets(filename, recursive) : await foldersOf(kustomize);
      if (paths?.join('\0') === now.join('\0')) return;
      paths = now;
      await watch?.close();
      watch = watchPaths(now, changed, { quiet, clock, recursive: recursive || kustomize !== undefined });
    },
    async close() {
      await watch?.close();
    },
  };
}

/** Links in a folder are read as their targets, which may be elsewhere. */
function withTargets(names: readonly string[], recursive: boolean): string[] {
  const targets = names.flatMap((name) => {
    try {
      return readdirSync(name, { withFileTypes: true, recursive })
        .filter((entry) => entry.isSymbolicLink() && !entry.name.startsWith('.'))
        .map((entry) => realpathSync(join(entry.parentPath, entry.name)));
    } catch {
      return []; // a file, or unreadable: the reader reports it
    }
  });
  return [...names, ...new Set(targets)];
}

async function foldersOf(folder: string): Promise<string[]> {
  const kustomization = await import('../../sources/kustomization.ts');
  return kustomization.foldersOf(folder).sort();
}

/** Applies once at each call. Between the first success and the end it prints only changes. */
class Rounds {
  readonly #options: ApplyOptions;
  readonly #cli: Cli;
  #client: Promise<Client> | undefined;
  #began = false;
  #failures = 0;
  /** The last printed failure, so that it is not repeated at each attempt. */
  #told = '';
  readonly #noted = new Set<unknown>();

  constructor(options: ApplyOptions, cli: Cli) {
    this.#options = options;
    this.#cli = cli;
  }

  /** Returns the longest time to wait for a change, in milliseconds. */
  async next(): Promise<number> {
    try {
      await apply(this.#options, this.#roundCli(), { onlyChanges: this.#began });
      this.#succeeded();
      return untilChanged;
    } catch (error) {
      // An error in the command line does not go away.
      if (error instanceof UsageError) throw error;
      return this.#failed(error);
    }
  }

  #succeeded(): void {
    if (!this.#began) this.#cli.err('Watching for changes. Press Ctrl-C to stop.\n');
    else if (this.#failures > 0) this.#cli.err(`${this.#time()}all objects are up to date again\n`);
    this.#began = true;
    this.#failures = 0;
    this.#told = '';
  }

  #failed(error: unknown): number {
    const { text } = describeFailure(error);
    if (text !== this.#told && !this.#cli.interrupted) this.#cli.err(`${this.#time()}${text}\n`);
    this.#told = text;
    this.#failures += 1;
    return backoffDelay({ from: firstWait, upTo: longestWait }, this.#failures);
  }

  /** One connection for all rounds, opened by the first. After the first success, each line begins with its time. */
  #roundCli(): Cli {
    const cli = this.#cli;
    const timed = this.#began && this.#options.output === undefined;
    const own: Pick<Cli, 'connect' | 'out' | 'err' | 'exitCode'> = {
      connect: (options, how) => {
        const client = this.#client ?? cli.connect(options, how);
        this.#client = client;
        return client.catch((error: unknown) => {
          this.#client = undefined;
          throw error;
        });
      },
      out: (text) =>
        cli.out(timed && typeof text === 'string' ? text.replace(/^(?=.)/gm, this.#time()) : text),
      err: (text) => {
        if (!this.#noted.has(text)) cli.err(text);
        if (typeof text === 'string' && text.startsWith('Note: ')) this.#noted.add(text);
      },
      exitCode: 0,
    };
    return Object.assign(Object.create(cli) as Cli, own); // the rest is inherited from the command line's Cli
  }

  #time(): string {
    return `${when(this.#cli.clock.now()).slice(11, 19)} `;
  }
}
