import type { Stats } from 'node:fs';

/** A block of a disk, as `Stats.blocks` counts them. */
const block = 512;
/** Read before the end of what a hole may be skipped to: a file system may count more or less than was written. */
const slack = 64 * 1024;

/**
 * Where to read on in an output file after bytes that were read up to `offset`. Whoever has a file open can give it any
 * length without a write (a program that truncates its standard output to 8 TiB), and the hole reads as zeros. Where all
 * bytes that were read are zeros, and the file is longer than what is allocated to it, reading goes on as far before its
 * end as there can be data. A file without holes is always read whole.
 */
export function pastHole(bytes: Buffer, offset: number, stats: () => Stats): number {
  if (!isZero(bytes)) return offset;
  const { size, blocks } = stats();
  const allocated = blocks * block + slack;
  return Math.max(offset, size - allocated);
}

const zeros = Buffer.alloc(64 * 1024);

function isZero(bytes: Buffer): boolean {
  if (bytes.length < zeros.length || bytes[0] !== 0 || bytes.at(-1) !== 0) return false;
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const length = Math.min(zeros.length, bytes.length - at);
    if (bytes.compare(zeros, 0, length, at, at + length) !== 0) return false;
  }
  return true;
}

/** A line at the edge of a hole, without what is left of its zeros. */
export function withoutZeros(text: string): string {
  let [from, to] = [0, text.length];
  while (from < to && text.charCodeAt(from) === 0) from += 1;
  while (to > from && text.charCodeAt(to - 1) === 0) to -= 1;
  return text.slice(from, to);
}
