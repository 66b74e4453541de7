import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  type Stats,
  statSync,
} from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { UnreachableError } from '../api/errors.ts';
import { sleep } from '../platform/clock.ts';
import { ignoring, isCode } from '../platform/code.ts';
import { ownCommand } from '../platform/own-command.ts';
import { controllerLog } from '../platform/paths.ts';
import { checkSocket } from '../platform/trusted.ts';
import type { Cli, GlobalOptions } from './cli.ts';
import { lastLines } from './controller-logs.ts';
import { CliError } from './failure.ts';
import { pathsFor } from './flags.ts';

/**
 * Raises the soft limit of open files to the hard limit, which Node itself cannot do, and runs its arguments. The
 * variable has the previous limit, with which agents run: a program that uses select() fails above 1024.
 */
const raisesFiles =
  'AGENTCTL_FILES=$(ulimit -S -n); export AGENTCTL_FILES; ulimit -S -n "$(ulimit -H -n)"; exec "$@"';

/** How long a controller may take to become ready, in milliseconds. */
const startLimitMs = 20_000;

/** How many characters of a log line an error shows. */
const mostShown = 2_000;

/** Returns whether a process listens on the socket. Rejects with UntrustedError if it may be another user's. */
export async function answers(socketPath: string): Promise<boolean> {
  try {
    checkSocket(socketPath);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
  return new Promise((resolve) => {
    const socket = connectSocket(socketPath);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Options that are passed to `serve`. */
export interface ServeOptions extends GlobalOptions {
  listen?: string;
  /** The state folder was moved or restored. */
  adopt?: boolean;
}

export function serveArguments(options: ServeOptions, environment: Cli['environment']): string[] {
  const { state, socket } = pathsFor(options, environment);
  const listen = options.listen === undefined ? [] : ['--listen', options.listen];
  const adopt = options.adopt === true ? ['--adopt'] : [];
  return ['serve', '--state-dir', state, '--socket', socket, ...listen, ...adopt];
}

/**
 * Starts a controller if none runs, and reports that. If two commands do so concurrently, one wins, and both continue.
 */
export async function ensureController(options: GlobalOptions, cli: Cli): Promise<void> {
  if (await answers(pathsFor(options, cli.environment).socket)) return;
  const started = await startController(options, cli);
  if ('pid' in started)
    cli.err(
      `Started the controller in the background (pid ${started.pid}). 'agentctl controller stop' stops it.\n`,
    );
}

/**
 * Waits for a controller that another command has started, or that must first create its socket again. Returns false if
 * none runs. Throws UnreachableError if one runs but does not answer in time.
 */
export async function othersAnswer(options: GlobalOptions, cli: Cli, limit = startLimitMs): Promise<boolean> {
  const { socket, lock } = pathsFor(options, cli.environment);
  const deadline = cli.clock.now() + limit;
  let holder = lockHolder(lock);
  while (holder !== undefined && !cli.signal.aborted) {
    if (await answers(socket)) return true;
    if (cli.clock.now() > deadline) {
      throw new UnreachableError(
        `the controller is running (pid ${holder}), but does not answer at ${socket}`,
        { remedy: 'Restart it: agentctl controller restart (agents keep running)' },
      );
    }
    await sleep(cli.clock, 50, cli.signal);
    holder = lockHolder(lock);
  }
  return answers(socket);
}

/** A controller that this command started, or one that already runs. */
export type Started = { pid: number } | { runs: true };

export interface StartOptions extends ServeOptions {
  /** Start no agents. */
  drained?: boolean;
}

/** Runs `serve` in a new session and waits until it is ready. */
export async function startController(options: StartOptions, cli: Cli): Promise<Started> {
  const where = pathsFor(options, cli.environment);
  if (await othersAnswer(options, cli)) return { runs: true };
  mkdirSync(where.logs, { recursive: true, mode: 0o700 });
  const logFile = controllerLog(where.logs);
  const log = openSync(logFile, 'a', 0o600);
  const before = fstatSync(log).size;
  const [program = process.execPath, ...words] = ownCommand();
  const drained = options.drained === true ? ['--drained'] : [];
  const child = spawn(
    '/bin/sh',
    [
      ...['-c', raisesFiles, 'agentctl', program, ...words, ...serveArguments(options, cli.environment)],
      ...[...drained, '--ready-fd', '3'],
    ],
    {
      detached: true,
      cwd: where.state, // keeps no other file system busy
      stdio: ['ignore', log, log, 'pipe'],
    },
  );
  closeSync(log);
  const ended = await readyOrEnded(child, cli);
  child.unref();
  if (ended === undefined) {
    await reportCopy(options, cli);
    return { pid: child.pid ?? 0 };
  }
  // Another command's controller may have started first.
  if (child.exitCode !== null && (await othersAnswer(options, cli))) return { runs: true };
  const end = ownLines(logFile, before, child.pid).map((line) => `\n  ${line.slice(0, mostShown)}`);
  const said = end.length === 0 ? `Its log: ${logFile}` : `The end of its log (${logFile}):${end.join('')}`;
  throw new CliError(`the controller could not be started: ${ended}. ${said}`);
}

/** Returns the last lines that this process wrote: other controllers may have written to the same file. */
function ownLines(path: string, before: number, pid: number | undefined): string[] {
  const { size } = statSync(path);
  const written = size < before ? size : size - before; // the file was rotated
  return lastLines(path, 200, written)
    .filter((line) => line !== '' && (!line.startsWith('{') || line.includes(`"pid":${pid},`)))
    .slice(-10);
}

async function reportCopy(options: GlobalOptions, cli: Cli): Promise<void> {
  const client = await cli.connect(options);
  const { store } = await client.status();
  client.close();
  if (store.copyOf === undefined) return;
  cli.err(
    `Warning: this state folder is a copy of the store ${store.copyOf}. It now has its own identity ${store.id}, and starts its own agents. If the folder was moved or restored instead, start the controller the first time with --adopt.\n`,
  );
}

/**
 * Resolves with undefined once it is ready, which it reports on file descriptor 3, or else with the reason of its end.
 */
function readyOrEnded(child: ChildProcess, cli: Cli): Promise<string | undefined> {
  const ready = child.stdio[3];
  return new Promise((resolve) => {
    const settle = (why: string | undefined): void => {
      cancel();
      ready?.destroy();
      resolve(why);
    };
    const cancel = cli.clock.after(startLimitMs, () =>
      settle(`it was not ready within ${startLimitMs / 1000}s`),
    );
    child.on('error', (error) => settle(error.message));
    child.on('exit', (code, signal) => settle(`it ended with ${signal ?? `exit code ${code}`}`));
    ready?.once('data', () => settle(undefined));
  });
}

/** Returns the pid of the controller that holds the state folder's lock, even if it does not answer. */
export function lockHolder(lock: string): number | undefined {
  const pid = readPid(`${lock}.pid`);
  return pid !== undefined && isAlive(pid) && isController(pid) && hasOpen(pid, lock) ? pid : undefined;
}

/** In a copy of a state folder, the pid is that of the original's controller, which has another lock file open. */
function hasOpen(pid: number, path: string): boolean {
  try {
    const own = statOf(path);
    if (own === undefined) return false;
    return readdirSync(`/proc/${pid}/fd`).some((file) => {
      const found = statOf(`/proc/${pid}/fd/${file}`);
      return found?.ino === own.ino && found.dev === own.dev;
    });
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ESRCH')) return false;
    if (isCode(error, 'EACCES', 'EPERM')) return true; // another user's: its open files cannot be read
    throw error;
  }
}

const statOf = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false });

function readPid(path: string): number | undefined {
  const pid = Number(read(path));
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

/** A leftover pid may have been reused by another program. */
const isController = (pid: number): boolean =>
  read(`/proc/${pid}/cmdline`)?.split('\0').includes('serve') ?? false;

/** Returns undefined if there is no such file, or its process has just ended. */
function read(path: string): string | undefined {
  return ignoring(() => readFileSync(path, 'utf8'), 'ENOENT', 'ESRCH');
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, 'EPERM'); // process.kill throws nothing else but ESRCH
  }
}
