import { type Entry, type Journal, JournalError, type Spare } from '../messages/journal.ts';
import { type Clock, sleep } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';

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
