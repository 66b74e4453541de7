/** The only way to get the time or to wait. Times are milliseconds since the Unix epoch. */
export interface Clock {
  now(): number;
  /** Calls `callback` once after `milliseconds` (at most 2^31 - 1), unless cancelled. */
  after(milliseconds: number, callback: () => void): Cancel;
}

export type Cancel = () => void;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, Math.max(0, milliseconds));
    return () => clearTimeout(timer);
  },
};

/** Resolves after the time has passed, or as soon as the signal aborts. */
export function sleep(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(milliseconds, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Resolves to true when the work settles, or to false after the time has passed. Does not cancel the work. */
export function endsWithin(clock: Clock, milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = clock.after(milliseconds, () => resolve(false));
    const ended = (): void => {
      cancel();
      resolve(true);
    };
    work.then(ended, ended);
  });
}

export interface Allowance {
  /** Tokens that are added each second. */
  rate: number;
  /** The capacity in tokens. The bucket starts full. */
  burst: number;
}

/** A token bucket. Its memory is constant. */
export class Bucket {
  readonly #clock: Clock;
  readonly #rate: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  constructor(clock: Clock, { rate, burst }: Allowance) {
    this.#clock = clock;
    this.#rate = rate;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = clock.now();
  }

  /** Takes the tokens if there are enough. Returns whether there were. */
  take(tokens = 1): boolean {
    this.#refill();
    if (this.#tokens < tokens) return false;
    this.#tokens -= tokens;
    return true;
  }

  /** Takes the tokens in any case. Missing tokens become a debt, which is paid off with time. */
  charge(tokens: number): void {
    this.#refill();
    this.#tokens -= tokens;
  }

  /** Milliseconds until the debt is paid off. */
  get debt(): number {
    this.#refill();
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens / this.#rate) * 1_000);
  }

  /** Whether all tokens are back: the bucket is like a new one. */
  get full(): boolean {
    this.#refill();
    return this.#tokens >= this.#burst;
  }

  #refill(): void {
    const now = this.#clock.now();
    // A clock that was set back neither adds nor removes tokens.
    const passed = Math.max(0, now - this.#at);
    this.#at = now;
    this.#tokens = Math.min(this.#burst, this.#tokens + (passed / 1_000) * this.#rate);
  }
}

/** Maximum time in milliseconds that work may block the thread before it yields. */
const most = 10;

/**
 * Lets long work yield to timers and requests: `await slice.next()` before each step. It resolves at once while the
 * work has taken less than 10 ms. Several callers may wait. They continue one at a time, in their order. So once the
 * time is up, each synchronous step after `next` is the only one of its turn.
 */
export class TimeSlice {
  #since = Number.NEGATIVE_INFINITY;
  #last: Promise<void> = Promise.resolve();
  readonly #now: () => number;

  /** `now` returns milliseconds from any starting point. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  next(): Promise<void> {
    this.#last = this.#last.then(() => this.#pause());
    return this.#last;
  }

  #pause(): Promise<void> | undefined {
    if (this.#now() - this.#since < most) return undefined;
    return new Promise((resolve) =>
      setImmediate(() => {
        this.#since = this.#now();
        resolve();
      }),
    );
  }
}
