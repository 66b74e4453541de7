import type { Clock } from './clock.ts';

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
