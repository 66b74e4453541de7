import type { Duplex } from 'node:stream';
import type { Cancel, Clock } from '../../platform/clock.ts';
import type { OutputLine } from '../attachment.ts';
import { createLineCutter } from './output-lines.ts';

/** Buffers the output of an attached connection until it is taken. */
export interface Intake {
  readonly socket: Duplex;
  /** Returns the buffered lines; their cursors have no meaning yet. `ended` is set with the last lines. */
  take(): Taken;
  /** Resolves when there is something to take. */
  ready(): Promise<void>;
  /** Calls back once, when no more output will come. */
  onEnd(callback: () => void): void;
  close(): void;
}

export interface Taken {
  lines: OutputLine[];
  /** How many bytes were read for these lines. */
  bytes: number;
  ended: boolean;
  /** There was a pause before these lines: all earlier lines are older than this instant, and these are not. */
  quietUntil?: number | undefined;
}

/**
 * The limit of buffered bytes. Above it the connection is not read, and in the end the program's writes block. If that
 * lasts more than 2 s after a program's exit, an engine drops its last output; so the limit is generous.
 */
const most = 1024 * 1024;

/** How long a pause must be, and how much later than the engine's timestamp we may see a line. */
const quietMs = 3_000;
const latencyMs = 1_000;

/** `demux` returns the pieces of standard output in a chunk of the connection. */
export function createIntake(socket: Duplex, clock: Clock, demux: (chunk: Buffer) => Buffer[]): Intake {
  const cutter = createLineCutter(0);
  let chunks: Buffer[] = [];
  let waiting = 0;
  let ended = false;
  let restReported = false;
  let isMidLine = false;
  let lastActive = clock.now();
  let quietUntil: number | undefined;
  let wake: (() => void) | undefined;
  const callbacks: (() => void)[] = [];

  const ring = (): void => {
    wake?.();
    wake = undefined;
  };
  const end = (): void => {
    if (ended) return;
    ended = true;
    ring();
    for (const callback of callbacks.splice(0)) callback();
  };

  socket.on('data', (chunk: Buffer) => {
    const now = clock.now();
    if (waiting === 0 && !isMidLine && now - lastActive >= quietMs) quietUntil = now - latencyMs;
    lastActive = now;
    chunks.push(chunk);
    waiting += chunk.length;
    if (waiting >= most) socket.pause();
    ring();
  });
  // The engine is then asked whether the run has ended or the connection was lost.
  socket.on('error', end).on('end', end).on('close', end);

  return {
    socket,
    take() {
      const taken: Taken = { lines: [], bytes: waiting, ended, quietUntil };
      quietUntil = undefined;
      for (const chunk of chunks) {
        for (const piece of demux(chunk)) {
          for (const line of cutter.push(piece)) taken.lines.push(line);
          isMidLine = piece.at(-1) !== 0x0a;
        }
      }
      chunks = [];
      waiting = 0;
      if (ended && !restReported) {
        restReported = true;
        taken.lines.push(...cutter.rest());
      }
      if (socket.isPaused()) {
        lastActive = clock.now();
        socket.resume();
      }
      return taken;
    },
    ready: () =>
      new Promise((resolve) => {
        if (waiting > 0 || ended) resolve();
        else wake = resolve;
      }),
    onEnd(callback) {
      if (ended) callback();
      else callbacks.push(callback);
    },
    close() {
      socket.destroy();
      end();
    },
  };
}

/** Keeps connections that were opened before a start, until an attachment to that run takes them. */
interface Keep {
  put(ref: string, live: Intake): void;
  started(ref: string, startId: string): void;
  /**
   * Resolves once the start of the connection is known: the engine's events may report the start before its response.
   */
  known(ref: string): Promise<void>;
  /** Returns undefined if there is none for that start. */
  take(ref: string, startId: string): Intake | undefined;
  drop(ref: string): void;
  close(): void;
}

interface Kept {
  live: Intake;
  startId: string | undefined;
  known: Promise<void>;
  settle(): void;
  cancel: Cancel;
}

/** A program blocks if it writes much output that nothing reads. It is blocked for no longer than this. */
const patienceMs = 60_000;

export function createKeep(clock: Clock): Keep {
  let closed = false;
  const kept = new Map<string, Kept>();

  const remove = (ref: string): Intake | undefined => {
    const entry = kept.get(ref);
    entry?.cancel();
    entry?.settle();
    kept.delete(ref);
    return entry?.live;
  };
  const drop = (ref: string): void => remove(ref)?.close();

  return {
    put(ref, live) {
      drop(ref);
      if (closed) return live.close();
      const { promise: known, resolve: settle } = Promise.withResolvers<void>();
      const cancel = clock.after(patienceMs, () => drop(ref));
      kept.set(ref, { live, startId: undefined, known, settle, cancel });
    },
    started(ref, startId) {
      const entry = kept.get(ref);
      if (entry === undefined) return;
      entry.startId = startId;
      entry.settle();
    },
    async known(ref) {
      await kept.get(ref)?.known;
    },
    take: (ref, startId) => (kept.get(ref)?.startId === startId ? remove(ref) : undefined),
    drop,
    close() {
      closed = true;
      for (const ref of [...kept.keys()]) drop(ref);
    },
  };
}
