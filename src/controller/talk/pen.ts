import { type Attachment, attachLimits, DriverError } from '../../drivers/driver.ts';

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
 * Writes lines to one run. If the controller dies, the last line may be incomplete: one that is long, or one behind
 * others. This possibility is recorded on disk before such a line is written. So the next connection knows whether it
 * must end an incomplete line, and apart from that writes only messages.
 */
export class Pen {
  readonly #deps: PenDeps;
  /** Bytes that are being written to the pipe. */
  #writing = 0;
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

  async write(line: string): Promise<void> {
    if (this.#deps.attachment() === undefined) throw notNow();
    const text = `${line}\n`;
    const bytes = Buffer.byteLength(text);
    this.#writing += bytes;
    try {
      if (this.#writing > attachLimits.whole) this.#noted ??= this.#note();
      // Writes that wait for the recording continue in their order.
      if (this.#noted !== undefined) await this.#noted;
      await (this.#deps.attachment()?.write(text) ?? Promise.reject(notNow()));
    } finally {
      this.#writing -= bytes;
    }
    if (this.#writing > 0 || this.#noted === undefined) return;
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
