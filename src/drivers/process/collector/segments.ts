import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../../platform/clock.ts';
import { gapRecord } from './record.ts';

/** What one run may keep. */
export interface LogLimits {
  /** Bytes of one segment. */
  maxSize: number;
  maxFiles: number;
  /** No segment is deleted here: whoever reads them for a protocol does that (see attach.ts). */
  keepAll: boolean;
}

/** Of segments that nobody has read, so many bytes are kept beyond the limits; then the run's output waits in its pipes. */
const mostUnread = 64 * 1024 * 1024;

/** Numbers of the segments in a folder of logs, in order. */
export const segmentNumbers = (names: readonly string[]): number[] =>
  names
    .filter((name) => /^\d{1,9}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);

/**
 * Writes the log of one run into segments: files with the names 1, 2, and so on. A record stands in one segment, and is
 * written whole before the next one, however full the disk is meanwhile.
 */
export class SegmentWriter {
  /** An earlier writer had begun. */
  readonly begun: boolean;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #limits: LogLimits;
  #number: number;
  #file: number | undefined;
  /** Of the current segment, if nobody else touches it. */
  #size = 0;
  /** A record has been written in part. */
  #torn = false;
  readonly #waiting: Buffer[] = [];
  /** Segments there are, or fewer: others delete them. */
  #kept: number;

  /** Throws where the folder cannot be read, or the first segment cannot be made. */
  constructor(folder: string, limits: LogLimits, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
    this.#limits = limits;
    const numbers = segmentNumbers(readdirSync(folder));
    const last = numbers.at(-1);
    this.begun = last !== undefined;
    this.#kept = numbers.length;
    this.#number = last ?? 1;
    this.#open(constants.O_CREAT);
  }

  append(records: Buffer): void {
    this.#waiting.push(records);
  }

  /** Writes what was appended. Throws where that fails, as on a full disk: to be called again later. */
  flush(): void {
    for (let [records] = this.#waiting; records !== undefined; [records] = this.#waiting) {
      const rest = this.#write(records);
      if (rest.length === 0) this.#waiting.shift();
      else this.#waiting[0] = rest;
    }
  }

  /** More than may be kept has not been read yet. */
  get isFull(): boolean {
    const { maxSize, maxFiles, keepAll } = this.#limits;
    const most = maxFiles + Math.ceil(mostUnread / maxSize);
    if (!keepAll || this.#kept <= most) return false;
    this.#kept = segmentNumbers(readdirSync(this.#folder)).length;
    return this.#kept > most;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  /** As much as fits into the segment. Returns the rest. */
  #write(records: Buffer): Buffer {
    let file = this.#file ?? this.#open(constants.O_CREAT);
    const { size, nlink } = fstatSync(file);
    if (size !== this.#size || nlink === 0) {
      // Somebody truncated or deleted it. In a new one no reader takes a place in the old one for a place in what follows.
      const left = this.#torn ? records.subarray(records.indexOf(10) + 1) : records;
      this.#next();
      return Buffer.concat([gapRecord(this.#clock.now()), left]);
    }
    const room = this.#limits.maxSize - size;
    let end = records.length;
    if (this.#torn) end = records.indexOf(10) + 1;
    else if (end > room) {
      end = room > 0 ? records.lastIndexOf(10, room - 1) + 1 : 0;
      if (end === 0 && size > 0) file = this.#next();
      if (end === 0) end = records.indexOf(10) + 1;
    }
    const written = writeSync(file, records, 0, end);
    this.#size += written;
    this.#torn = written < end && records[written - 1] !== 10;
    return records.subarray(written);
  }

  #next(): number {
    this.close();
    this.#number += 1;
    const file = this.#open(constants.O_CREAT | constants.O_EXCL);
    this.#kept += 1;
    if (!this.#limits.keepAll) pruneSegments(this.#folder, this.#number - this.#limits.maxFiles);
    return file;
  }

  #open(how: number): number {
    const path = join(this.#folder, String(this.#number));
    const file = openSync(path, constants.O_RDWR | constants.O_APPEND | how, 0o600);
    try {
      this.#size = withoutTorn(file);
    } catch (error) {
      closeSync(file);
      throw error;
    }
    this.#torn = false;
    this.#file = file;
    return file;
  }
}

/** Deletes the segments up to that number. */
export function pruneSegments(folder: string, upTo: number): void {
  for (const number of segmentNumbers(readdirSync(folder)))
    if (number <= upTo) rmSync(join(folder, String(number)), { force: true });
}

/** Cuts off the piece of a record with which a writer that was killed ended: no reader has taken it. Returns the size. */
function withoutTorn(file: number): number {
  const { size } = fstatSync(file);
  const end = Buffer.alloc(Math.min(size, 128 * 1024));
  const read = readSync(file, end, 0, end.length, size - end.length);
  const torn = read - (end.subarray(0, read).lastIndexOf(10) + 1);
  if (torn > 0) ftruncateSync(file, size - torn);
  return size - torn;
}
