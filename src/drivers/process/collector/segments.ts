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
import { gapRecord } from './log-record.ts';

/** How much log one run may keep. */
export interface LogLimits {
  /** Size of one segment in bytes. */
  maxSize: number;
  maxFiles: number;
  /** The writer deletes no segments: the reader for the protocol does that (see attach.ts). */
  keepAll: boolean;
}

/** How many bytes of unread segments are kept beyond the limits. Above that, the run's output waits in its pipes. */
const mostUnread = 64 * 1024 * 1024;

/** Returns the numbers of the segments among the names, in order. */
export const segmentNumbers = (names: readonly string[]): number[] =>
  names
    .filter((name) => /^\d{1,9}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);

/**
 * Writes the log of one run into segments: files with the names 1, 2, and so on. A record is in one segment, and is
 * written completely before the next one, even if the disk is full meanwhile.
 */
export class SegmentWriter {
  /** An earlier writer had begun this log. */
  readonly begun: boolean;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #limits: LogLimits;
  #number: number;
  #file: number | undefined;
  /** Size of the current segment, unless another process changes it. */
  #size = 0;
  /** The last record is written only in part. */
  #torn = false;
  readonly #waiting: Buffer[] = [];
  /** An upper bound of the number of segments: other processes delete some. */
  #kept: number;

  /** Throws if the folder cannot be read, or the first segment cannot be created. */
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

  /** Writes what was appended. Throws if that fails, for example on a full disk: call it again later. */
  flush(): void {
    for (let [records] = this.#waiting; records !== undefined; [records] = this.#waiting) {
      const rest = this.#write(records);
      if (rest.length === 0) this.#waiting.shift();
      else this.#waiting[0] = rest;
    }
  }

  /** More unread output waits than may be kept. */
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

  /** Writes as much as fits into the segment. Returns the rest. */
  #write(records: Buffer): Buffer {
    let file = this.#file ?? this.#open(constants.O_CREAT);
    const { size, nlink } = fstatSync(file);
    if (size !== this.#size || nlink === 0) {
      // Someone truncated or deleted it. A new segment is used, so that no reader continues at an old offset in new
      // content.
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

/** Cuts off an incomplete record at the end, which a killed writer left. No reader has used it. Returns the size. */
function withoutTorn(file: number): number {
  const { size } = fstatSync(file);
  const end = Buffer.alloc(Math.min(size, 128 * 1024));
  const read = readSync(file, end, 0, end.length, size - end.length);
  const torn = read - (end.subarray(0, read).lastIndexOf(10) + 1);
  if (torn > 0) ftruncateSync(file, size - torn);
  return size - torn;
}
