import { fstatSync, readSync, watch } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Bucket } from '../../platform/bucket.ts';
import { type Clock, sleep } from '../../platform/clock.ts';
import { DriverError, type OutputLine } from '../driver.ts';
import { createLineCutter } from '../output-lines.ts';
import { pastHole, withoutZeros } from './holes.ts';

/** The output file of one run, read as it grows. */
export interface Output {
  /** Whole lines in batches, until the run has ended and all was read, or `close`. */
  readonly lines: AsyncIterable<readonly OutputLine[]>;
  /** Nothing more will be written. */
  end(): void;
  /** `lines` throws. */
  fail(error: DriverError): void;
  close(): void;
}

/** For what the watcher does not tell; more often where there is none to be had. */
const pollMs = { watched: 1000, unwatched: 20 };

/**
 * What one look reads. Of fresh output, which stands in the page cache, so small a piece is read in 10 microseconds: a
 * way through the thread pool would take longer than that. Each such look follows a turn of the event loop, and a file
 * that has more to give is read by the pool: no flood keeps others waiting.
 */
const smallBytes = 64 * 1024;
const largeBytes = 256 * 1024;
/** All attachments read into it: nothing is kept for one that is at rest. */
const space = Buffer.allocUnsafeSlow(smallBytes);

/**
 * What is read a second, in bytes, and at once; a look costs as much at least. So a program that writes without an end,
 * or without a newline, keeps nobody busy with reading.
 */
const reading = { rate: 16 * 1024 * 1024, burst: 64 * 1024 * 1024 };
const look = 16 * 1024;

/** Throws ENOENT where the file is gone. */
export async function openOutput(
  path: string,
  options: { cursor: string | undefined; clock: Clock },
): Promise<Output> {
  const file = await open(path);
  try {
    return follow(file, path, options.clock, await startingPoint(file, options.cursor));
  } catch (error) {
    await file.close();
    throw error;
  }
}

interface Point {
  offset: number;
  /** Output may have been lost there. */
  gap: boolean;
}

async function startingPoint(file: FileHandle, cursor = '0'): Promise<Point> {
  const offset = /^\d{1,16}$/.test(cursor) ? Number(cursor) : undefined;
  if (!Number.isSafeInteger(offset) || offset === undefined)
    throw new DriverError(
      'Terminal',
      'InvalidCursor',
      `the cursor "${cursor}" is no offset in an output file; attach without one`,
    );
  // A crash of the host may have taken the end of the file.
  const { size } = await file.stat();
  return offset > size ? { offset: size, gap: true } : { offset, gap: false };
}

function follow(file: FileHandle, path: string, clock: Clock, from: Point): Output {
  const wake = createWake();
  const pace = new Bucket(clock, reading);
  const closing = new AbortController();
  let state: 'Live' | 'Ended' | 'Closed' = 'Live';
  let failure: DriverError | undefined;
  const watcher = watchFile(path, wake.ring);
  const pollEvery = watcher === undefined ? pollMs.unwatched : pollMs.watched;
  let cancelPoll = clock.after(pollEvery, function again() {
    cancelPoll = clock.after(pollEvery, again);
    wake.ring();
  });

  // Asked anew after each wait: it changes meanwhile.
  const is = (wanted: typeof state): boolean => state === wanted;

  const close = (): void => {
    if (state === 'Closed') return;
    state = 'Closed';
    closing.abort();
    watcher?.close();
    cancelPoll();
    // It waits for a read that is under way, and has nothing to lose.
    file.close().catch(() => {});
    wake.ring();
  };

  async function* read(): AsyncGenerator<readonly OutputLine[]> {
    let { offset, gap } = from;
    let cutter = createLineCutter(offset);
    let behindHole = false;
    const told = (lines: OutputLine[]): OutputLine[] => {
      const [first] = lines;
      if (gap && first !== undefined) {
        first.gap = true;
        if (behindHole) first.text = withoutZeros(first.text);
        gap = behindHole = false;
      }
      return lines;
    };
    try {
      // What an earlier controller left unread may be long, and on a slow disk.
      for (let behind = true; !is('Closed'); ) {
        if (failure !== undefined) throw failure;
        wake.reset();
        const wasEnded = is('Ended');
        const bytes: Buffer = behind ? await readLarge(file, offset) : readSmall(file, offset);
        if (is('Closed')) return;
        offset += bytes.length;
        pace.charge(Math.max(bytes.length, look));
        if (pace.debt > 0) await sleep(clock, pace.debt, closing.signal);
        if (is('Closed')) return;
        const next = pastHole(bytes, offset, () => fstatSync(file.fd));
        if (next > offset) {
          offset = next;
          gap = behindHole = true;
          cutter = createLineCutter(offset);
          continue;
        }
        const lines = cutter.push(bytes);
        behind = bytes.length === (behind ? largeBytes : smallBytes);
        if (lines.length > 0) yield told(lines);
        if (bytes.length > 0) {
          if (!behind && !wasEnded) await wake.next();
        } else if (fstatSync(file.fd).size < offset) {
          // The program opened /dev/stdout anew, and emptied the file by that.
          offset = 0;
          gap = true;
          cutter = createLineCutter(0);
        } else if (wasEnded) {
          const rest = told(cutter.rest());
          if (rest.length > 0) yield rest;
          return;
        } else await wake.next();
      }
    } catch (error) {
      if (!is('Closed')) throw lost(path, error);
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

function readSmall(file: FileHandle, position: number): Buffer {
  return space.subarray(0, readSync(file.fd, space, 0, smallBytes, position));
}

async function readLarge(file: FileHandle, position: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(largeBytes), 0, largeBytes, position);
  return buffer.subarray(0, bytesRead);
}

/** Something happened since the last reset. */
function createWake(): { ring(): void; reset(): void; next(): Promise<void> } {
  let rung = false;
  let resolve: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      resolve?.();
      resolve = undefined;
    },
    reset() {
      rung = false;
    },
    next: () =>
      new Promise((done) => {
        if (rung) done();
        else resolve = done;
      }),
  };
}

/** Undefined where no watcher can be had; then polling does it alone. */
function watchFile(path: string, onChange: () => void): { close(): void } | undefined {
  try {
    const watcher = watch(path, { persistent: false }, onChange);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}

const lost = (path: string, error: unknown): DriverError =>
  error instanceof DriverError
    ? error
    : new DriverError('Retryable', 'OutputLost', `the output in ${path} cannot be read: ${String(error)}`, {
        cause: error,
      });
