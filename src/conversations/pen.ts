import { type Attachment, attachLimits, DriverError } from '../drivers/driver.ts';

export interface PenDeps {
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
