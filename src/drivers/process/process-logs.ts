import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sleep } from '../../platform/clock.ts';
import { ignoring, ignoringAsync } from '../../platform/code.ts';
import type { LogLine, LogOptions } from '../driver.ts';
import { createLineSplitter, maxLineBytes } from '../stdio/output-lines.ts';
import { maxRecordBytes, recordsIn, type Stream, segmentNumbers, timeOf } from './collector/log-segments.ts';
import { type Piece, type Position, SegmentReader } from './collector/segment-reader.ts';
import { isDrained, logFolder, namesIn, runNumbers } from './layout.ts';
import { createWake } from './run-watch.ts';

/** What a reader of logs needs to know about the newest run. */
export interface Ending {
  run: number;
  hasEnded(): Promise<boolean>;
  /** Calls back when `hasEnded` should be called again. */
  subscribe(callback: () => void): () => void;
}

/** Polls for changes that the watcher does not report. */
const pollMs = { watched: 1000, unwatched: 100 };
/** How long to wait until the log of an ended run is complete. */
const completeWithinMs = { follow: 10_000, read: 5_000 };

/** The kernel sets a file's time to its last tick, a few milliseconds back. */
const coarseMs = 1000;

/** Everything that existed when the reader came has been yielded. */
const caughtUp = Symbol('caught up');

/**
 * Yields the lines of all runs that a ref keeps, in the order in which they were written, each with the time at which
 * it was read from its pipe. Following ends with the newest run.
 */
export async function* readLogs(
  ref: string,
  ending: Ending,
  clock: Clock,
  options: LogOptions,
): AsyncGenerator<LogLine> {
  const { since = 0, tail } = options;
  const wanted = options.run?.number;
  const withNewest = wanted === undefined || wanted === ending.run;
  if (!options.follow && withNewest) await untilComplete(ref, ending, clock, completeWithinMs.read);
  const all = await segmentsOf(ref);
  const kept = all.filter(({ run, mtimeMs }) => run === (wanted ?? run) && mtimeMs + coarseMs >= since);
  const { from, isCut } = tail === undefined ? { from: kept, isCut: false } : await findTail(kept, tail);
  const follow = options.follow && withNewest ? ending : undefined;
  let last = tail === undefined ? undefined : createTail(tail);
  for await (const found of readRuns(ref, from, follow, clock, options.signal)) {
    if (found !== caughtUp) {
      const lines = found.filter(({ at }) => at >= since);
      if (last === undefined) yield* lines;
      else last.add(lines);
    } else if (last !== undefined) {
      const lines = last.lines();
      last = undefined;
      if (isCut && lines.length < (tail ?? 0)) yield cutLine(lines[0]?.at ?? clock.now());
      yield* lines;
    }
  }
}

const cutLine = (at: number): LogLine => {
  const text = `[agentctl: cut here; earlier lines are more than ${mostBack / 1024 / 1024} MiB back]`;
  return { stream: 'stdout', at, text };
};

async function segmentsOf(ref: string): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const run of (runNumbers(ref) ?? []).toReversed()) {
    const folder = logFolder(ref, run);
    for (const segment of segmentNumbers(namesIn(folder) ?? [])) {
      const found = await statOf(join(folder, String(segment)));
      if (found !== undefined) segments.push({ run, folder, segment, offset: 0, ...found });
    }
  }
  return segments;
}

/** Reads run by run. The newest run is read until it ends if it is followed, and otherwise up to its current end. */
async function* readRuns(
  ref: string,
  segments: readonly Segment[],
  follow: Ending | undefined,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<LogLine[] | typeof caughtUp> {
  const runs = new Set(segments.map(({ run }) => run));
  if (follow !== undefined) runs.add(follow.run);
  for (const run of runs) {
    const ofRun = segments.filter((segment) => segment.run === run);
    const [first, last] = [ofRun[0], ofRun.at(-1)];
    const reader = new SegmentReader(logFolder(ref, run), first ?? { segment: 1, offset: 0 });
    const lines = createLogLines();
    try {
      while (last !== undefined && !signal.aborted) {
        const piece = await reader.next();
        if (piece === undefined) break;
        yield lines.push(piece);
        if (reaches(piece, { segment: last.segment, offset: last.size })) break;
      }
      if (run === follow?.run) {
        yield caughtUp;
        for await (const piece of followRun(reader, logFolder(ref, run), follow, clock, signal))
          yield lines.push(piece);
      }
      yield lines.rest();
    } finally {
      await reader.close();
    }
  }
  yield caughtUp;
}

const reaches = ({ segment, offset, bytes }: Piece, end: Position): boolean =>
  segment > end.segment || (segment === end.segment && offset + bytes.length >= end.offset);

/** Yields further output until the run has ended and its log is complete. */
async function* followRun(
  reader: SegmentReader,
  folder: string,
  ending: Ending,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Piece> {
  const wake = wakeOf(folder, clock);
  if (wake === undefined) return;
  const unsubscribe = ending.subscribe(wake.ring);
  signal.addEventListener('abort', wake.ring);
  let endedAt: number | undefined;
  try {
    while (!signal.aborted) {
      wake.reset();
      if (endedAt === undefined && (await ending.hasEnded())) endedAt = clock.now();
      const isOver =
        endedAt !== undefined && (isDrained(folder) || clock.now() - endedAt >= completeWithinMs.follow);
      const piece = await reader.next();
      if (piece !== undefined) yield piece;
      else if (isOver) return;
      else if (!signal.aborted) await wake.next();
    }
  } finally {
    signal.removeEventListener('abort', wake.ring);
    unsubscribe();
    wake.close();
  }
}

/** Waits for the last output of a run, which may still be in transit. */
async function untilComplete(ref: string, ending: Ending, clock: Clock, mostMs: number): Promise<void> {
  const folder = logFolder(ref, ending.run);
  if (!(await ending.hasEnded())) return;
  for (const deadline = clock.now() + mostMs; clock.now() < deadline && !isDrained(folder); )
    await sleep(clock, 10);
}

/**
 * Returns undefined if there is no such folder: the instance was removed, or an earlier version without such logs
 * created it.
 */
function wakeOf(folder: string, clock: Clock): ReturnType<typeof createWake> | undefined {
  return ignoring(() => createWake(folder, clock, pollMs), 'ENOENT');
}

/** Returns undefined if the file was just deleted. */
const statOf = (path: string): Promise<{ size: number; mtimeMs: number } | undefined> =>
  ignoringAsync(stat(path), 'ENOENT');

/** Builds lines for people from pieces of one run's log. */
interface LogLines {
  push(piece: Piece): LogLine[];
  /** Returns incomplete lines, if there are any. */
  rest(): LogLine[];
}

const gapText = '[agentctl: output may have been lost here]';

function createLogLines(): LogLines {
  const splitters = { stdout: createLineSplitter(), stderr: createLineSplitter() };
  let at = 0;

  const linesOf = (stream: Stream, texts: readonly string[]): LogLine[] =>
    texts.map((text) => ({ stream, at, text }));
  const restOf = (stream: Stream): LogLine[] => linesOf(stream, splitters[stream].rest());
  const rest = (): LogLine[] => [...restOf('stdout'), ...restOf('stderr')];
  const lost = (): LogLine[] => [...rest(), { stream: 'stdout', at, text: gapText }];

  return {
    push({ bytes, gap }) {
      const lines: LogLine[] = [];
      let isFirst = true;
      for (const record of recordsIn(bytes)) {
        const { stream, tag, from, to } = record;
        at = timeOf(bytes, record) || at;
        if (isFirst && gap) lines.push(...lost());
        isFirst = false;
        if (tag === 'G') lines.push(...lost());
        else {
          const text = bytes.subarray(from, tag === 'F' ? to + 1 : to);
          for (const line of splitters[stream].push(text)) lines.push({ stream, at, text: line });
        }
      }
      return lines;
    },
    rest,
  };
}

/** One segment of one run, to be read from `offset`. */
interface Segment extends Position {
  run: number;
  folder: string;
  size: number;
  /** When it was last written. */
  mtimeMs: number;
}

/** How far back the last lines are searched, in bytes. */
const mostBack = 64 * 1024 * 1024;
const blockBytes = 2 * maxRecordBytes;

/**
 * Returns the segments to read, and the offsets, for the last `count` lines; more lines than these may be included at
 * the beginning. `isCut`: not all requested lines were reached, because they are too far back.
 */
async function findTail(
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
function createTail(count: number): { add(lines: readonly LogLine[]): void; lines(): LogLine[] } {
  let held: LogLine[] = [];
  return {
    add(lines) {
      for (const line of lines) held.push(line);
      if (held.length > 2 * count + 1000) held = held.slice(held.length - count);
    },
    lines: () => held.slice(Math.max(0, held.length - count)),
  };
}
