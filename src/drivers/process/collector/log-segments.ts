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

/**
 * The format of a log on disk: Kubernetes' CRI format, with one record a line.
 *
 *     2026-11-30T10:24:02.123Z stdout F a whole line, or the end of one
 *     2026-11-30T10:24:02.123Z stderr P the beginning of a line, or a piece of it
 *     2026-11-30T10:24:02.123Z stdout G
 *
 * A record with the tag G, which CRI does not have, means that output of either stream may have been lost here.
 */
export type Stream = 'stdout' | 'stderr';
type Tag = 'F' | 'P' | 'G';

/** The maximum size of one record's text: what one read from a pipe returns. */
export const maxTextBytes = 64 * 1024;
const headerBytes = 34;
export const maxRecordBytes = headerBytes + maxTextBytes + 1;

const newline = 10;
const space = 32;
/** The offset at which the two names differ, and the offset of the tag. */
const streamAt = 28;
const tagAt = 32;

const header = (time: number, stream: Stream, tag: Tag): Buffer =>
  Buffer.from(`${new Date(time).toISOString()} ${stream} ${tag} `, 'latin1');

export const gapRecord = (time: number): Buffer =>
  Buffer.concat([header(time, 'stdout', 'G'), Buffer.of(newline)]);

/**
 * Returns the records for the bytes of one read, at most `maxTextBytes`: a whole record for each line, a partial one
 * for the rest.
 */
export function encodeRecords(time: number, stream: Stream, bytes: Buffer): Buffer {
  let lines = 0;
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) lines += 1;
  const isPartial = bytes.length > 0 && bytes.at(-1) !== newline;
  const size = bytes.length + lines * headerBytes + (isPartial ? headerBytes + 1 : 0);
  const records = Buffer.allocUnsafeSlow(size);
  const whole = header(time, stream, 'F');
  let [from, to] = [0, 0];
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, from)) {
    to += whole.copy(records, to);
    to += bytes.copy(records, to, from, at + 1);
    from = at + 1;
  }
  if (isPartial) {
    to += header(time, stream, 'P').copy(records, to);
    to += bytes.copy(records, to, from);
    records[to] = newline;
  }
  return records;
}

interface LogRecord {
  stream: Stream;
  tag: Tag;
  /** Where the record begins in the bytes that it was read from. */
  start: number;
  /** Where its text begins and ends. The newline that ends the record is at `to`. */
  from: number;
  to: number;
}

/** Yields the records in bytes that end with a newline. Text that is not a record is returned as lost output. */
export function* recordsIn(bytes: Buffer): Generator<LogRecord> {
  for (let start = 0; start < bytes.length; ) {
    const to = bytes.indexOf(newline, start);
    if (to < 0) return;
    const from = start + headerBytes;
    const stream = bytes[start + streamAt] === 'e'.charCodeAt(0) ? 'stderr' : 'stdout';
    yield { stream, tag: tagOf(bytes, start, to), start, from: Math.min(from, to), to };
    start = to + 1;
  }
}

function tagOf(bytes: Buffer, start: number, end: number): Tag {
  const isRecord =
    end >= start + headerBytes && bytes[start + tagAt - 1] === space && bytes[start + tagAt + 1] === space;
  const tag = isRecord ? bytes[start + tagAt] : undefined;
  if (tag === 'F'.charCodeAt(0)) return 'F';
  return tag === 'P'.charCodeAt(0) ? 'P' : 'G';
}

/** Returns milliseconds since the epoch; NaN if the record is damaged. */
export const timeOf = (bytes: Buffer, { start }: LogRecord): number =>
  Date.parse(bytes.toString('latin1', start, start + 24));

/** How much log one run may keep. */
interface LogLimits {
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
