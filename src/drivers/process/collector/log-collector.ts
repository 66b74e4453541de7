import { constants, openSync, readdirSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Cancel, Clock } from '../../../platform/clock.ts';
import { ignoringAsync, isCode } from '../../../platform/code.ts';
import { sameProcess } from '../../proc.ts';
import { allRefs, isRef } from '../instances.ts';
import { drainedMark, findRun, logFolder, namesIn, readMarks } from '../layout.ts';
import { Collection, finishRun } from './collection.ts';
import { scanCommand } from './collector-client.ts';

/** Interval of retries for runs whose shim has not come yet, and for failures. */
const retryMs = 1000;
/** A run that has not begun after this was given up. If it does begin, a later scan finds it. */
const mostTries = 60;
/** How long a collector without a run waits for its controller. */
const idleMs = 10_000;
const longestCommand = 4096;

export interface CollectorDeps {
  /** The folder of all instances. */
  root: string;
  /**
   * The FIFO for commands: `open <ref, relative to root> <run>`, `scan <root>`, `quit`; an empty line means nothing. A
   * scan of another root means quit: the folder was renamed, and its FIFO still leads here.
   */
  fifo: string;
  clock: Clock;
}

/**
 * Collects the output of all runs of a state folder. It sends no answers: its results are in the file system. Resolves
 * when it has no run and no controller, or when it was asked to quit.
 */
export function runCollector({ root, fifo, clock }: CollectorDeps): { ended: Promise<void>; quit(): void } {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const collections = new Map<string, Collection>();
  /** How many attempts each has had. */
  const waiting = new Map<string, { ref: string; run: number; tries: number }>();
  let cancelRetry: Cancel | undefined;
  let cancelIdle: Cancel | undefined;
  let commands: Socket | undefined;
  let hasController = false;
  let scans = 0;
  let scanAgain = false;
  let isOver = false;

  const end = (): void => {
    isOver = true;
    cancelRetry?.();
    cancelIdle?.();
    commands?.destroy();
    resolve();
  };

  const quit = (): void => {
    if (isOver) return;
    for (const collection of collections.values()) {
      try {
        collection.close();
      } catch {
        // Then the mark `closed` is missing, and the next collector reports a gap.
      }
    }
    end();
  };

  const endIfIdle = (): void => {
    const isIdle = collections.size === 0 && waiting.size === 0 && scans === 0 && !scanAgain;
    if (isIdle && !hasController && cancelIdle === undefined) end();
  };

  const open = async (ref: string, number: number): Promise<void> => {
    const key = `${ref} ${number}`;
    const again = waiting.get(key) ?? { ref, run: number, tries: 0 };
    waiting.set(key, again);
    const state = await tryOpen(ref, number, key);
    if (state === 'NotBegun') again.tries += 1;
    if (state === 'Done' || again.tries > mostTries) waiting.delete(key);
    else retrySoon();
    endIfIdle();
  };

  const tryOpen = async (
    ref: string,
    number: number,
    key: string,
  ): Promise<'Done' | 'NotBegun' | 'Failed'> => {
    try {
      const run = findRun(ref, number);
      if (run === undefined) return 'Done';
      const { shim } = readMarks(run.folder);
      if (shim === undefined) return 'NotBegun';
      const before = collections.get(key);
      // Synchronous with what follows: otherwise a run that was just finished would be reported as a gap.
      if (readdirSync(logFolder(ref, number)).includes(drainedMark)) {
        finishRun(ref, run, shim);
        return 'Done';
      }
      if (isOver || (before !== undefined && sameProcess(before.shim, shim))) return 'Done';
      before?.leave();
      const collection = new Collection({
        ref,
        run,
        shim,
        clock,
        ended() {
          if (collections.get(key)?.isOver === true) collections.delete(key);
          endIfIdle();
        },
      });
      if (!collection.isOver) collections.set(key, collection);
      return 'Done';
    } catch (error) {
      // The disk is full, or no file descriptor is free: the run's output waits in its pipes.
      return isCode(error, 'ENOENT') ? 'Done' : 'Failed';
    }
  };

  const retrySoon = (): void => {
    cancelRetry ??= clock.after(retryMs, () => {
      cancelRetry = undefined;
      if (scanAgain) void scan();
      for (const { ref, run } of waiting.values()) void open(ref, run);
    });
  };

  /** Finds every run whose pipes exist. */
  const scan = async (): Promise<void> => {
    scanAgain = false;
    scans += 1;
    try {
      for (const ref of allRefs(root))
        for (const name of namesIn(ref) ?? []) {
          const [, run] = /^(\d+)\.(?:out|err)$/.exec(name) ?? [];
          if (run !== undefined && (await isFifo(join(ref, name)))) await open(ref, Number(run));
        }
    } catch {
      scanAgain = true; // whatever the error is, the scan is repeated until all runs are found
      retrySoon();
    }
    scans -= 1;
    endIfIdle();
  };

  const obey = (line: string): void => {
    const [verb, path, run] = line.split(' ');
    if (verb === 'quit') quit();
    else if (line === scanCommand(root)) void scan();
    else if (verb === 'scan') quit();
    else if (verb === 'open' && path !== undefined && isRef(root, join(root, path)))
      void open(join(root, path), Number(run));
  };

  /** A FIFO ends when its last writer closes it, and must be opened again for the next one. */
  const listen = (): void => {
    const socket = openCommands(fifo);
    let line = '';
    const before = commands;
    commands = socket;
    before?.destroy();
    socket.setEncoding('latin1').on('data', (text: string) => {
      hasController = true;
      cancelIdle?.();
      cancelIdle = undefined;
      const lines = (line + text).split('\n');
      line = lines.pop()?.slice(0, longestCommand) ?? '';
      for (const each of lines) if (!isOver) obey(each);
    });
    const next = (): void => {
      if (isOver || commands !== socket) return;
      hasController = false;
      listen();
      endIfIdle();
    };
    socket.on('end', next).on('error', next);
  };

  listen();
  cancelIdle = clock.after(idleMs, () => {
    cancelIdle = undefined;
    endIfIdle();
  });
  void scan();
  return { ended, quit };
}

const openCommands = (fifo: string): Socket =>
  new Socket({
    fd: openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK),
    readable: true,
    writable: false,
  });

async function isFifo(path: string): Promise<boolean> {
  return (await ignoringAsync(lstat(path), 'ENOENT'))?.isFIFO() ?? false;
}
