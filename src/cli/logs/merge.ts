import type { Cancel, Clock } from '../../platform/clock.ts';

/** How long a line waits for older lines of other streams that are followed. */
const patienceMs = 200;
/** And for the first line of another stream, which has to be opened. */
const openMs = 1_000;

interface Timed {
  at?: number | undefined;
}

interface Source<T> {
  iterator: AsyncIterator<T>;
  /** The next entry, once it has come, and the time by which it is ordered. */
  head?: { entry: T; time: number } | undefined;
  /** Until when others wait for it. */
  waitedUntil: number;
}

/**
 * Joins streams into one, ordered by time, with one entry of each held. Streams that have ended are read whole, in turn.
 * Of `live` streams an entry waits no longer than `patienceMs` for the others, and one without a time counts from its
 * arrival. Throws what a stream throws.
 */
export class Merge<T extends Timed> {
  readonly #clock: Clock;
  readonly #live: boolean;
  readonly #sources = new Set<Source<T>>();
  #sealed = false;
  #failure: { error: unknown } | undefined;
  #ring: () => void = () => {};

  constructor(clock: Clock, options: { live: boolean }) {
    this.#clock = clock;
    this.#live = options.live;
  }

  add(stream: AsyncIterable<T>): void {
    const source: Source<T> = { iterator: stream[Symbol.asyncIterator](), waitedUntil: 0 };
    this.#sources.add(source);
    this.#ask(source, openMs);
  }

  /** No stream will be added any more: it ends with the last one. */
  seal(): void {
    this.#sealed = true;
    this.#ring();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#ring();
  }

  async *entries(): AsyncGenerator<T> {
    for (;;) {
      const { promise: changed, resolve } = Promise.withResolvers<void>();
      this.#ring = resolve;
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#sealed && this.#sources.size === 0) return;
      const { first, wait } = this.#look();
      if (first?.head !== undefined && wait === 0) {
        const { entry } = first.head;
        this.#ask(first);
        yield entry;
        continue;
      }
      const cancel: Cancel = wait === undefined ? () => {} : this.#clock.after(wait, resolve);
      await changed;
      cancel();
    }
  }

  /** The earliest entry, and how long it still waits for the others; undefined: until they have come. */
  #look(): { first?: Source<T> | undefined; wait?: number | undefined } {
    let first: Source<T> | undefined;
    let latest: number | undefined;
    for (const source of this.#sources) {
      if (source.head === undefined) latest = Math.max(latest ?? 0, source.waitedUntil);
      else if (first?.head === undefined || source.head.time < first.head.time) first = source;
    }
    if (first === undefined) return {};
    if (latest === undefined) return { first, wait: 0 };
    return this.#live ? { first, wait: Math.max(0, latest - this.#clock.now()) } : {};
  }

  #ask(source: Source<T>, patience = patienceMs): void {
    source.head = undefined;
    source.waitedUntil = this.#clock.now() + patience;
    source.iterator.next().then(
      ({ done, value }) => {
        if (done === true) this.#sources.delete(source);
        else source.head = { entry: value, time: this.#timeOf(value) };
        this.#ring();
      },
      (error: unknown) => this.fail(error),
    );
  }

  /** A clock that is ahead keeps no line back. */
  #timeOf({ at }: T): number {
    if (!this.#live) return at ?? 0;
    const now = this.#clock.now();
    return Math.min(at ?? now, now);
  }
}
