import type { Backoff } from '../api/errors.ts';
import type { Cancel, Clock } from '../platform/clock.ts';
import { retryDelay } from '../platform/retry.ts';

/**
 * Milliseconds. Timers overflow after 24.8 days and do not notice jumps of the wall clock, so none is longer than this.
 */
const longestSleep = 30_000;
const retryBackoff = { from: 50, upTo: 60_000 };

/** The keys of one reconciler. */
interface Lane {
  /** Most keys in work at once. */
  most: number;
  /** In the order in which they were added, with the instant at which each became ready. */
  readonly ready: Map<string, number>;
  working: number;
}

/**
 * Keys that wait for work, after client-go's util/workqueue. A key is `reconciler/rest`; what stands before the slash
 * is its lane. Invariants:
 * - a key is ready at most once, and never while it is in `working`;
 * - a key that is added during its work is in `again`, and is added again when it is done;
 * - a key has at most one delay in `waiting`: the earliest one requested. A key that becomes ready keeps it;
 * - a lane has no more keys in work than its limit. Of all lanes below it, the key that is ready longest is next;
 * - there is one timer, for the earliest delay, and none if nothing waits.
 * By hand, because queues from npm hold jobs, not keys that are merged while one is worked on.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #lanes = new Map<string, Lane>();
  /** Each key in work, with the milliseconds for which it was ready before. */
  readonly #working = new Map<string, number>();
  readonly #again = new Set<string>();
  readonly #waiting = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #timer: { cancel: Cancel; at: number } | undefined;
  #shut = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Limits how many keys of a lane are in work at once. */
  limit(lane: string, most: number): void {
    this.#lane(lane).most = most;
  }

  /** Number of keys that are ready or in work. */
  get size(): number {
    let ready = 0;
    for (const lane of this.#lanes.values()) ready += lane.ready.size;
    return ready + this.#working.size;
  }

  /** Number of keys of a lane that are ready. */
  depth(lane: string): number {
    return this.#lane(lane).ready.size;
  }

  /** Milliseconds for which a key in work was ready before. */
  waited(key: string): number {
    return this.#working.get(key) ?? 0;
  }

  add(key: string): void {
    if (this.#shut) return;
    if (this.#working.has(key)) {
      this.#again.add(key);
      return;
    }
    const { ready } = this.#laneOf(key);
    if (ready.has(key)) return;
    ready.set(key, this.#clock.now());
    if (this.#takers.length > 0) this.#handOut();
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

  /** Adds the key after a delay that doubles with each failure in a row. `forget` resets it. `spread`: see retryDelay. */
  retry(key: string, backoff: Backoff = retryBackoff, spread = 0): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.addAfter(key, retryDelay(backoff, failures, spread));
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  /**
   * Returns the next key, which belongs to the caller until `done`. Returns undefined after the queue is shut down and
   * empty.
   */
  take(): Promise<string | undefined> {
    const key = this.#next();
    if (key !== undefined || this.#isOver()) return Promise.resolve(key);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    if (this.#working.delete(key)) this.#laneOf(key).working -= 1;
    if (this.#again.delete(key)) this.add(key);
    if (this.#takers.length > 0) this.#handOut();
  }

  /** Refuses new keys. Keys that are ready are still returned. */
  shutDown(): void {
    this.#shut = true;
    this.#timer?.cancel();
    this.#waiting.clear();
    this.#handOut();
  }

  #isOver(): boolean {
    return this.#shut && this.size === this.#working.size;
  }

  #handOut(): void {
    while (this.#takers.length > 0) {
      const key = this.#next();
      if (key === undefined && !this.#isOver()) return;
      this.#takers.shift()?.(key);
    }
  }

  /** Takes the key that is ready longest, of those whose lane is below its limit. */
  #next(): string | undefined {
    let next: { key: string; since: number; lane: Lane } | undefined;
    for (const lane of this.#lanes.values()) {
      if (lane.working >= lane.most) continue;
      for (const [key, since] of lane.ready) {
        if (next === undefined || since < next.since) next = { key, since, lane };
        break;
      }
    }
    if (next === undefined) return undefined;
    next.lane.ready.delete(next.key);
    next.lane.working += 1;
    this.#working.set(next.key, Math.max(0, this.#clock.now() - next.since));
    return next.key;
  }

  #laneOf(key: string): Lane {
    const slash = key.indexOf('/');
    return this.#lane(slash === -1 ? '' : key.slice(0, slash));
  }

  #lane(name: string): Lane {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane = { most: Number.POSITIVE_INFINITY, ready: new Map<string, number>(), working: 0 };
    this.#lanes.set(name, lane);
    return lane;
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
