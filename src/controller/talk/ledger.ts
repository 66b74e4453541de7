import type { Entry } from '../../messages/journal.ts';
import type { Link as LinkRecord } from '../../messages/message.ts';
import type { Writer } from './writer.ts';

/** Batches that are on their way to the disk; more output is not read. */
const mostUnwritten = 64;

export interface LedgerDeps {
  record: LinkRecord;
  writer: Writer;
  /** Does work, and logs what it throws. */
  safely(work: () => void): void;
  failed(error: unknown): void;
  /** What follows from the output up to this cursor is on disk. */
  settled(cursor: string): void;
}

/** What belongs together: where the journal refuses one entry of it, all of it is left out, and nothing else. */
interface Part {
  entries: readonly Entry[];
  /** Called once they are on disk. */
  after?: (() => void) | undefined;
  /** Called in place of `after` where a rule of the journal refuses them. */
  refused?: ((error: unknown) => void) | undefined;
}

/** Writes what follows from the lines of one run in one batch with the cursor behind them. */
export class Ledger {
  readonly #deps: LedgerDeps;
  #record: LinkRecord;
  #made: Part[] = [];
  #inBatch = false;
  #soon = false;
  /** The cursor that was last handed to the writer, and whether anything else of the record has changed since. */
  #written: string | undefined;
  #dirty = false;
  #unwritten = 0;
  #room: (() => void) | undefined;

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
    this.#record = deps.record;
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
    return this.#deps.writer.write([{ type: 'Link', link: { ...this.#record } }]);
  }

  /** Changes the record, and writes it alone. Rejects where that fails. */
  async note(set: Partial<LinkRecord>): Promise<void> {
    this.#record = { ...this.#record, ...set };
    await null; // out of a batch, whose cursor goes with its entries
    await this.begin();
  }

  /** Adds to the batch that is being made, or else to one that is made soon. */
  push(part: Part): void {
    if (part.entries.length > 0 || part.after !== undefined) this.#made.push(part);
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
    const made = this.#made;
    const { cursor } = this.#record;
    if (made.length === 0 && !this.#dirty && cursor === this.#written) return;
    this.#dirty = false;
    this.#made = [];
    this.#written = cursor;
    this.#unwritten += 1;
    const link: Entry = { type: 'Link', link: { ...this.#record } };
    const lost = new Set<Part | undefined>();
    const refused = (index: number, error: unknown): void => {
      const part = made[index];
      lost.add(part);
      this.#deps.failed(error);
      const tell = part?.refused;
      if (tell !== undefined) this.#deps.safely(() => tell(error));
    };
    const parts = [...made.map(({ entries }) => entries), [link]];
    this.#deps.writer
      .write([...merged(parts.slice(0, -1).flat()), link], { parts, refused })
      .then(
        () => {
          if (cursor !== undefined) this.#deps.settled(cursor);
          for (const part of made)
            if (part.after !== undefined && !lost.has(part)) this.#deps.safely(part.after);
        },
        (error: unknown) => this.#deps.failed(error),
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

/** The same entries with all changes of one message in one, and each conversation only as it last was. */
export function merged(entries: readonly Entry[]): Entry[] {
  if (entries.length < 2) return [...entries];
  const last = new Map<string, number>();
  const out: (Entry | undefined)[] = [];
  for (const entry of entries) {
    const key =
      entry.type === 'Change'
        ? `m ${entry.id}`
        : entry.type === 'Conversation'
          ? `c ${entry.conversation.id}`
          : undefined;
    const at = key === undefined ? undefined : last.get(key);
    const before = at === undefined ? undefined : out[at];
    if (at !== undefined) out[at] = undefined;
    if (key !== undefined) last.set(key, out.length);
    out.push(
      entry.type === 'Change' && before?.type === 'Change'
        ? { ...entry, set: { ...before.set, ...entry.set } }
        : entry,
    );
  }
  return out.filter((entry) => entry !== undefined);
}
