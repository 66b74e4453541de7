/** How long work may hold the thread before others get their turn, in milliseconds. */
const most = 10;

/**
 * Long work in steps, between which timers and requests are served: `await turns.next()` before each step. It returns at
 * once while the work has taken less than 10 ms. Several callers may wait; they go on one at a time, in their order, so that
 * each step that follows a `next` without a pause is the only one of its turn once the time is up.
 */
export class Turns {
  #since = Number.NEGATIVE_INFINITY;
  #last: Promise<void> = Promise.resolve();
  readonly #now: () => number;

  /** `now` in milliseconds, from any beginning. */
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
