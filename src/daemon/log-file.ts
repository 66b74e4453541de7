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
} from 'node:fs';
import type { DestinationStream } from 'pino';
import { visible } from '../api/visible.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { rotatedLogs } from '../platform/log-files.ts';
import { boundedLine } from './log-line.ts';
import { LogSink } from './log-sink.ts';

/** Bytes of one log file; with it two older ones are kept. */
const mostBytes = 10 * 1024 * 1024;

/**
 * The log of a controller, on standard output. Where that is `path`, the file of controllers in the background, it is
 * rotated while it is written: copied and emptied, which loses nothing, since everything that writes to it appends and
 * is this very thread. A file that somebody else gave us is not touched.
 */
export class LogFile implements DestinationStream {
  readonly #path: string;
  readonly #fd: number;
  readonly #most: number;
  readonly #sink: LogSink;
  /** Bytes until the file is full; undefined while it is not rotated. */
  #left: number | undefined;

  constructor(path: string, options: { fd?: number; most?: number; clock?: Clock } = {}) {
    const { fd = process.stdout.fd, most = mostBytes, clock = systemClock } = options;
    this.#fd = fd;
    this.#path = path;
    this.#most = most;
    this.#sink = new LogSink(fd, clock);
  }

  /** To be called once this controller is the only one. */
  rotate(): void {
    if (!isSame(this.#fd, this.#path)) return;
    this.#left = this.#most - statSync(this.#path).size;
    this.#look();
  }

  /** JSON escapes only some of what could steer the terminal of whoever reads the log. */
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
      this.#left = this.#most / 10; // tried again then
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

/** All of it; of a file that was never rotated, and may be vast, the end. */
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
