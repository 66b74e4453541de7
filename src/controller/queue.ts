import type { Cancel, Clock } from '../platform/clock.ts';

/**
 * Milliseconds. Timers overflow after 24.8 days and do not notice jumps of the wall clock, so none is longer than this.
 */
const longestSleep = 30_000;
const retryFrom = 50;
const retryUpTo = 60_000;

/**
 * Keys that wait for work, after client-go's util/workqueue. Invariants:
 * - a key is in `ready` at most once, and never while it is in `working`;
 * - a key that is added during its work is in `again`, and is added again when it is done;
 * - a key has at most one delay in `waiting`: the earliest one requested. A key that becomes ready keeps it;
 * - there is one timer, for the earliest delay, and none if nothing waits.
 * By hand, because queues from npm hold jobs, not keys that are merged while one is worked on.
 */
export class WorkQueue {
  readonly #clock: Clock;
  /** In the order in which they were added. */
  readonly #ready = new Set<string>();
  readonly #working = new Set<string>();
  readonly #again = new Set<string>();
  readonly #waiting = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #timer: { cancel: Cancel; at: number } | undefined;
  #shut = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Number of keys that are ready or in work. */
  get size(): number {
    return this.#ready.size + this.#working.size;
  }

  add(key: string): void {
    if (this.#shut) return;
    if (this.#working.has(key)) {
      this.#again.add(key);
      return;
    }
    const taker = this.#takers.shift();
    if (taker === undefined) this.#ready.add(key);
    else {
      this.#working.add(key);
      taker(key);
    }
  }

  addAfter(key: string, milliseconds: number): void {
    this.addAt(key, this.#clock.now() + milliseconds);
  }

  /** Adds the key at an instant. If the key already has a delay, the earlier one wins. */
  addAt(key: string, instant: number): void {
    if (this.#shut) return;
    if (instant <= this.#clock.now()) {
      this.add(key);
      return;
    }
    const known = this.#waiting.get(key);
    if (known !== undefined && known <= instant) return;
    this.#waiting.set(key, instant);
    this.#arm(instant);
  }

  /** Adds the key after a delay that doubles with each failure in a row. `forget` resets it. */
  retry(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.min(retryUpTo, retryFrom * 2 ** failures));
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  /**
   * Returns the next key, which belongs to the caller until `done`. Returns undefined after the queue is shut down and
   * empty.
   */
  take(): Promise<string | undefined> {
    const [key] = this.#ready;
    if (key !== undefined) {
      this.#ready.delete(key);
      this.#working.add(key);
      return Promise.resolve(key);
    }
    if (this.#shut) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.#working.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  /** Refuses new keys. Keys that are ready are still returned. */
  shutDown(): void {
    this.#shut = true;
    this.#timer?.cancel();
    this.#waiting.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #arm(instant: number): void {
    if (this.#timer !== undefined && this.#timer.at <= instant) return;
    this.#timer?.cancel();
    const now = this.#clock.now();
    const sleep = Math.min(Math.max(0, instant - now), longestSleep);
    this.#timer = { cancel: this.#clock.after(sleep, () => this.#wake(now)), at: instant };
  }

  /**
   * If the clock was set back, every delay would become longer. So all keys are added now, and request their delays
   * again.
   */
  #wake(armedAt: number): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    const setBack = now < armedAt;
    let earliest: number | undefined;
    for (const [key, instant] of this.#waiting) {
      if (setBack || instant <= now) {
        this.#waiting.delete(key);
        this.add(key);
      } else if (earliest === undefined || instant < earliest) earliest = instant;
    }
    if (earliest !== undefined) this.#arm(earliest);
  }
}

/** Works on keys, `count` at once, until the queue is shut down and empty. */
export async function runWorkers(
  queue: WorkQueue,
  count: number,
  work: (key: string) => Promise<void>,
): Promise<void> {
  const worker = async (): Promise<void> => {
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      try {
        await work(key);
      } finally {
        queue.done(key);
      }
    }
  };
  await Promise.all(Array.from({ length: count }, worker));
}
