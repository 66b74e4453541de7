import { readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { backoffDelay } from '../../api/errors.ts';
import { sleep } from '../../platform/clock.ts';
import { watchPaths } from '../../sources/folder-watch.ts';
import { type ApplyOptions, apply } from '../apply-files.ts';
import type { Cli, Client } from '../cli.ts';
import { describeFailure, UsageError } from '../failure.ts';
import { choice, durationOption, examples, fileFlags } from '../flags.ts';
import { when } from '../print/shown.ts';
import { isUrl } from '../read-manifests.ts';

export function define(command: Command, cli: Cli): void {
  fileFlags(
    command.description(
      'Create or update objects from files, folders or URLs. If any document is invalid, nothing is changed.',
    ),
  )
    .addOption(
      choice('--dry-run [where]', 'check only, change nothing', ['none', 'client', 'server'])
        .preset('client')
        .default('none'),
    )
    .option('--server-side', 'has no effect, as it is always on; for kubectl scripts')
    .option('--force-conflicts', 'take over fields that belong to other field managers')
    .option('--field-manager <name>', 'the field manager that owns the applied fields', 'agentctl')
    .option(
      '--applyset <name>',
      'record the applied objects in this Secret or ConfigMap: NAME, secret/NAME or configmap/NAME',
    )
    .option('--prune', 'delete objects of the apply set that are no longer in the files')
    .option('--watch', 'apply again whenever a file changes, until Ctrl-C')
    .option('--wait', 'wait until all agents are Ready')
    .addOption(
      durationOption(
        '--timeout <duration>',
        'time out after this long; also for objects that are being deleted',
        '2m',
      ),
    )
    .addOption(choice('-o, --output <format>', 'the output format', ['name', 'json', 'yaml']))
    .action(async (options: ApplyOptions) => {
      await (options.watch === true ? applyAndWatch : apply)(options, cli);
    });
  examples(
    command,
    ['A file', 'agentctl apply -f agents.yaml'],
    [
      'A folder and its subfolders; wait until all agents are Ready',
      'agentctl apply -R -f manifests/ --wait',
    ],
    ['A folder, and again whenever a file changes', 'agentctl apply -f manifests/ --watch'],
    ['A kustomize overlay', 'agentctl apply -k overlays/prod'],
    ['Show what would change', 'agentctl apply -f agents.yaml --dry-run=server'],
    ['Delete what is no longer in the folder', 'agentctl apply -f manifests/ --prune --applyset=fleet'],
  );
}

/** In milliseconds. How long nothing may have changed before files are read, because a file may be written in parts. */
const quiet = 300;
/** In milliseconds. The wait after the first failure, and the longest wait. */
const [firstWait, longestWait] = [1000, 30_000];
const untilChanged = 2 ** 31 - 1;

/**
 * Applies, and applies again after each change, until Ctrl-C. A failure is printed and changes nothing on the server.
 */
async function applyAndWatch(options: ApplyOptions, cli: Cli): Promise<void> {
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
  #printed = '';
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
    this.#printed = '';
  }

  #failed(error: unknown): number {
    const { text } = describeFailure(error);
    if (text !== this.#printed && !this.#cli.interrupted) this.#cli.err(`${this.#time()}${text}\n`);
    this.#printed = text;
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
