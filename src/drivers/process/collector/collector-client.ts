import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Cancel, type Clock, endsWithin } from '../../../platform/clock.ts';
import { isCode } from '../../../platform/code.ts';
import { readPid } from '../../../platform/lock.ts';
import type { Log } from '../../../platform/log.ts';
import { countFiles, type FileCount } from '../../open-files.ts';
import { type Tools, withoutInherited } from '../process-host.ts';

/** How a collector is started: the words before its folder and its FIFO. A collector of another version is replaced. */
export interface CollectorCommand {
  command: readonly string[];
  version: string;
}

/** The controller's connection to the collector. While it is open, a collector that was killed is started again. */
export interface CollectorClient {
  /** Requests collection of that run's output. Does not wait: if there is no collector, the next one finds the run. */
  collect(ref: string, run: number): void;
  /** Resolves once a collector runs, or after a few seconds. */
  ensure(): Promise<void>;
  close(): void;
}

const checkMs = 5000;
const connectMs = { least: 20, most: 250 };
/**
 * How long a start of an agent waits for the collector: output gets its right time and order only if it is read
 * immediately.
 */
const waitMs = 3000;
/** A collector that has not come after this is started again. */
const startMs = 15_000;

export function createCollectorClient(options: {
  root: string;
  tools: Tools;
  collector: CollectorCommand;
  clock: Clock;
  log: Log;
}): CollectorClient {
  const { root, tools, collector, clock, log } = options;
  const fifo = join(root, collectorFifo(collector.version));
  let fd: number | undefined;
  let startedAt: number | undefined;
  let cancel: Cancel | undefined;
  let isClosed = false;
  /** The FIFO was full when a run was to be announced. */
  let scanDue = false;
  let come = Promise.withResolvers<void>();

  const disconnect = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
    come = Promise.withResolvers();
  };

  /** Returns whether a collector reads the FIFO. A line is short enough for an atomic write. */
  const say = (line: string): boolean => {
    if (fd === undefined) return false;
    try {
      writeSync(fd, `${line}\n`);
      return true;
    } catch (error) {
      if (isCode(error, 'EAGAIN')) {
        scanDue = true; // it is busy, and gets a scan later
        return true;
      }
      disconnect();
      if (!isCode(error, 'EPIPE')) log.warn({ error }, 'the collector of output cannot be reached');
      return false;
    }
  };

  const scan = (): boolean => {
    scanDue = false;
    return say(scanCommand(root));
  };

  const connect = (): boolean => {
    try {
      fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (!isCode(error, 'ENOENT', 'ENXIO')) log.warn({ error }, 'the collector of output cannot be reached');
      return false;
    }
    startedAt = undefined;
    come.resolve();
    return scan();
  };

  const start = (): void => {
    const now = clock.now();
    if (startedAt !== undefined && now - startedAt < startMs) return;
    if (startedAt !== undefined) log.warn({}, 'the collector of output did not start; it is started again');
    startedAt = now;
    const command = [...collector.command, root, fifo];
    startGuard(tools, { fifo, said: join(root, 'collector.err'), command });
  };

  /** Returns the delay until the next check. */
  const meet = (): number => {
    if (scanDue ? scan() : say('')) return scanDue ? connectMs.most : checkMs;
    // It may quit soon: it knows the path that the folder had before it was renamed.
    if (connect()) return connectMs.most;
    start();
    const tried = clock.now() - (startedAt ?? clock.now());
    return Math.min(connectMs.most, Math.max(connectMs.least, tried / 10));
  };

  const check = (): void => {
    cancel?.();
    if (isClosed) return;
    cancel = clock.after(meet(), check);
  };

  return {
    collect(ref, run) {
      if (!say(`open ${relative(root, ref)} ${run}`)) check();
    },
    async ensure() {
      if (fd !== undefined) return;
      check();
      await endsWithin(clock, waitMs, come.promise);
    },
    close() {
      isClosed = true;
      cancel?.();
      disconnect();
    },
  };
}

/**
 * Makes a collector of that folder look for all runs; a collector of another folder quits. The command is one line of
 * ASCII for any path.
 */
export const scanCommand = (root: string): string => `scan ${encodeURIComponent(root)}`;

export const collectorFifo = (version: string): string => `collector-${version}.in`;

/** A file in the folder of all instances, locked by the collector. */
export const collectorLock = 'collector.lock';

/** Counts the open files of the collector. If there is none, returns those that a new collector would have. */
export function countCollectorFiles(root: string): FileCount {
  const pid = readPid(join(root, collectorLock));
  try {
    // The pid may have been reused by another process.
    const words = pid === undefined ? [] : readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (words.includes(root)) return countFiles(pid);
  } catch (error) {
    if (!isCode(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) throw error;
  }
  return { ...countFiles(), open: 0 };
}

/** Distinguishes it from a process that cleared its environment. */
const marker = 'AGENTCTL_COLLECTOR';

/**
 * Creates the FIFO $1, and starts the command again until it ends by itself, or until the FIFO is gone because the
 * state folder was deleted or renamed. So a killed collector is back after a second, even without a controller. $2:
 * mkfifo. $3: sleep. $4: the file for what the command prints about its end. The rest: the command.
 */
const script = `umask 077
[ -p "$1" ] || "$2" "$1" || [ -p "$1" ] || exit
agentctl_fifo=$1
agentctl_sleep=$3
agentctl_said=$4
shift 4
until "$@" 2>"$agentctl_said" || [ ! -p "$agentctl_fifo" ]
do "$agentctl_sleep" 1
done`;

/** Starts a collector with its guard in a new session. They survive the controller. */
function startGuard(tools: Tools, options: { fifo: string; said: string; command: readonly string[] }): void {
  const args = [options.fifo, tools.mkfifo, tools.sleep, options.said, ...options.command];
  const guard = [tools.sh, '-c', script, 'agentctl-collector', ...args];
  const [program = tools.sh, ...rest] = withoutInherited(tools, guard);
  const child = spawn(program, rest, {
    cwd: '/',
    env: { [marker]: '1' },
    detached: true,
    stdio: 'ignore',
  });
  child.on('error', () => {}); // it is started again, because nothing reads the FIFO
  child.unref();
}
