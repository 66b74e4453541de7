import { type Attachment, attachLimits, DriverError } from '../../drivers/driver.ts';

export interface PenDeps {
  attachment(): Attachment | undefined;
  /** Resolves once it is on disk that what is written may be cut short. */
  mayBeCut(): Promise<void>;
  /** It was not; to be noted some time. */
  isWhole(): void;
  /** As an earlier connection left it. */
  cut: boolean;
}

/**
 * Writes lines to one run. What is written last may be cut short where the controller dies before all of it is in the
 * pipe: a line that is long, or behind others. That is on disk before it is written, so that the next connection
 * knows whether it has to end such a line, and writes nothing else that is not a message.
 */
export class Pen {
  readonly #deps: PenDeps;
  /** Bytes that are on their way into the pipe. */
  #writing = 0;
  /** Whether it is noted, once it is. */
  #noted: Promise<void> | undefined;

  constructor(deps: PenDeps) {
    this.#deps = deps;
    if (deps.cut) this.#noted = Promise.resolve();
  }

  /** Whether what comes next must end a line that was cut short. */
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
      // All that wait for the note go on in the order in which they came.
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
