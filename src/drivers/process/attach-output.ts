import { Bucket } from '../../platform/bucket.ts';
import { type Clock, sleep } from '../../platform/clock.ts';
import { attachLimits, DriverError, type OutputLine } from '../driver.ts';
import { createLineCutter } from '../output-lines.ts';
import { type Piece, type Position, SegmentReader } from './collector/reader.ts';
import { recordsIn } from './collector/record.ts';
import { pruneSegments, segmentNumbers } from './collector/segments.ts';
import { isDrained, namesIn } from './layout.ts';
import { createWake, type Wake } from './wake.ts';

/** The standard output of one run, read from its log as that grows. */
export interface Output {
  /** Whole lines in batches, until the run has ended and all was read, or `close`. */
  readonly lines: AsyncIterable<readonly OutputLine[]>;
  /** The run has ended: no more is read than what the log has when it is complete. */
  end(): void;
  /** `lines` throws. */
  fail(error: DriverError): void;
  close(): void;
}

/** For what the watcher does not tell; more often where there is none to be had. */
const pollMs = { watched: 1000, unwatched: 20 };

/**
 * What is read a second, in bytes, and at once; a look costs as much at least. So a program that writes without an end,
 * or without a newline, keeps nobody busy with reading.
 */
const reading = { rate: 16 * 1024 * 1024, burst: 64 * 1024 * 1024 };
const look = 16 * 1024;

/** An unfinished line that stands so far back is given up, since it holds up the deletion of what follows it. */
const longestWait = attachLimits.line + 16 * 1024 * 1024;

/** Throws ENOENT where the run has no log. */
export async function openOutput(
  folder: string,
  options: { cursor: string | undefined; clock: Clock },
): Promise<Output> {
  const { clock, cursor } = options;
  const from = cursor === undefined ? { segment: 1, offset: 0 } : positionOf(cursor);
  const wake = createWake(folder, clock, pollMs);
  const reader = new SegmentReader(folder, from);
  try {
    await reader.open();
  } catch (error) {
    wake.close();
    throw error;
  }
  return follow({ folder, clock, wake, reader, from });
}

function positionOf(cursor: string): Position {
  const [, segment, offset] = /^(\d{1,9}):(\d{1,15})$/.exec(cursor) ?? [];
  if (segment === undefined)
    throw new DriverError(
      'Terminal',
      'InvalidCursor',
      `"${cursor}" is not a cursor of this log: attach without a cursor`,
    );
  return { segment: Number(segment), offset: Number(offset) };
}

const cursorOf = ({ segment, offset }: Position): string => `${segment}:${offset}`;

/**
 * Deletes the segments of a log that were read up to the cursor and are more than what is kept for people.
 */
export async function settleOutput(folder: string, cursor: string, maxFiles: number): Promise<void> {
  const newest = segmentNumbers(namesIn(folder) ?? []).at(-1);
  if (newest === undefined) return;
  pruneSegments(folder, Math.min(positionOf(cursor).segment - 1, newest - maxFiles));
}

function follow(parts: {
  folder: string;
  clock: Clock;
  wake: Wake;
  reader: SegmentReader;
  from: Position;
}): Output {
  const { folder, clock, wake, reader, from } = parts;
  const pace = new Bucket(clock, reading);
  const closing = new AbortController();
  let state: 'Live' | 'Ended' | 'Closed' = 'Live';
  let failure: DriverError | undefined;

  // Asked anew after each wait: it changes meanwhile.
  const is = (wanted: typeof state): boolean => state === wanted;

  const close = (): void => {
    if (state === 'Closed') return;
    state = 'Closed';
    closing.abort();
    // It waits for a read that is under way, and has nothing to lose.
    reader.close().catch(() => {});
    wake.close();
    wake.ring();
  };

  async function* read(): AsyncGenerator<readonly OutputLine[]> {
    const lines = createOutputLines(from);
    try {
      while (!is('Closed')) {
        if (failure !== undefined) throw failure;
        wake.reset();
        // Asked before the look, which then finds all that there will ever be.
        const isComplete = is('Ended') && isDrained(folder);
        const piece = await reader.next();
        if (is('Closed')) return;
        pace.charge(Math.max(piece?.bytes.length ?? 0, look));
        if (pace.debt > 0) await sleep(clock, pace.debt, closing.signal);
        if (is('Closed')) return;
        if (piece !== undefined) {
          const batch = lines.push(piece);
          if (batch.length > 0) yield batch;
        } else if (isComplete) {
          const rest = lines.rest();
          if (rest.length > 0) yield rest;
          return;
        } else await wake.next();
      }
    } catch (error) {
      if (!is('Closed')) throw lost(folder, error);
    } finally {
      close();
    }
  }

  return {
    lines: read(),
    end() {
      if (state === 'Live') state = 'Ended';
      wake.ring();
    },
    fail(error) {
      failure = error;
      wake.ring();
    },
    close,
  };
}

/** Lines of the standard output out of pieces of a log. */
function createOutputLines(from: Position): { push(piece: Piece): OutputLine[]; rest(): OutputLine[] } {
  let cutter = createLineCutter(0);
  let isPartial = false;
  /** Bytes since the last line that was told, and where that stands. */
  let passed = 0;
  let told = from.segment;
  let end = cursorOf(from);

  const rest = (): OutputLine[] => {
    isPartial = false;
    return cutter.rest().map((line) => ({ ...line, cursor: end }));
  };

  const push = ({ segment, offset, bytes, gap }: Piece): OutputLine[] => {
    const lines: OutputLine[] = [];
    const lose = (): void => {
      cutter = createLineCutter(0);
      isPartial = false;
      lines.push({ text: '', gap: true, cursor: end });
    };
    if (gap) lose();
    for (const { stream, tag, from: start, to } of recordsIn(bytes)) {
      end = cursorOf({ segment, offset: offset + to + 1 });
      if (tag === 'G') lose();
      else if (stream !== 'stdout') continue;
      else if (tag === 'P') {
        cutter.push(bytes.subarray(start, to));
        isPartial = true;
      } else {
        for (const line of cutter.push(bytes.subarray(start, to + 1))) lines.push({ ...line, cursor: end });
        isPartial = false;
      }
    }
    passed += bytes.length;
    if (isPartial && passed > longestWait) lines.push(...rest());
    // An agent that says nothing here, and much on its standard error, is passed all the same.
    if (lines.length === 0 && !isPartial && segment > told) lines.push({ text: '', cursor: end });
    if (lines.length > 0) {
      passed = 0;
      told = segment;
    }
    return lines;
  };

  return { push, rest };
}

const lost = (path: string, error: unknown): DriverError =>
  error instanceof DriverError
    ? error
    : new DriverError('Retryable', 'OutputLost', `the output in ${path} cannot be read: ${String(error)}`, {
        cause: error,
      });
