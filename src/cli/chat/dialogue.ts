import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface, type Interface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { visible, visibleLine } from '../../api/text.ts';
import { isCode } from '../../platform/code.ts';
import type { Cli } from '../cli.ts';

/** Reads what a person types, line by line. */
export interface Dialogue {
  /** Returns the next line, including one that was typed before the call; undefined at the end of the input. */
  read(prompt: string): Promise<string | undefined>;
  /**
   * Like read, but ignores what was typed before, returns undefined when the signal aborts, and keeps the answer out of
   * the history.
   */
  ask(question: string, signal: AbortSignal): Promise<string | undefined>;
  /** Sets the listener for Ctrl-C, replacing an earlier one. */
  onInterrupt(listener: () => void): void;
  /** Sets the listener for lines that were not asked for. It returns true if it has handled the line. */
  onLine(listener: (line: string) => boolean): void;
  /** Prints a text next to the prompt, and starts the line again. */
  beside(text: string): void;
  /** Calls a function that prints complete lines, and shows an open question again below them. */
  above(print: () => void): void;
  /** Whether a line is being waited for. */
  readonly asks: boolean;
  /** Whether the input has ended. */
  readonly ended: boolean;
  close(): void;
}

/**
 * Uses line editing on a terminal. Text that is typed while nothing is asked is shown at the next prompt, and only if
 * it was entered.
 */
export function dialogue(cli: Cli, history: History): Dialogue {
  const { input, output } = cli.dialogue();
  const terminal = cli.terminal.in && cli.terminal.out;
  const screen = new Screen(output, () => cli.terminal.columns);
  const lines = createInterface({
    input,
    ...(terminal ? { output: screen, history: history.lines(), historySize: history.size } : {}),
    terminal,
  });
  return new Lines(lines, terminal ? screen : undefined, history);
}

/** The output of line editing, hidden unless a question is open. */
class Screen extends Writable {
  shown = false;
  readonly #output: NodeJS.WritableStream;
  readonly #columns: () => number | undefined;

  constructor(output: NodeJS.WritableStream, columns: () => number | undefined) {
    super();
    this.#output = output;
    this.#columns = columns;
  }

  /** Line editing needs it to know where a line wraps. */
  get columns(): number | undefined {
    return this.#columns();
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.shown) this.#output.write(chunk);
    done();
  }
}

class Lines implements Dialogue {
  readonly #lines: Interface;
  /** Absent without a terminal. */
  readonly #screen: Screen | undefined;
  readonly #queue: string[] = [];
  #waiting: ((line: string | undefined) => void) | undefined;
  #secret = false;
  #interrupted: () => void = () => undefined;
  #unasked: (line: string) => boolean = () => false;
  ended = false;

  constructor(lines: Interface, screen: Screen | undefined, history: History) {
    this.#lines = lines;
    this.#screen = screen;
    lines.on('line', (line) => this.#take(line));
    lines.on('SIGINT', () => this.#interrupted());
    lines.on('history', (all: string[]) => {
      if (this.#secret) all.shift(); // an answer to a question does not belong in the history of messages
      history.keep(all);
    });
    lines.on('close', () => {
      this.ended = true;
      this.#waiting?.(undefined);
    });
  }

  read(prompt: string): Promise<string | undefined> {
    const [typed] = this.#queue.splice(0, 1);
    if (typed !== undefined) return Promise.resolve(typed);
    this.#setAside();
    return this.#next(prompt);
  }

  async ask(question: string, signal: AbortSignal): Promise<string | undefined> {
    if (signal.aborted) return undefined;
    const half = this.#screen === undefined ? '' : this.#lines.line;
    this.#clear();
    const withdraw = (): void => {
      this.#clear();
      if (this.#waiting !== undefined) this.#screen?.write('\r\u001b[K'); // removes the question
      this.#waiting?.(undefined);
    };
    signal.addEventListener('abort', withdraw);
    this.#secret = true;
    try {
      return await this.#next(question);
    } finally {
      this.#secret = false;
      signal.removeEventListener('abort', withdraw);
      if (half !== '' && !this.ended) this.#lines.write(half);
    }
  }

  beside(text: string): void {
    this.#clear();
    this.#screen?.write(`\r\u001b[K${visible(text)}\n`);
    if (this.#waiting !== undefined) this.#lines.prompt();
  }

  above(print: () => void): void {
    if (this.asks) this.#screen?.write('\r\u001b[K');
    print();
    if (this.asks && this.#screen !== undefined) this.#lines.prompt(true);
  }

  get asks(): boolean {
    return this.#waiting !== undefined;
  }

  onInterrupt(listener: () => void): void {
    this.#interrupted = listener;
  }

  onLine(listener: (line: string) => boolean): void {
    this.#unasked = listener;
  }

  close(): void {
    this.#lines.close();
  }

  /** Text that was typed unseen and not entered must not begin the next line, but can be recalled. */
  #setAside(): void {
    const half = this.#lines.line;
    if (this.#screen === undefined || half === '') return;
    this.#clear();
    this.#screen.shown = true;
    this.#screen.write(`\r\u001b[KNot sent: ${visibleLine(half)}. Ctrl-Y brings it back.\n`);
    this.#screen.shown = false;
  }

  /** Clears text that was typed but not entered. */
  #clear(): void {
    if (this.#screen === undefined || this.#lines.line === '') return;
    this.#lines.write(null, { ctrl: true, name: 'e' });
    this.#lines.write(null, { ctrl: true, name: 'u' });
  }

  #take(line: string): void {
    if (this.#waiting !== undefined) this.#waiting(line);
    else if (!this.#unasked(line)) this.#queue.push(line);
  }

  #next(prompt: string): Promise<string | undefined> {
    if (this.ended) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiting = (line) => {
        this.#waiting = undefined;
        if (this.#screen !== undefined) this.#screen.shown = false;
        resolve(line);
      };
      if (this.#screen === undefined) return;
      this.#screen.shown = true;
      this.#lines.setPrompt(visible(prompt));
      this.#lines.prompt(true);
    });
  }
}

/** Lines of earlier chats, newest first, as line editing requires. */
interface History {
  readonly size: number;
  lines(): string[];
  keep(lines: readonly string[]): void;
  /** Writes the file. */
  save(): void;
}

const size = 1000;

/** Stored in a file with one entry a line, oldest first. */
export function fileHistory(path: string, warn: (text: string) => void): History {
  let all = read(path, warn);
  let changed = false;
  return {
    size,
    lines: () => [...all],
    keep(lines) {
      all = lines.slice(0, size);
      changed = true;
    },
    save() {
      if (!changed) return;
      try {
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        writeFileSync(
          path,
          all
            .map((line) => `${line}\n`)
            .toReversed()
            .join(''),
          { mode: 0o600 },
        );
      } catch (error) {
        warn(`the history is not saved: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
  };
}

function read(path: string, warn: (text: string) => void): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .toReversed()
      .slice(0, size);
  } catch (error) {
    if (!isCode(error, 'ENOENT'))
      warn(`the history cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}
