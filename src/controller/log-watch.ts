import { logPattern } from '../api/log-pattern.ts';
import type { Driver } from '../drivers/driver.ts';
import { Bucket } from '../platform/bucket.ts';
import { type Clock, sleep } from '../platform/clock.ts';

/** Characters of output that are looked through a second, and at once; a line costs as much at least. */
const pace = { rate: 2 * 1024 * 1024, burst: 8 * 1024 * 1024 };
const lineCosts = 256;
/** Characters of a line that are looked at. */
const mostOfLine = 16 * 1024;

/** Looks for a line of one run's output; each line is read once. */
export class LogWatch {
  matched = false;
  /** Why the output cannot be read, where that is so. */
  failure: string | undefined;
  readonly #parts: LogWatchParts;
  #looking = false;

  constructor(parts: LogWatchParts) {
    this.#parts = parts;
  }

  /** Goes on by itself until a line matches or the output ends; then it may be called again. */
  look(): void {
    if (this.#looking || this.matched) return;
    this.#looking = true;
    this.failure = undefined;
    void this.#look()
      .catch((error: unknown) => {
        this.failure = error instanceof Error ? error.message : String(error);
      })
      .finally(() => {
        this.#looking = false;
      });
  }

  async #look(): Promise<void> {
    const { pattern, driver, ref, since, clock, signal, found } = this.#parts;
    const expression = logPattern(pattern);
    const bucket = new Bucket(clock, pace);
    for await (const { text } of driver.logs(ref, { follow: true, since, signal })) {
      if (expression.test(text.slice(0, mostOfLine))) {
        this.matched = true;
        found();
        return;
      }
      bucket.charge(Math.min(text.length, mostOfLine) + lineCosts);
      if (bucket.debt > 0) await sleep(clock, bucket.debt, signal);
    }
  }
}

export interface LogWatchParts {
  pattern: string;
  driver: Driver;
  ref: string;
  since: number;
  clock: Clock;
  signal: AbortSignal;
  /** Called once. */
  found(): void;
}
