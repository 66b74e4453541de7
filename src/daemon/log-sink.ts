import { writeSync } from 'node:fs';
import type { Clock } from '../platform/clock.ts';

/** Bytes that may wait for room. Above this, the oldest lines are dropped. */
const mostWaiting = 1_000_000;
const retryMs = 1000;

/**
 * Writes lines to a file immediately. A full disk does not end the process: lines wait until there is room. Then the
 * log says how much was dropped.
 */
export class LogSink {
  readonly #fd: number;
  readonly #clock: Clock;
  readonly #waiting: Buffer[] = [];
  #bytes = 0;
  #dropped = 0;
  /** The first waiting line was written in part. */
  #torn = false;
  #isRetrying = false;

  constructor(fd: number, clock: Clock) {
    this.#fd = fd;
    this.#clock = clock;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    this.#flush();
  }

  #flush(): void {
    try {
      if (this.#dropped > 0 && !this.#torn) this.#tellDropped();
      for (let [line] = this.#waiting; line !== undefined; [line] = this.#waiting) {
        const written = writeSync(this.#fd, line);
        this.#bytes -= written;
        this.#torn = written < line.length;
        if (this.#torn) this.#waiting[0] = line.subarray(written);
        else this.#waiting.shift();
        if (this.#dropped > 0 && !this.#torn) this.#tellDropped();
      }
    } catch {
      // There is no other place to report the error. The file gets a line about it when it is writable again.
      this.#drop();
      this.#retry();
    }
  }

  #tellDropped(): void {
    const msg = `${this.#dropped} earlier lines of this log could not be written and were dropped`;
    writeSync(this.#fd, `${JSON.stringify({ level: 40, time: this.#clock.now(), msg })}\n`);
    this.#dropped = 0;
  }

  #drop(): void {
    const first = this.#torn ? 1 : 0;
    while (this.#bytes > mostWaiting && this.#waiting.length > first + 1) {
      const [line] = this.#waiting.splice(first, 1);
      this.#bytes -= line?.length ?? 0;
      this.#dropped += 1;
    }
  }

  #retry(): void {
    if (this.#isRetrying) return;
    this.#isRetrying = true;
    this.#clock.after(retryMs, () => {
      this.#isRetrying = false;
      this.#flush();
    });
  }
}
