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

export interface LogRecord {
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
