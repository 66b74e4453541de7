import { type Entry, type Journal, JournalError, type Spare } from '../messages/journal.ts';
import type { Link as LinkRecord } from '../messages/message.ts';
import { type Clock, sleep } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

/** Unwritten batches. Above this, no more output is read. */
const mostUnwritten = 64;

interface LedgerDeps {
  record: LinkRecord;
  writer: Writer;
  /** Runs the work and logs what it throws. */
  safely(work: () => void): void;
  failed(error: unknown): void;
  /** Everything that follows from the output up to this cursor is on disk. */
  settled(cursor: string): void;
}

/** Entries that are written together or not at all. If the journal refuses one of them, only this part is left out. */
interface Part {
  entries: readonly Entry[];
  /** Called when the entries are on disk. */
  after?: (() => void) | undefined;
  /** Called instead of `after` if a rule of the journal refuses the entries. */
  refused?: ((error: unknown) => void) | undefined;
}

/** Writes what follows from the lines of one run in one batch with the cursor behind them. */
export class Ledger {
  readonly #deps: LedgerDeps;
  #record: LinkRecord;
  #made: Part[] = [];
  #inBatch = false;
  #soon = false;
  /** The cursor last given to the writer. `#dirty`: another field of the record has changed since. */
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

  /** Changes the record. The next batch writes it. */
  change(set: Partial<LinkRecord>): void {
    this.#record = { ...this.#record, ...set };
    this.#dirty = true;
  }

  /** Writes only the record. Rejects if that fails. */
  begin(): Promise<void> {
    return this.#deps.writer.write([{ type: 'Link', link: { ...this.#record } }]);
  }

  /** Changes the record and writes only that. Rejects if that fails. */
  async note(set: Partial<LinkRecord>): Promise<void> {
    this.#record = { ...this.#record, ...set };
    await null; // leaves the current batch, whose cursor must be written with its entries
    await this.begin();
  }

  /** Adds to the current batch, or else to one that is written soon. */
  push(part: Part): void {
    if (part.entries.length > 0 || part.after !== undefined) this.#made.push(part);
    if (this.#inBatch || this.#soon) return;
    this.#soon = true;
    setImmediate(() => {
      this.#soon = false;
      this.flush();
    });
  }

  /** Writes everything that `work` pushes in one batch, with the cursor behind it. */
  batch(activeAt: number, work: () => void): void {
    this.#inBatch = true;
    work();
    this.#inBatch = false;
    this.#record.activeAt = activeAt;
    this.flush();
  }

  /** A line was handled: the next batch writes this cursor. */
  passed(cursor: string): void {
    this.#record.cursor = cursor;
  }

  /** Gives the current batch to the writer. */
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
      const onRefused = part?.refused;
      if (onRefused !== undefined) this.#deps.safely(() => onRefused(error));
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

  /** The disk is too slow: too many batches are unwritten. */
  get full(): boolean {
    return this.#unwritten > mostUnwritten;
  }

  /** Resolves when a batch has been written. */
  room(): Promise<void> {
    return new Promise((resolve) => {
      this.#room = resolve;
    });
  }
}

/**
 * Returns the entries with all changes of a message merged into one, and only the last version of each conversation.
 */
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

const tryAgain = 1_000;

/** Writes what has happened. This cannot be refused, so entries wait in order while the disk is full. */
export class Writer {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #abort = new AbortController();
  /** Why the last write waits, so that it is logged once. */
  #cause: JournalError['code'] | undefined;
  #held: Promise<void> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(journal: Journal, clock: Clock, log: Log) {
    this.#journal = journal;
    this.#clock = clock;
    this.#log = log;
  }

  /** Resolves when the entries are on disk. Rejects if the journal's rules refuse them, or if the journal is broken. */
  write(entries: readonly Entry[], spare?: Spare): Promise<void> {
    const write = (): Promise<void> => this.#try(entries, spare);
    const written = this.#held === undefined ? write() : this.#held.then(write);
    this.#last = written.catch(() => {});
    return written;
  }

  /** Like `write`, but nobody waits for the result. */
  note(entries: readonly Entry[]): void {
    this.write(entries).catch((error: unknown) =>
      this.#log.error({ err: error }, 'the journal refused a change'),
    );
  }

  /** Resolves when all earlier writes have been accepted or refused. */
  async settle(): Promise<void> {
    await this.#last;
  }

  stop(): void {
    this.#abort.abort();
  }

  async #try(entries: readonly Entry[], spare: Spare | undefined): Promise<void> {
    for (;;) {
      try {
        await this.#journal.commit(entries, spare);
        this.#cause = undefined;
        return;
      } catch (error) {
        const full = error instanceof JournalError && (error.code === 'Full' || error.code === 'Locked');
        if (!full || this.#abort.signal.aborted) throw error;
        if (this.#cause !== error.code)
          this.#log.warn({ err: error }, 'the journal cannot be written now; it is tried again');
        this.#cause = error.code;
        const held = sleep(this.#clock, tryAgain, this.#abort.signal);
        this.#held = held;
        await held;
        if (this.#held === held) this.#held = undefined;
      }
    }
  }
}

/** A number that is stored under a name. */
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
