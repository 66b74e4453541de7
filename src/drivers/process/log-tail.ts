import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogLine } from '../driver.ts';
import { maxLineBytes } from '../line-splitter.ts';
import { maxRecordBytes, recordsIn } from './collector/log-record.ts';
import type { Position } from './collector/reader.ts';

/** One segment of one run, to be read from `offset`. */
export interface Segment extends Position {
  run: number;
  folder: string;
  size: number;
  /** When it was last written. */
  mtimeMs: number;
}

/** How far back the last lines are searched, in bytes. */
export const mostBack = 64 * 1024 * 1024;
const blockBytes = 2 * maxRecordBytes;

/**
 * Returns the segments to read, and the offsets, for the last `count` lines; more lines than these may be included at
 * the beginning. `isCut`: not all requested lines were reached, because they are too far back.
 */
export async function findTail(
  segments: readonly Segment[],
  count: number,
): Promise<{ from: Segment[]; isCut: boolean }> {
  let wanted = count;
  let back = 0;
  /** Pieces of the first line may begin this far before its end. */
  let before = maxLineBytes + blockBytes;
  const from: Segment[] = [];
  for (const segment of segments.toReversed()) {
    await using file = await open(join(segment.folder, String(segment.segment)));
    let end = segment.size;
    while (end > 0 && before > 0 && back < mostBack) {
      const isBefore = wanted <= 0;
      const { start, lines } = await block(file, end);
      if (isBefore) before -= end - start;
      back += end - start;
      wanted -= lines;
      end = start;
    }
    from.unshift({ ...segment, offset: end });
    if (end > 0) return { from, isCut: wanted > 0 };
  }
  return { from, isCut: false };
}

/**
 * Finds the whole records before `end` that fit into a block. Returns where they begin, and how many lines end there.
 */
async function block(file: FileHandle, end: number): Promise<{ start: number; lines: number }> {
  const from = Math.max(0, end - blockBytes);
  const buffer = Buffer.allocUnsafe(end - from);
  const { bytesRead } = await file.read({ buffer, position: from });
  const bytes = buffer.subarray(0, bytesRead);
  const start = from === 0 ? 0 : bytes.indexOf(10) + 1;
  // Without a newline it is not a log: all of it is skipped.
  if (from > 0 && (start === 0 || start === bytes.length)) return { start: from, lines: 0 };
  let lines = 0;
  for (const { tag } of recordsIn(bytes.subarray(start))) if (tag === 'F') lines += 1;
  return { start: from + start, lines };
}

/** Keeps the last lines that were added. */
export function createTail(count: number): { add(lines: readonly LogLine[]): void; lines(): LogLine[] } {
  let held: LogLine[] = [];
  return {
    add(lines) {
      for (const line of lines) held.push(line);
      if (held.length > 2 * count + 1000) held = held.slice(held.length - count);
    },
    lines: () => held.slice(Math.max(0, held.length - count)),
  };
}
