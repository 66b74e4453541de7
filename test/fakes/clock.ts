import type { Cancel, Clock } from '../../src/platform/clock.ts';

/** Time that stands still until a test moves it. */
export class ManualClock implements Clock {
  /** What the timers go by; the wall clock is this and `#start`. */
  #elapsed = 0;
  #start: number;
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  constructor(now: string) {
    this.#start = Date.parse(now);
  }

  now(): number {
    return this.#start + this.#elapsed;
  }

  after(milliseconds: number, callback: () => void): Cancel {
    const timer = { at: this.#elapsed + milliseconds, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Calls what is due by then, in the order in which it was asked for. */
  advance(milliseconds: number): void {
    this.#elapsed += milliseconds;
    for (const timer of [...this.#timers]) {
      if (timer.at <= this.#elapsed && this.#timers.delete(timer)) timer.callback();
    }
  }

  /** Moves the wall clock alone, as a person or NTP does: timers do not see it. */
  jump(milliseconds: number): void {
    this.#start += milliseconds;
  }

  /** How many timers wait: by it a test sees that what it wants to end has begun. */
  get waiting(): number {
    return this.#timers.size;
  }
}
