import type { Clock } from './clock.ts';

export interface Allowance {
  /** Tokens that come back a second. */
  rate: number;
  /** Tokens that it holds at most, and at the beginning. */
  burst: number;
}

/** A token bucket. Never grows, whatever is asked of it. */
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

  /** Takes as many tokens where there are that many, and says whether there were. */
  take(tokens = 1): boolean {
    this.#refill();
    if (this.#tokens < tokens) return false;
    this.#tokens -= tokens;
    return true;
  }

  /** Takes them in any case. What is missing is a debt, which time pays off. */
  charge(tokens: number): void {
    this.#refill();
    this.#tokens -= tokens;
  }

  /** Milliseconds until there is no debt. */
  get debt(): number {
    this.#refill();
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens / this.#rate) * 1_000);
  }

  /** All tokens are back: a new bucket would be the same. */
  get full(): boolean {
    this.#refill();
    return this.#tokens >= this.#burst;
  }

  #refill(): void {
    const now = this.#clock.now();
    // A wall clock that was set back gives nothing, and takes nothing.
    const passed = Math.max(0, now - this.#at);
    this.#at = now;
    this.#tokens = Math.min(this.#burst, this.#tokens + (passed / 1_000) * this.#rate);
  }
}
