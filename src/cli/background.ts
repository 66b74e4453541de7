import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import { isSea } from 'node:sea';
import { sleep } from '../platform/clock.ts';
import type { Cli } from './cli.ts';
import { pathsFor } from './connect.ts';
import { CliError } from './failure.ts';
import type { GlobalOptions } from './options.ts';

/** How long a controller may take until its socket answers. */
const startLimitMs = 20_000;

/** Whether something listens on the socket. */
export function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectSocket(socketPath);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

export const controllerLog = (logs: string): string => join(logs, 'controller.log');

/** The command line that runs agentctl itself: of the single executable, of the bundle or of the sources. */
export function ownCommand(): string[] {
  const script = process.argv[1];
  return isSea() || script === undefined ? [process.execPath] : [process.execPath, script];
}

export function serveArguments(options: GlobalOptions, environment: Cli['environment']): string[] {
  const { state, socket } = pathsFor(options, environment);
  return ['serve', '--state-dir', state, '--socket', socket];
}

/** Runs `serve` in a session of its own and waits until its socket answers. Answers its pid. */
export async function startController(options: GlobalOptions, cli: Cli): Promise<number> {
  const where = pathsFor(options, cli.environment);
  mkdirSync(where.logs, { recursive: true, mode: 0o700 });
  const logFile = controllerLog(where.logs);
  const log = openSync(logFile, 'a', 0o600);
  const [program = process.execPath, ...before] = ownCommand();
  const child = spawn(program, [...before, ...serveArguments(options, cli.environment)], {
    detached: true,
    cwd: where.state, // holds no other folder's file system
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  let ended: string | undefined;
  child.on('error', (error) => {
    ended = error.message;
  });
  child.on('exit', (code, signal) => {
    ended = `it ended with ${signal ?? `exit code ${code}`}`;
  });
  const deadline = cli.clock.now() + startLimitMs;
  while (!(await answers(where.socket))) {
    if (ended !== undefined || cli.clock.now() > deadline) {
      const why = ended ?? `its socket ${where.socket} did not answer within ${startLimitMs / 1000}s`;
      throw new CliError(
        `the controller could not be started: ${why}. The end of its log (${logFile}):\n${lastLines(logFile)}`,
      );
    }
    await sleep(cli.clock, 15, cli.signal);
    if (cli.signal.aborted) throw new CliError('interrupted while the controller was starting');
  }
  child.unref();
  return child.pid ?? 0;
}

function lastLines(file: string): string {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .slice(-10)
    .map((line) => `  ${line}`)
    .join('\n');
}
