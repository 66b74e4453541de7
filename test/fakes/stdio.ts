import { attachLimits } from '../../src/drivers/attachment.ts';
import { DriverError, type LogLine } from '../../src/drivers/driver.ts';

/**
 * Plays the program of a container: called at each start; what it returns is called with each line that it is sent, in
 * a microtask of its own. Without one the program reads nothing.
 */
export type FakeAgent = (self: FakeProgram) => (line: string) => void;

/** What an agent can do. Once it has ended, nothing. */
export interface FakeProgram {
  /** 1 for the first start of the container. */
  start: number;
  run: number;
  /** Lines to stdout. */
  say(...lines: string[]): void;
  /** The beginning of a line; what is said next goes on with it. */
  sayHalf(text: string): void;
  complain(line: string): void;
  /** A crash: any code but 0. */
  end(code: number): void;
  /** By itself, or from outside. */
  ended(): boolean;
}

/** What fits into a pipe that nobody reads. */
const pipeBytes = 64 * 1024;

/** The standard streams of one start. */
export class FakeStdio {
  readonly stdout: string[] = [];
  ended = false;
  /** Called whenever there is more, or the end. */
  readonly readers = new Set<() => void>();
  /** Each line of stdout and stderr as it comes. */
  readonly #log: (stream: LogLine['stream'], text: string) => void;
  #agent: ((line: string) => void) | undefined;
  #half = '';
  /** Of a line that was written without its end. */
  #unfinished = '';
  #unread = 0;
  readonly #waiting = new Set<(error: DriverError) => void>();

  constructor(log: (stream: LogLine['stream'], text: string) => void) {
    this.#log = log;
  }

  /** From now on lines reach somebody. */
  hear(agent: (line: string) => void): void {
    this.#agent = agent;
  }

  say(text: string): void {
    if (this.ended) return;
    this.stdout.push(this.#half + text);
    this.#log('stdout', this.#half + text);
    this.#half = '';
    this.#wake();
  }

  sayHalf(text: string): void {
    this.#half += text;
  }

  complain(text: string): void {
    if (!this.ended) this.#log('stderr', text);
  }

  /** Resolves once it is in the pipe. */
  async write(text: string): Promise<void> {
    if (this.ended) throw notRunning();
    if (this.#agent === undefined) return this.#fill(Buffer.byteLength(text));
    const lines = (this.#unfinished + text).split('\n');
    this.#unfinished = lines.pop() ?? '';
    for (const line of lines) {
      queueMicrotask(() => this.ended || this.#agent?.(line));
    }
  }

  async #fill(bytes: number): Promise<void> {
    const waits = Math.max(0, this.#unread - pipeBytes);
    if (waits > 0 && waits + bytes > attachLimits.input)
      throw new DriverError('Retryable', 'InputFull', `${waits} bytes wait already`);
    this.#unread += bytes;
    if (this.#unread > pipeBytes) await new Promise<void>((_, reject) => this.#waiting.add(reject));
  }

  end(): void {
    if (this.ended) return;
    if (this.#half !== '') this.say('');
    this.ended = true;
    for (const reject of this.#waiting) reject(notRunning());
    this.#wake();
  }

  #wake(): void {
    for (const reader of this.readers) reader();
  }
}

export const notRunning = (): DriverError =>
  new DriverError('Retryable', 'NotRunning', 'the run has ended, or the attachment is closed');
