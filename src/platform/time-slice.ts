/** Maximum time in milliseconds that work may block the thread before it yields. */
const most = 10;

/**
 * Lets long work yield to timers and requests: `await turns.next()` before each step. It resolves at once while the
 * work has taken less than 10 ms. Several callers may wait. They continue one at a time, in their order. So once the
 * time is up, each synchronous step after `next` is the only one of its turn.
 */
export class Turns {
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
