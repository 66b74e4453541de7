import { Bucket } from '../../platform/bucket.ts';
import { type Clock, sleep } from '../../platform/clock.ts';
import { attachLimits, DriverError, type OutputLine } from '../driver.ts';
import { createLineCutter } from '../stdio/output-lines.ts';
import { recordsIn } from './collector/log-record.ts';
import { type Piece, type Position, SegmentReader } from './collector/reader.ts';
import { pruneSegments, segmentNumbers } from './collector/segments.ts';
import { isDrained, namesIn } from './layout.ts';
import { createWake, type Wake } from './process-wake.ts';

/** The standard output of one run, read from its log while that grows. */
export interface Output {
  /** Whole lines in batches, until the run has ended and everything was read, or until `close`. */
  readonly lines: AsyncIterable<readonly OutputLine[]>;
  /** The run has ended: `lines` ends when the complete log was read. */
  end(): void;
  /** Makes `lines` throw. */
  fail(error: DriverError): void;
  close(): void;
}

/** Polls for changes that the watcher does not report; more often if there is no watcher. */
const pollMs = { watched: 1000, unwatched: 20 };

/**
 * The limit for reading, in bytes a second and at once; each look costs at least `look`. So a program that writes
 * endlessly, or without a newline, does not keep the controller busy.
 */
const reading = { rate: 16 * 1024 * 1024, burst: 64 * 1024 * 1024 };
const look = 16 * 1024;

/** An incomplete line that began this far back is given up, because it delays the deletion of the segments. */
const longestWait = attachLimits.line + 16 * 1024 * 1024;

/** Throws ENOENT if the run has no log. */
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

/** Deletes the segments of a log that were read up to the cursor and exceed what is kept for people. */
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

  // A function, because the state changes during each wait.
  const is = (wanted: typeof state): boolean => state === wanted;

  const close = (): void => {
    if (state === 'Closed') return;
    state = 'Closed';
    closing.abort();
    // It waits for a running read. Its errors do not matter.
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
        // Checked before the read: then that read finds everything that will ever be there.
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

/** Builds lines of the standard output from pieces of a log. */
function createOutputLines(from: Position): { push(piece: Piece): OutputLine[]; rest(): OutputLine[] } {
  let cutter = createLineCutter(0);
  let isPartial = false;
  /** Bytes since the last returned line, and the segment of that line. */
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
    // The cursor must also advance if an agent writes nothing here and much to its standard error.
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
