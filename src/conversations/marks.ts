import type { Writer } from './writer.ts';

export interface Mark {
  name: string;
  at: number;
}

/** Numbers by name that outlive the controller: when prompts were sent, and where the tools were offered. */
export class Marks {
  readonly #marks = new Map<string, number>();
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  get(name: string): number | undefined {
    return this.#marks.get(name);
  }

  names(): string[] {
    return [...this.#marks.keys()];
  }

  /** Resolves when they are on disk. */
  async set(marks: readonly Mark[]): Promise<void> {
    await this.#writer.write(marks.map((mark) => ({ type: 'Mark', ...mark })));
    for (const mark of marks) this.noted(mark);
  }

  /** The mark is on disk, written with something else. */
  noted({ name, at }: Mark): void {
    this.#marks.set(name, at);
  }

  /** Forgets all marks whose names begin with `prefix`. */
  drop(prefix: string): void {
    const known = this.names().filter((name) => name.startsWith(prefix));
    if (known.length === 0) return;
    for (const name of known) this.#marks.delete(name);
    this.#writer.note([{ type: 'DropMarks', prefix }]);
  }
}
