import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { Bucket, type Clock, sleep } from '../../platform/clock.ts';
import { isCode } from '../../platform/code.ts';
import { type Attachment, type AttachOptions, attachLimits, type OutputLine } from '../attachment.ts';
import { DriverError } from '../driver.ts';
import { createInput, inputClosed } from '../stdio/input.ts';
import { createLineCutter } from '../stdio/output-lines.ts';
import { pruneSegments, recordsIn, segmentNumbers } from './collector/log-segments.ts';
import { type Piece, type Position, SegmentReader } from './collector/segment-reader.ts';
import { inputFifo, isDrained, logFolder, namesIn, type Run } from './layout.ts';
import { gone } from './process-checks.ts';
import { createWake, type Wake } from './run-watch.ts';

/** How an attachment learns that its run has ended. */
export interface RunEnd {
  hasEnded(): Promise<boolean>;
  /** Calls back when `hasEnded` should be called again. */
  subscribe(callback: () => void): () => void;
}

interface Attachments {
  open(ref: string, run: Run, end: RunEnd, options: AttachOptions): Promise<Attachment>;
  /** A later run is about to begin: no write to an earlier run may reach it. */
  supersede(ref: string, run: number): void;
  close(): void;
}

export function createAttachments(clock: Clock): Attachments {
  const all = new Set<{ ref: string; run: number; endInput(): void; close(): void }>();

  return {
    async open(ref, run, end, { cursor, cut, signal }) {
      const folder = logFolder(ref, run.number);
      const output = await openOutput(folder, { cursor, clock }).catch((error: unknown) => {
        throw isCode(error, 'ENOENT') ? gone(ref) : error;
      });
      const fifo = inputFifo(ref);
      const input = createInput(fifo, () => openFifo(fifo), { cut });
      const endInput = (): void => input.close(`run ${run.number} of ${ref} has ended`);
      const close = (): void => {
        input.close(`the attachment to run ${run.number} of ${ref} was closed`);
        output.close();
        unsubscribe();
        signal.removeEventListener('abort', close);
        all.delete(entry);
      };
      const entry = { ref, run: run.number, endInput, close };
      all.add(entry);
      const check = async (): Promise<void> => {
        try {
          if (!(await end.hasEnded())) return;
          endInput();
          output.end();
        } catch (error) {
          output.fail(
            new DriverError(
              'Retryable',
              'OutputLost',
              `it is unknown whether run ${run.number} of ${ref} is running`,
              {
                cause: error,
              },
            ),
          );
        }
      };
      const unsubscribe = end.subscribe(() => void check());
      signal.addEventListener('abort', close);
      await check();
      if (signal.aborted) close();
      let settledSegment = '';
      const settled = (place: string): void => {
        const [segment = ''] = place.split(':');
        if (segment === settledSegment) return;
        settledSegment = segment;
        settleOutput(folder, place, run.meta.logs.maxFiles).catch(() => {
          settledSegment = ''; // retried with the next line
        });
      };
      const { workingDir } = run.meta;
      return { lines: output.lines, write: input.write, settled, workingDir, close };
    },
    supersede(ref, run) {
      for (const entry of all) if (entry.ref === ref && entry.run < run) entry.endInput();
    },
    close() {
      for (const { close } of all) close();
    },
  };
}

/**
 * Opens the standard input of a run for writing. Non-blocking: a blocking open of a FIFO without a reader would occupy
 * a thread of Node's pool for file system work. Write-only: a process that holds it open for reading keeps unread input
 * alive for the next run.
 */
function openFifo(fifo: string): Socket {
  let fd: number | undefined;
  try {
    fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    return new Socket({ fd, readable: false, writable: true });
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    if (isCode(error, 'ENXIO', 'ENOENT')) throw inputClosed(fifo, error);
    throw new DriverError(
      'Retryable',
      'InputFailed',
      `the input ${fifo} cannot be opened: ${String(error)}`,
      { cause: error },
    );
  }
}

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
    throw new DriverError('Terminal', 'InvalidCursor', `"${cursor}" is not a cursor of this log:`, {
      remedy: 'attach without a cursor',
    });
  return { segment: Number(segment), offset: Number(offset) };
}

const cursorOf = ({ segment, offset }: Position): string => `${segment}:${offset}`;

/** Deletes the segments of a log that were read up to the cursor and exceed what is kept for people. */
async function settleOutput(folder: string, cursor: string, maxFiles: number): Promise<void> {
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
  let reported = from.segment;
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
    if (lines.length === 0 && !isPartial && segment > reported) lines.push({ text: '', cursor: end });
    if (lines.length > 0) {
      passed = 0;
      reported = segment;
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
