import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Cancel, type Clock, endsWithin } from '../../../platform/clock.ts';
import { isCode } from '../../../platform/code.ts';
import { readPid } from '../../../platform/lock.ts';
import type { Log } from '../../../platform/log.ts';
import { countFiles, type FileCount } from '../../open-files.ts';
import type { Tools } from '../tools.ts';
import { startGuard } from './guard.ts';

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
