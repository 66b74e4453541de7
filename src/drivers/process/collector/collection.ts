import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { Bucket, type Cancel, type Clock } from '../../../platform/clock.ts';
import { isCode } from '../../../platform/code.ts';
import { living, type ProcessId, readBootId, sendKill } from '../../proc.ts';
import { drainedMark, logFolder, outputFifo, type Run } from '../layout.ts';
import { encodeRecords, gapRecord, maxTextBytes, SegmentWriter, type Stream } from './log-segments.ts';

/** The previous collector has written everything that it had read. */
const closedMark = 'closed';

/** The limit for writing one run's output, in bytes a second and at once: a flood leaves other runs their share. */
const pace = { rate: 32 * 1024 * 1024, burst: 64 * 1024 * 1024 };
/** How often a write to a full disk is retried. */
const retryMs = 1000;
/** Intervals for looking at a pipe without a writer: short at first, for a start, and longer if no writer comes. */
const openMs = { least: 5, most: 1000, growth: 1.25 };

export interface CollectionDeps {
  ref: string;
  run: Run;
  shim: ProcessId;
  clock: Clock;
  /** Called once, when nothing is left to do. */
  ended(): void;
}

/** Copies the output of one run from its FIFOs into its log, until no process has them open for writing. */
export class Collection {
  readonly #deps: CollectionDeps;
  readonly #folder: string;
  readonly #writer: SegmentWriter;
  readonly #sockets = new Map<Stream, Socket>();
  /** Pipes that the shim has not opened yet. */
  readonly #opening = new Map<Stream, Cancel>();
  readonly #pace: Bucket;
  #cancelWait: Cancel | undefined;
  #ended = false;

  /** Throws if the log or the FIFOs cannot be opened. */
  constructor(deps: CollectionDeps) {
    const { ref, run, shim, clock } = deps;
    this.#deps = deps;
    this.#folder = logFolder(ref, run.number);
    this.#pace = new Bucket(clock, pace);
    const { maxSize, maxFiles } = run.meta.logs;
    this.#writer = new SegmentWriter(this.#folder, { maxSize, maxFiles, keepAll: run.meta.talks }, clock);
    try {
      const wasClosed = take(join(this.#folder, closedMark));
      // Without its shim, unread output in the pipes was lost.
      const isKept = living(shim) !== undefined;
      const gap = (this.#writer.begun && !wasClosed) || !isKept;
      if (gap) this.#writer.append(gapRecord(clock.now()));
      for (const stream of ['stdout', 'stderr'] as const) this.#open(stream);
    } catch (error) {
      this.#stop();
      throw error;
    }
    this.#pump();
  }

  get isOver(): boolean {
    return this.#ended;
  }

  /** The shim of this run. It identifies the start: one that was given up may be repeated. */
  get shim(): ProcessId {
    return this.#deps.shim;
  }

  /** Writes everything that was read, and the mark that this is complete. The run continues. */
  close(): void {
    if (this.#ended) return;
    for (const [stream, socket] of this.#sockets) {
      // A paused socket has buffered some data. Data that is read here would be emitted too.
      socket.removeAllListeners('data');
      for (let bytes = readFrom(socket); bytes !== null; bytes = readFrom(socket)) this.#take(stream, bytes);
    }
    this.#stop();
    this.#writer.flush();
    this.#writer.close();
    touch(join(this.#folder, closedMark));
  }

  #open(stream: Stream, againMs = openMs.least): void {
    const { run, shim } = this.#deps;
    const hasEnded = living(shim) === undefined || namesNow(run.folder).some(isExit);
    const path = outputFifo(this.#deps.ref, this.#deps.run.number, stream);
    let fd: number;
    try {
      fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw error;
      // The shim leaves its mark before it creates the FIFOs.
      if (!hasEnded) this.#openLater(stream, againMs);
      return;
    }
    // If a pipe had no writer when it was opened, its end is not reported. Before the shim has opened it, it is not an
    // end.
    if (this.#readNow(stream, fd) === 'End') {
      closeSync(fd);
      if (!hasEnded) this.#openLater(stream, againMs);
      return;
    }
    const socket = new Socket({ fd, readable: true, writable: false });
    this.#sockets.set(stream, socket);
    const end = (): void => {
      if (this.#sockets.get(stream) !== socket) return;
      this.#sockets.delete(stream);
      this.#pump();
    };
    socket.on('data', (bytes) => {
      this.#take(stream, bytes);
      this.#pump();
    });
    socket.on('error', end).on('close', end);
  }

  #openLater(stream: Stream, ms: number): void {
    const open = (): void => {
      this.#opening.delete(stream);
      const againMs = Math.min(openMs.most, Math.ceil(ms * openMs.growth));
      try {
        this.#open(stream, againMs);
      } catch (error) {
        if (!isCode(error, 'ENOENT')) this.#openLater(stream, againMs);
      }
      this.#pump();
    };
    this.#opening.set(stream, this.#deps.clock.after(ms, open));
  }

  /**
   * Reads what is in the pipe now. This many rounds read more than a pipe holds. If they do not empty it, a process is
   * writing meanwhile, and the end of that will be reported. A flood is read further at its pace.
   */
  #readNow(stream: Stream, fd: number): 'End' | 'Open' {
    const bytes = Buffer.allocUnsafe(maxTextBytes);
    for (let round = 0; round < 64; round++) {
      try {
        const length = readSync(fd, bytes);
        if (length === 0) return 'End';
        this.#take(stream, bytes.subarray(0, length));
      } catch (error) {
        if (isCode(error, 'EAGAIN')) return 'Open';
        closeSync(fd);
        throw error;
      }
    }
    return 'Open';
  }

  #take(stream: Stream, bytes: Buffer): void {
    for (let from = 0; from < bytes.length; from += maxTextBytes) {
      const records = encodeRecords(
        this.#deps.clock.now(),
        stream,
        bytes.subarray(from, from + maxTextBytes),
      );
      this.#pace.charge(records.length);
      this.#writer.append(records);
    }
  }

  /** Writes. Reads on only after everything is written and the pace allows more. */
  #pump(): void {
    if (this.#cancelWait !== undefined || this.#ended) return;
    try {
      this.#writer.flush();
      if (this.#sockets.size === 0 && this.#opening.size === 0) {
        this.#finish();
        return;
      }
      const wait = this.#writer.isFull ? retryMs : this.#pace.debt;
      if (wait > 0) this.#wait(wait);
      else for (const socket of this.#sockets.values()) socket.resume();
    } catch (error) {
      const isGone = isCode(error, 'ENOENT', 'ENOTDIR') && !this.#makeFolder();
      if (isGone) this.#leave();
      else this.#wait(retryMs);
    }
  }

  /** Creates the folder of the log again after someone deleted it. Returns false if the whole instance was removed. */
  #makeFolder(): boolean {
    try {
      if (existsSync(this.#deps.run.folder)) mkdirSync(this.#folder, { mode: 0o700, recursive: true });
      return existsSync(this.#folder);
    } catch (error) {
      return !isCode(error, 'ENOENT', 'ENOTDIR');
    }
  }

  #wait(ms: number): void {
    for (const socket of this.#sockets.values()) socket.pause();
    this.#cancelWait = this.#deps.clock.after(ms, () => {
      this.#cancelWait = undefined;
      this.#pump();
    });
  }

  #finish(): void {
    const { ref, run, shim } = this.#deps;
    finishRun(ref, run, shim);
    this.#leave();
  }

  /** Ends without a record in the log. */
  leave(): void {
    if (!this.#ended) this.#leave();
  }

  #leave(): void {
    this.#stop();
    this.#writer.close();
    this.#deps.ended();
  }

  #stop(): void {
    this.#ended = true;
    this.#cancelWait?.();
    for (const cancel of this.#opening.values()) cancel();
    const sockets = [...this.#sockets.values()];
    this.#sockets.clear();
    for (const socket of sockets) socket.destroy();
  }
}

/**
 * Marks that all output of the run is in its log. The shim holds the pipes until then: after it has recorded the exit,
 * it checks for this mark. If the mark comes after that check, the shim waits to be killed.
 */
export function finishRun(ref: string, run: Run, shim: ProcessId): void {
  if (!namesNow(run.folder).includes(`shim.${shim.pid}.${shim.start}`)) return;
  touch(join(logFolder(ref, run.number), drainedMark));
  const waits = run.meta.bootId === readBootId() && living(shim) !== undefined;
  if (waits && namesNow(run.folder).some(isExit)) sendKill(shim.pid);
  for (const stream of ['stdout', 'stderr'] as const)
    rmSync(outputFifo(ref, run.number, stream), { force: true });
}

/** Returns the data that the socket has buffered; null if there is none. */
const readFrom = (socket: Socket): Buffer | null => socket.read();
const namesNow = (folder: string): string[] => readdirSync(folder);
const isExit = (name: string): boolean => name.startsWith('exit.');

/** Deletes the file. Returns false if there was none. */
function take(path: string): boolean {
  try {
    rmSync(path);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
}

const touch = (path: string): void => writeFileSync(path, '', { flag: 'a', mode: 0o600 });
