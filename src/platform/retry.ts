import { type Backoff, backoffDelay, retryOf } from '../api/errors.ts';
import type { Cancel, Clock } from './clock.ts';
import type { Log } from './log.ts';

/** Returns a `backoffDelay`, which `spread`, from 0 to 1, shortens by up to a fifth. */
export const retryDelay = (backoff: Backoff, failures: number, spread: number): number =>
  Math.round(backoffDelay(backoff, failures) * (1 - spread / 5));

export interface RetriesDeps extends Backoff {
  clock: Clock;
  log: Log;
  /** What failed, for the log. */
  what: string;
  /** Returns a number from 0 to 1, so that things that failed together are not retried together. */
  spread?: () => number;
}

interface Failing {
  failures: number;
  cause: string;
  cancel: Cancel;
}

/**
 * Retries with exponential backoff until it succeeds. A cause is logged once while it stays the same. A key has one
 * retry at a time.
 */
export class Retries {
  readonly #deps: RetriesDeps;
  readonly #failing = new Map<string, Failing>();
  #stopped = false;

  constructor(deps: RetriesDeps) {
    this.#deps = deps;
  }

  /** Calls `again` after the wait, unless the key succeeds or fails again before. */
  failed(key: string, error: unknown, again: () => void): void {
    if (this.#stopped) return;
    const { clock, log, what, spread = Math.random } = this.#deps;
    const before = this.#failing.get(key);
    before?.cancel();
    const failures = (before?.failures ?? 0) + 1;
    const cause = error instanceof Error ? error.message : String(error);
    const delay = retryDelay(this.#deps, failures, spread());
    const isFinal = retryOf(error) === 'Never';
    if (before?.cause !== cause)
      log.warn({ err: error, key, delay }, isFinal ? what : `${what}; it is tried again`);
    const cancel = isFinal ? (): void => {} : clock.after(delay, again);
    this.#failing.set(key, { failures, cause, cancel });
  }

  succeeded(key: string): void {
    const before = this.#failing.get(key);
    if (before === undefined) return;
    this.forget(key);
    this.#deps.log.info({ key, failures: before.failures }, `${this.#deps.what} earlier, and now succeeded`);
  }

  /** Cancels the retry of a key. */
  forget(key: string): void {
    this.#failing.get(key)?.cancel();
    this.#failing.delete(key);
  }

  /** Cancels all retries, and ignores later failures. */
  stop(): void {
    this.#stopped = true;
    for (const { cancel } of this.#failing.values()) cancel();
    this.#failing.clear();
  }
}
