import type { Duplex } from 'node:stream';
import type { Clock } from '../../platform/clock.ts';
import type { OutputLine } from '../driver.ts';
import { createLineCutter } from '../output-lines.ts';

/** The output that comes over an attached connection, kept until it is taken. */
export interface Intake {
  readonly socket: Duplex;
  /** The lines that have come; their cursors mean nothing yet. With the last of them comes `ended`. */
  take(): Taken;
  /** Resolves when there is something to take. */
  ready(): Promise<void>;
  /** Calls back once, when nothing more will come. */
  onEnd(callback: () => void): void;
  close(): void;
}

export interface Taken {
  lines: OutputLine[];
  /** That were read for them. */
  bytes: number;
  ended: boolean;
  /** Nothing had come for a while before these: all earlier lines are older than this instant, and these are not. */
  quietUntil?: number | undefined;
}

/**
 * Bytes that wait for a reader. Then the connection is not read, and in the end the program's writing waits. An engine
 * drops what a program wrote last where that goes on for 2 s after its exit, so there is some room.
 */
const most = 1024 * 1024;

/** How long it must have been quiet, and how late at most the engine's time of a line is after which we see it. */
const quietMs = 3_000;
const latencyMs = 1_000;

export function createIntake(socket: Duplex, clock: Clock): Intake {
  const demux = createDemux();
  const cutter = createLineCutter(0);
  let chunks: Buffer[] = [];
  let waiting = 0;
  let ended = false;
  let restTold = false;
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
  // Whether the run has ended, or the connection was lost, is asked of the engine.
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
      if (ended && !restTold) {
        restTold = true;
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

/** Takes standard output out of the engine's frames (Engine API, "Stream format"), as it comes, without copying. */
function createDemux(): (chunk: Buffer) => Buffer[] {
  const header = Buffer.alloc(8);
  let headerBytes = 0;
  /** What is still to come of the frame that is being read. */
  let left = 0;

  return (chunk) => {
    const output: Buffer[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (left === 0) {
        const took = chunk.copy(header, headerBytes, at);
        headerBytes += took;
        at += took;
        if (headerBytes < 8) break;
        headerBytes = 0;
        left = header.readUInt32BE(4);
      } else {
        const piece = chunk.subarray(at, at + left);
        left -= piece.length;
        at += piece.length;
        if (header[0] === 1) output.push(piece);
      }
    }
    return output;
  };
}
