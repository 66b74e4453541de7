import type { Cancel, Clock } from '../../platform/clock.ts';

/** How long a line waits for older lines of other followed streams. */
const patienceMs = 200;
/** How long it waits for the first line of another stream, which must be opened first. */
const openMs = 1_000;

interface Timed {
  at?: number | undefined;
}

interface Source<T> {
  iterator: AsyncIterator<T>;
  /** The next entry, once it has come, and the time by which it is sorted. */
  head?: { entry: T; time: number } | undefined;
  /** Until when other streams wait for this one. */
  waitedUntil: number;
}

/**
 * Merges streams into one, sorted by time, and buffers one entry of each. Ended streams are read completely, one after
 * the other. In `live` streams, an entry waits at most `patienceMs` for the others, and an entry without a time has the
 * time of its arrival. Throws the errors of the streams.
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

  /** No stream will be added any more: ends with the last one. */
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

  /** Returns the earliest entry, and how long it must wait for the others; without `wait`, until they have come. */
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

  /** A clock that is fast must not delay a line. */
  #timeOf({ at }: T): number {
    if (!this.#live) return at ?? 0;
    const now = this.#clock.now();
    return Math.min(at ?? now, now);
  }
}
