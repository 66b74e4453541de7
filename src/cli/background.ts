import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { isSea } from 'node:sea';
import { sleep } from '../platform/clock.ts';
import { controllerLog } from '../platform/log-files.ts';
import { checkSocket } from '../platform/trusted.ts';
import type { Cli } from './cli.ts';
import { lockHolder } from './controller/holder.ts';
import { lastLines } from './controller/logs.ts';
import { CliError } from './failure.ts';
import type { GlobalOptions } from './options.ts';
import { pathsFor } from './paths.ts';

/** How long a controller may take until it is ready. */
const startLimitMs = 20_000;

/** Characters of a line of the log that an error shows. */
const mostShown = 2_000;

/** Whether something listens on the socket. Rejects with UntrustedError where that may be somebody else's. */
export async function answers(socketPath: string): Promise<boolean> {
  try {
    checkSocket(socketPath);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false; // the file system fails so
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

/** What is handed on to `serve`. */
export interface ServeOptions extends GlobalOptions {
  listen?: string;
}

/** The command line that runs agentctl itself: of the single executable, of the bundle or of the sources. */
export function ownCommand(): string[] {
  const script = process.argv[1];
  return isSea() || script === undefined ? [process.execPath] : [process.execPath, script];
}

export function serveArguments(options: ServeOptions, environment: Cli['environment']): string[] {
  const { state, socket } = pathsFor(options, environment);
  const listen = options.listen === undefined ? [] : ['--listen', options.listen];
  return ['serve', '--state-dir', state, '--socket', socket, ...listen];
}

/** Starts one where none answers, and says so. Of two commands that do so at once one wins, and both go on. */
export async function ensureController(options: GlobalOptions, cli: Cli): Promise<void> {
  const { socket, lock } = pathsFor(options, cli.environment);
  if (await answers(socket)) return;
  try {
    const pid = await startController(options, cli);
    cli.err(`Started the controller in the background (pid ${pid}). 'agentctl controller stop' stops it.\n`);
  } catch (error) {
    const deadline = cli.clock.now() + startLimitMs;
    while (!(await answers(socket))) {
      if (lockHolder(lock) === undefined || cli.clock.now() > deadline) throw error;
      await sleep(cli.clock, 20);
    }
  }
}

/** Runs `serve` in a session of its own and waits until it is ready. Answers its pid. */
export async function startController(options: ServeOptions, cli: Cli): Promise<number> {
  const where = pathsFor(options, cli.environment);
  mkdirSync(where.logs, { recursive: true, mode: 0o700 });
  const logFile = controllerLog(where.logs);
  const log = openSync(logFile, 'a', 0o600);
  const [program = process.execPath, ...before] = ownCommand();
  const child = spawn(program, [...before, ...serveArguments(options, cli.environment), '--ready-fd', '3'], {
    detached: true,
    cwd: where.state, // holds no other folder's file system
    stdio: ['ignore', log, log, 'pipe'],
  });
  closeSync(log);
  const ended = await readyOrEnded(child, cli);
  if (ended !== undefined) {
    const end = lastLines(logFile, 10).map((line) => `  ${line.slice(0, mostShown)}`);
    throw new CliError(
      `the controller could not be started: ${ended}. The end of its log (${logFile}):\n${end.join('\n')}`,
    );
  }
  child.unref();
  return child.pid ?? 0;
}

/** Undefined once it is ready, which it says on file descriptor 3; else why it will not be. */
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
