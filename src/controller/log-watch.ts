import { logPattern } from '../api/log-pattern.ts';
import type { Driver, RunSpan } from '../drivers/driver.ts';
import { Bucket } from '../platform/bucket.ts';
import { type Clock, sleep } from '../platform/clock.ts';
import { type Finding, unknown } from './check.ts';

/** Characters of output that are looked through a second, and at once; a line costs as much at least. */
const pace = { rate: 2 * 1024 * 1024, burst: 8 * 1024 * 1024 };
const lineCosts = 256;
/** Characters of a line that are looked at. */
const mostOfLine = 16 * 1024;

/** Looks for a line of one run's output, in the background. A line is read again only where a stream was lost. */
export class LogWatch {
  readonly #deps: LogWatchDeps;
  readonly #bucket: Bucket;
  #matched: boolean;
  /** Why the output could not be read. */
  #failure: string | undefined;
  #reading: { driver: Driver; abort: AbortController } | undefined;
  /** The time of the last line that was read. */
  #since: number | undefined;

  constructor(deps: LogWatchDeps) {
    this.#deps = deps;
    this.#bucket = new Bucket(deps.clock, pace);
    this.#matched = deps.matched;
  }

  /** What is known by now; reads on where nobody does, or by another driver than the one that is read by. */
  check(driver: Driver): Finding {
    if (this.#matched) return { outcome: 'Ok', message: '' };
    const failure = this.#failure;
    if (this.#reading?.driver !== driver) this.#read(driver);
    if (failure !== undefined) return unknown(failure);
    return { outcome: 'Failed', message: `No line of the output matches ${this.#deps.pattern} yet.` };
  }

  #read(driver: Driver): void {
    this.#reading?.abort.abort();
    const reading = { driver, abort: new AbortController() };
    this.#reading = reading;
    this.#failure = undefined;
    void this.#look(driver, AbortSignal.any([this.#deps.signal, reading.abort.signal]))
      .catch((error: unknown) => {
        if (!reading.abort.signal.aborted)
          this.#failure = error instanceof Error ? error.message : String(error);
      })
      .finally(() => {
        if (this.#reading === reading) this.#reading = undefined;
      });
  }

  async #look(driver: Driver, signal: AbortSignal): Promise<void> {
    const { pattern, ref, run, clock, found } = this.#deps;
    const expression = logPattern(pattern);
    for await (const { text, at } of driver.logs(ref, { follow: true, run, since: this.#since, signal })) {
      if (expression.test(text.slice(0, mostOfLine))) {
        this.#matched = true;
        found();
        return;
      }
      if (at !== undefined) this.#since = Math.max(this.#since ?? at, at);
      this.#bucket.charge(Math.min(text.length, mostOfLine) + lineCosts);
      if (this.#bucket.debt > 0) await sleep(clock, this.#bucket.debt, signal);
    }
  }
}

export interface LogWatchDeps {
  pattern: string;
  ref: string;
  /** Whose output it is: by the time of its start alone a line of the first moment may be missed. */
  run: RunSpan;
  /** The line was found before. */
  matched: boolean;
  clock: Clock;
  signal: AbortSignal;
  /** Called once. */
  found(): void;
}
