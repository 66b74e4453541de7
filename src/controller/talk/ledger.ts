import type { Entry } from '../../messages/journal.ts';
import type { Link as LinkRecord } from '../../messages/message.ts';
import { merged } from './merged.ts';
import type { Writer } from './writer.ts';

/** Batches that are on their way to the disk; more output is not read. */
const mostUnwritten = 64;

export interface LedgerParts {
  record: LinkRecord;
  writer: Writer;
  /** Does work, and logs what it throws. */
  safely(work: () => void): void;
  failed(error: unknown): void;
  /** What follows from the output up to this cursor is on disk. */
  settled(cursor: string): void;
}

/** Writes what follows from the lines of one run in one batch with the cursor behind them. */
export class Ledger {
  readonly #parts: LedgerParts;
  #record: LinkRecord;
  #entries: Entry[] = [];
  #after: (() => void)[] = [];
  #inBatch = false;
  #soon = false;
  /** The cursor that was last handed to the writer, and whether anything else of the record has changed since. */
  #written: string | undefined;
  #dirty = false;
  #unwritten = 0;
  #room: (() => void) | undefined;

  constructor(parts: LedgerParts) {
    this.#parts = parts;
    this.#record = parts.record;
  }

  get record(): Readonly<LinkRecord> {
    return this.#record;
  }

  /** Changes the record; it is written with the next batch. */
  change(set: Partial<LinkRecord>): void {
    this.#record = { ...this.#record, ...set };
    this.#dirty = true;
  }

  /** Writes the record alone. Rejects where that fails. */
  begin(): Promise<void> {
    return this.#parts.writer.write([{ type: 'Link', link: { ...this.#record } }]);
  }

  /** Changes the record, and writes it alone. Rejects where that fails. */
  async note(set: Partial<LinkRecord>): Promise<void> {
    this.#record = { ...this.#record, ...set };
    await null; // out of a batch, whose cursor goes with its entries
    await this.begin();
  }

  /** Adds entries to the batch that is being made, or else to one that is made soon. `after` is called once they are on disk. */
  push(entries: readonly Entry[], after?: () => void): void {
    this.#entries.push(...entries);
    if (after !== undefined) this.#after.push(after);
    if (this.#inBatch || this.#soon) return;
    this.#soon = true;
    setImmediate(() => {
      this.#soon = false;
      this.flush();
    });
  }

  /** Writes all that `work` pushes together, with the cursor behind it. */
  batch(activeAt: number, work: () => void): void {
    this.#inBatch = true;
    work();
    this.#inBatch = false;
    this.#record.activeAt = activeAt;
    this.flush();
  }

  /** A line is taken in: the next batch is written with the cursor behind it. */
  passed(cursor: string): void {
    this.#record.cursor = cursor;
  }

  /** Hands what is to be written to the writer now. */
  flush(): void {
    const [entries, after] = [this.#entries, this.#after];
    const { cursor } = this.#record;
    if (entries.length === 0 && !this.#dirty && cursor === this.#written) return;
    this.#dirty = false;
    this.#entries = [];
    this.#after = [];
    this.#written = cursor;
    this.#unwritten += 1;
    this.#parts.writer
      .write([...merged(entries), { type: 'Link', link: { ...this.#record } }])
      .then(
        () => {
          if (cursor !== undefined) this.#parts.settled(cursor);
          for (const each of after) this.#parts.safely(each);
        },
        (error: unknown) => this.#parts.failed(error),
      )
      .finally(() => {
        this.#unwritten -= 1;
        this.#room?.();
        this.#room = undefined;
      });
  }

  /** The disk does not keep up. */
  get full(): boolean {
    return this.#unwritten > mostUnwritten;
  }

  /** Resolves once a batch is written. */
  room(): Promise<void> {
    return new Promise((resolve) => {
      this.#room = resolve;
    });
  }
}
