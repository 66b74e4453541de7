import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import type { DestinationStream } from 'pino';
import { isObject } from '../api/json.ts';
import { beginning, visible } from '../api/text.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { rotatedLogs } from '../platform/paths.ts';

/** Bytes of one log file. Two older files are kept as well. */
const mostBytes = 10 * 1024 * 1024;

/**
 * The log of a controller on standard output. If standard output is the file at `path`, which controllers in the
 * background use, it is rotated: copied, then emptied. That loses nothing, because all writers append and run in this
 * thread. A file from somebody else is not touched.
 */
export class LogFile implements DestinationStream {
  readonly #path: string;
  readonly #fd: number;
  readonly #most: number;
  readonly #sink: LogSink;
  /** Bytes until the file is full. Undefined if it is not rotated. */
  #left: number | undefined;

  constructor(path: string, options: { fd?: number; most?: number; clock?: Clock } = {}) {
    const { fd = process.stdout.fd, most = mostBytes, clock = systemClock } = options;
    this.#fd = fd;
    this.#path = path;
    this.#most = most;
    this.#sink = new LogSink(fd, clock);
  }

  /** Starts the rotation. Call this when this controller is the only one. */
  rotate(): void {
    if (!isSame(this.#fd, this.#path)) return;
    this.#left = this.#most - statSync(this.#path).size;
    this.#look();
  }

  /** Writes a line without terminal control sequences, because JSON escapes only some of them. */
  write(given: string): void {
    const line = boundedLine(visible(given));
    if (this.#left !== undefined) {
      this.#left -= Buffer.byteLength(line);
      this.#look();
    }
    this.#sink.write(line);
  }

  #look(): void {
    if (this.#left === undefined || this.#left > 0) return;
    try {
      moveAway(this.#path, this.#most);
      this.#left = this.#most;
    } catch (error) {
      this.#left = this.#most / 10; // the next try
      this.#sink.write(
        `${JSON.stringify({ level: 40, time: Date.now(), msg: `the log cannot be rotated: ${String(error)}` })}\n`,
      );
    }
  }
}

function moveAway(path: string, most: number): void {
  const [newer, older] = rotatedLogs(path);
  const copy = `${path}.new`;
  try {
    copyEnd(path, copy, most);
    if (existsSync(newer)) renameSync(newer, older);
    renameSync(copy, newer);
  } catch (error) {
    rmSync(copy, { force: true });
    throw error;
  }
  truncateSync(path);
}

/** Copies a file, or only its end if it was never rotated and is very large. */
function copyEnd(path: string, copy: string, most: number): void {
  const { size } = statSync(path);
  if (size <= 2 * most) {
    copyFileSync(path, copy);
    return;
  }
  const bytes = Buffer.allocUnsafe(most);
  const fd = openSync(path, 'r');
  try {
    const end = bytes.subarray(0, readSync(fd, bytes, 0, most, size - most));
    writeFileSync(copy, end.subarray(end.indexOf(10) + 1), { mode: 0o600 });
  } finally {
    closeSync(fd);
  }
}

function isSame(fd: number, path: string): boolean {
  if (!existsSync(path)) return false;
  const [one, other] = [fstatSync(fd), statSync(path)];
  return one.isFile() && one.dev === other.dev && one.ino === other.ino;
}

/** Bytes of one line, so that readers of the file's end find a whole line. */
const longest = 64 * 1024;
/** Characters of a text in a line that is too long. */
const longestText = 4096;

/** Returns a line of JSON. If it is too long, its texts are cut. */
function boundedLine(line: string): string {
  if (Buffer.byteLength(line) <= longest) return line;
  const entry = parse(line);
  if (entry === undefined) return `${line.slice(0, longestText)}...\n`;
  const whole = `${JSON.stringify(entry, (_, value: unknown) => (typeof value === 'string' ? cut(value) : value))}\n`;
  if (Buffer.byteLength(whole) <= longest) return whole;
  const { level, time, pid, msg } = entry;
  return `${JSON.stringify({ level, time, pid, msg: cut(String(msg ?? '')), cut: line.length })}\n`;
}

const cut = (text: string): string =>
  text.length <= longestText
    ? text
    : `${beginning(text, longestText)}... and ${text.length - longestText} characters more`;

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    return isObject(entry) ? entry : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // not our line
    throw error;
  }
}

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
      if (this.#dropped > 0 && !this.#torn) this.#noteDropped();
      for (let [line] = this.#waiting; line !== undefined; [line] = this.#waiting) {
        const written = writeSync(this.#fd, line);
        this.#bytes -= written;
        this.#torn = written < line.length;
        if (this.#torn) this.#waiting[0] = line.subarray(written);
        else this.#waiting.shift();
        if (this.#dropped > 0 && !this.#torn) this.#noteDropped();
      }
    } catch {
      // There is no other place to report the error. The file gets a line about it when it is writable again.
      this.#drop();
      this.#retry();
    }
  }

  #noteDropped(): void {
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
