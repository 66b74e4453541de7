import { type Attachment, attachLimits } from '../drivers/attachment.ts';
import { DriverError } from '../drivers/driver.ts';
import { type Clock, sleep } from '../platform/clock.ts';

interface PenDeps {
  attachment(): Attachment | undefined;
  /** Resolves when it is on disk that the last line may be incomplete. */
  mayBeCut(): Promise<void>;
  /** All lines are complete; this may be recorded later. */
  isWhole(): void;
  /** The value that an earlier connection recorded. */
  cut: boolean;
}

/**
 * Writes lines to one run, one after the other: a pipe takes a line of at most `attachLimits.whole` bytes as a whole, or
 * not at all. If the controller dies during the write of a longer one, it may be incomplete. This possibility is recorded
 * on disk before such a line is written. So the next connection knows whether it must end an incomplete line, and apart
 * from that writes only messages.
 */
export class Pen {
  readonly #deps: PenDeps;
  /** Bytes that are not in the pipe yet. */
  #waiting = 0;
  /** Resolves when the last line is in the pipe or was refused. */
  #last: Promise<void> | undefined;
  /** The recording, if there is one. */
  #noted: Promise<void> | undefined;

  constructor(deps: PenDeps) {
    this.#deps = deps;
    if (deps.cut) this.#noted = Promise.resolve();
  }

  /** Whether the next write must end an incomplete line. */
  get cut(): boolean {
    return this.#noted !== undefined;
  }

  /** Resolves when the line is in the pipe. Throws Retryable InputFull and NotRunning. */
  async write(line: string): Promise<void> {
    const attachment = this.#deps.attachment();
    if (attachment === undefined) throw notNow();
    const text = `${line}\n`;
    const bytes = Buffer.byteLength(text);
    if (this.#waiting > 0 && this.#waiting + bytes > attachLimits.input)
      throw new DriverError('Retryable', 'InputFull', `${this.#waiting} bytes already wait to be read`);
    this.#waiting += bytes;
    const previous = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    try {
      if (previous !== undefined) await previous;
      if (bytes > attachLimits.whole) this.#noted ??= this.#note();
      if (this.#noted !== undefined) await this.#noted;
      if (this.#deps.attachment() !== attachment) throw notNow();
      await attachment.write(text);
    } finally {
      this.#waiting -= bytes;
      resolve();
      if (this.#last === promise) this.#last = undefined;
    }
    if (this.#noted === undefined) return;
    this.#noted = undefined;
    this.#deps.isWhole();
  }

  async #note(): Promise<void> {
    try {
      await this.#deps.mayBeCut();
    } catch (error) {
      this.#noted = undefined;
      throw error;
    }
  }
}

const notNow = (): Error =>
  new DriverError('Retryable', 'NotRunning', 'the pipes were lost, and are being opened again');

const writeAgain = 1_000;
/** Limits on the answers that wait until their agent reads: lines, and characters in total. */
const most = { lines: 1_000, text: 4 * 1024 * 1024 };

interface Answer {
  line: string;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * Answers for one run, written in order. If the pipe is lost, they wait until it is open again. It accepts every
 * answer: its user checks `full`, and reads no more of the agent's output until there is `room`. So the amount is
 * bounded by one read and by the requests in progress.
 */
export class Outbox {
  readonly #write: (line: string) => Promise<void>;
  readonly #clock: Clock;
  readonly #closed = new AbortController();
  #waiting: Answer[] = [];
  #text = 0;
  #pumping = false;
  #roomy: (() => void) | undefined;

  constructor(write: (line: string) => Promise<void>, clock: Clock) {
    this.#write = write;
    this.#clock = clock;
  }

  /** Resolves when the answer is in the pipe. Rejects when the outbox is closed. */
  add(line: string): Promise<void> {
    if (this.#closed.signal.aborted) return Promise.reject(closedError());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ line, resolve, reject });
    this.#text += line.length;
    if (!this.#pumping) void this.#pump();
    return promise;
  }

  get full(): boolean {
    return this.#waiting.length > most.lines || this.#text > most.text;
  }

  /** Resolves when the outbox is not full, or is closed. */
  async room(): Promise<void> {
    if (!this.full) return;
    await new Promise<void>((resolve) => {
      this.#roomy = resolve;
    });
  }

  /** Rejects everything that waits. */
  close(): void {
    this.#closed.abort();
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#text = 0;
    for (const { reject } of waiting) reject(closedError());
    this.#roomy?.();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      try {
        await this.#write(next.line);
      } catch {
        // Whatever the error is, the answer is not in the pipe, and the run was not read to its end.
        await sleep(this.#clock, writeAgain, this.#closed.signal);
        continue;
      }
      if (this.#waiting[0] !== next) break; // closed meanwhile
      this.#waiting.shift();
      this.#text -= next.line.length;
      next.resolve();
      if (this.full) continue;
      this.#roomy?.();
      this.#roomy = undefined;
    }
    this.#pumping = false;
  }
}

const closedError = (): Error => new Error('the run has ended, so nobody waits for the answer');
