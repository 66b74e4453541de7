import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/platform/clock.ts';
import { type Log, silentLog } from '../../src/platform/log.ts';
import type { Connection, Turn } from '../../src/protocols/protocol.ts';
import { jsonl } from '../../src/protocols/protocol-index.ts';
import { Told } from '../contracts/protocol/world.ts';
import { checkLine } from './jsonl-schema.ts';

/** One run of a real worker, with a connection to it. Every line in either direction is checked against the schema. */
export class Run {
  readonly host = new Told();
  readonly connection: Connection;
  /** Resolves when it has ended and all that it wrote was taken in. */
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  /** Lines of its standard output, and those that the schema does not know. */
  readonly lines: string[] = [];
  readonly wrong: string[] = [];
  readonly #child: ChildProcess;
  readonly #changed = new Set<() => void>();

  constructor(command: readonly string[], options: { cwd: string; env?: Record<string, string>; log?: Log }) {
    const [program = '', ...args] = command;
    const { PATH = '' } = process.env;
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { PATH, ...options.env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child = child;
    child.stdin.on('error', () => {}); // it has ended: told by `ended`
    const write = async (line: string): Promise<void> => {
      checkLine('toAgent', line);
      child.stdin.write(`${line}\n`);
    };
    this.connection = jsonl.connect({ write, answer: write }, this.host, {
      clock: systemClock,
      log: options.log ?? silentLog,
      version: '1',
      epoch: '1',
      turns: [],
      probeDir: options.cwd,
    });
    child.stdin.write('\n');
    const lines = createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY });
    lines.on('line', (line) => {
      this.lines.push(line);
      try {
        checkLine('fromAgent', line);
      } catch {
        this.wrong.push(line);
      }
      this.connection.receive(line);
      for (const look of this.#changed) look();
    });
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code, signal }));
    });
    void this.ended.then(
      () => {
        for (const look of this.#changed) look();
      },
      () => {},
    );
  }

  /** Waits for lines until it is so. */
  async until(so: () => boolean): Promise<void> {
    let over = false;
    void this.ended.then(() => {
      over = true;
    });
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (!so() && !over) return;
        this.#changed.delete(look);
        if (so()) resolve();
        else reject(new Error(`it ended before that; it wrote ${this.lines.join('\n')}`));
      };
      this.#changed.add(look);
      look();
    });
  }

  async ready(): Promise<this> {
    await this.until(() => this.host.of('ready').length > 0);
    return this;
  }

  /** Sends a message, and returns before anything of it is done. */
  async send(text: string, fields: Partial<Turn> = {}): Promise<string> {
    const message = fields.message ?? `m-${Math.random()}`;
    const conversation = fields.conversation ?? `c-${message}`;
    await this.connection.prompt({
      message,
      attempt: 1,
      conversation,
      session: conversation,
      kind: 'Chat',
      from: 'ann',
      text,
      ...fields,
    });
    return message;
  }

  /** Sends a message and waits for its end. Answers its text. */
  async ask(text: string, fields: Partial<Turn> = {}): Promise<string> {
    const message = await this.send(text, fields);
    await this.until(() => this.host.results(message).length > 0);
    const [result] = this.host.results(message);
    if (result?.state !== 'Completed') throw new Error(`${result?.reason}: ${result?.message}`);
    return result.answer ?? this.textOf(message);
  }

  textOf(message: string): string {
    return this.host
      .events(message)
      .map((event) => (event.type === 'text' ? event.text : ''))
      .join('');
  }

  kill(): Promise<unknown> {
    this.#child.kill('SIGKILL');
    return this.ended;
  }
}
