import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Cancel, type Clock, endsWithin } from '../../../platform/clock.ts';
import { isCode } from '../../../platform/code.ts';
import { readPid } from '../../../platform/lock.ts';
import type { Log } from '../../../platform/log.ts';
import { countFiles, type FileCount } from '../../open-files.ts';
import { type Tools, withoutInherited } from '../tools.ts';

/** How a collector is started: the words before its folder and its FIFO. One of another version is replaced. */
export interface CollectorCommand {
  command: readonly string[];
  version: string;
}

/** The controller's hold on the collector: there is one while this is open, however often it is killed. */
export interface CollectorClient {
  /** The output of that run is to be collected. Waits for nothing: where there is no collector, the next one finds the run. */
  collect(ref: string, run: number): void;
  /** Sees to it that there is one. Resolves once it is there, or has had some seconds to come. */
  ensure(): Promise<void>;
  close(): void;
}

const checkMs = 5000;
const connectMs = { least: 20, most: 250 };
/** A start of an agent waits so long, as what it writes at first has its time and order only where it is read at once. */
const waitMs = 3000;
/** A collector that has not come by then is started once more. */
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
  /** Its FIFO was full when it was to be told of a run. */
  let scanDue = false;
  let come = Promise.withResolvers<void>();

  const disconnect = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
    come = Promise.withResolvers();
  };

  /** Whether somebody reads it. A line is shorter than what a FIFO takes in one piece. */
  const say = (line: string): boolean => {
    if (fd === undefined) return false;
    try {
      writeSync(fd, `${line}\n`);
      return true;
    } catch (error) {
      if (isCode(error, 'EAGAIN')) {
        scanDue = true; // it has enough to do, and is told of what it missed later
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

  /** Returns when to look again. */
  const meet = (): number => {
    if (scanDue ? scan() : say('')) return scanDue ? connectMs.most : checkMs;
    // It may quit at once: it has the path that the folder had before it was renamed.
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

/** Has all runs looked for, by a collector of that folder; another one quits. Of any path, it is one line of ASCII. */
export const scanCommand = (root: string): string => `scan ${encodeURIComponent(root)}`;

export const collectorFifo = (version: string): string => `collector-${version}.in`;

/** In the folder of all instances: held by the collector. */
export const collectorLock = 'collector.lock';

/** The open files of the collector. Where none can be looked at, those of the one that would be started. */
export function countCollectorFiles(root: string): FileCount {
  const pid = readPid(join(root, collectorLock));
  try {
    // Another process may have its pid by now.
    const words = pid === undefined ? [] : readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (words.includes(root)) return countFiles(pid);
  } catch (error) {
    if (!isCode(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) throw error;
  }
  return { ...countFiles(), open: 0 };
}

/** Tells it from a process that cleared its environment. */
const marker = 'AGENTCTL_COLLECTOR';

/**
 * Makes the FIFO $1, and starts the command until it ends by itself, or the FIFO is gone as the state folder was deleted or
 * renamed. So a kill of the collector stops it for a second, with no controller there either.
 * $2: mkfifo. $3: sleep. $4: takes what the command says about its end. The rest: the command.
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

/** Starts a collector with its guard in a session of their own. They live on by themselves. */
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
  child.on('error', () => {}); // it is started again, as nobody reads the FIFO
  child.unref();
}
