import { type Stats, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import type { LogLine, LogOptions } from '../driver.ts';
import { pastHole, withoutZeros } from './holes.ts';
import { isCode, namesIn, outputFile } from './layout.ts';
import { createLineSplitter } from './lines.ts';

/** What a reader of logs needs to know of the newest run. */
export interface Ending {
  run: number;
  hasEnded(): Promise<boolean>;
  /** Calls back when it is worth asking again. */
  subscribe(callback: () => void): () => void;
}

interface Part {
  path: string;
  run: number;
  stream: LogLine['stream'];
  size: number;
  mtimeMs: number;
  /** Where to begin. */
  offset: number;
  /** Lines before that were asked for, and are too far back. */
  cut: boolean;
}

const chunkBytes = 64 * 1024;
/** How far back the last lines are looked for, in all parts together. */
const mostBack = 64 * 1024 * 1024;

/**
 * The lines of all runs that a ref keeps. No times are kept: `since` leaves out files last written to before it, and
 * of the two streams of a run the one written to last comes last. Following ends with the newest run.
 */
export async function* readLogs(ref: string, ending: Ending, options: LogOptions): AsyncGenerator<LogLine> {
  const { signal, since } = options;
  const wanted = options.run?.number;
  const follow = options.follow && (wanted === undefined || wanted === ending.run);
  const all = (await partsOf(ref)).filter((part) => wanted === undefined || part.run === wanted);
  const isLive = (part: Part): boolean => follow && part.run === ending.run;
  const parts = all.filter((part) => since === undefined || part.mtimeMs >= since || isLive(part));
  if (options.tail !== undefined) await seekTail(parts, options.tail);
  for (const part of parts) if (!isLive(part) && part.offset < part.size) yield* readPart(part, signal);
  if (follow) yield* followParts(ref, parts.filter(isLive), ending, signal);
}

async function partsOf(ref: string): Promise<Part[]> {
  const parts: Part[] = [];
  for (const name of (await namesIn(ref)) ?? []) {
    const [, run, end] = /^(\d+)\.(out|err)$/.exec(name) ?? [];
    if (run === undefined || (end !== 'out' && end !== 'err')) continue;
    const path = outputFile(ref, Number(run), end);
    const found = await statOf(path);
    if (found === undefined) continue;
    const { size, mtimeMs } = found;
    parts.push({
      path,
      run: Number(run),
      stream: end === 'out' ? 'stdout' : 'stderr',
      size,
      mtimeMs,
      offset: 0,
      cut: false,
    });
  }
  return parts.sort((a, b) => a.run - b.run || a.mtimeMs - b.mtimeMs || (a.stream === 'stdout' ? -1 : 1));
}

/** Moves the offsets forward so that `count` lines are left of all parts together. */
async function seekTail(parts: readonly Part[], count: number): Promise<void> {
  let wanted = count;
  let back = mostBack;
  for (const part of parts.toReversed()) {
    await using file = await open(part.path);
    const found = await lastLines(file, part.size, wanted, back);
    part.offset = found.offset;
    part.cut = found.lines < wanted && found.offset > 0;
    wanted = part.cut ? 0 : wanted - found.lines;
    back -= part.size - found.offset;
  }
}

/** Where the last `wanted` lines begin, no more than `back` bytes before the end, and how many of them there are. */
async function lastLines(
  file: FileHandle,
  size: number,
  wanted: number,
  back: number,
): Promise<{ offset: number; lines: number }> {
  if (wanted <= 0) return { offset: size, lines: 0 };
  let lines = 0;
  for (let end = size; end > 0; ) {
    if (size - end >= back) return { offset: end, lines };
    const from = Math.max(0, end - chunkBytes);
    const bytes = await readAt(file, from, end - from);
    for (let at = bytes.lastIndexOf(10); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(10, at - 1)) {
      // The newline at the very end closes the last line; each other one stands before a line.
      if (from + at === size - 1) continue;
      lines += 1;
      if (lines === wanted) return { offset: from + at + 1, lines };
    }
    end = from;
  }
  return { offset: 0, lines: size === 0 ? 0 : lines + 1 };
}

async function* readPart(part: Part, signal: AbortSignal): AsyncGenerator<LogLine> {
  await using file = await open(part.path);
  const reader = new PartReader(part, file);
  while (part.offset < part.size && !signal.aborted) {
    const lines = await reader.next(part.size - part.offset);
    if (lines === undefined) break;
    yield* lines;
  }
  yield* reader.rest();
}

/** Reads one part on from its offset. */
class PartReader {
  readonly #part: Part;
  readonly #file: FileHandle;
  #splitter = createLineSplitter();
  #behindHole = false;

  constructor(part: Part, file: FileHandle) {
    this.#part = part;
    this.#file = file;
  }

  /** The lines that the next chunk completes; undefined where there is none. */
  async next(most = chunkBytes): Promise<LogLine[] | undefined> {
    const part = this.#part;
    const said = this.#cutSaid();
    const bytes = await readAt(this.#file, part.offset, Math.min(chunkBytes, most));
    if (bytes.length === 0) return said.length === 0 ? undefined : said;
    part.offset += bytes.length;
    const stats = bytes[0] === 0 ? await this.#file.stat() : undefined;
    const next = stats === undefined ? part.offset : pastHole(bytes, part.offset, () => stats);
    if (next === part.offset) return [...said, ...this.#lines(this.#splitter.push(bytes))];
    const before = this.#lines(
      this.#splitter
        .rest()
        .map(withoutZeros)
        .filter((text) => text !== ''),
    );
    part.offset = next;
    this.#splitter = createLineSplitter();
    this.#behindHole = true;
    return [...said, ...before];
  }

  /** The unfinished line, where there is one. */
  rest(): LogLine[] {
    return this.#lines(this.#splitter.rest());
  }

  #lines(texts: readonly string[]): LogLine[] {
    return texts.map((text) => {
      const shown = this.#behindHole ? withoutZeros(text) : text;
      this.#behindHole = false;
      return { stream: this.#part.stream, text: shown };
    });
  }

  #cutSaid(): LogLine[] {
    if (!this.#part.cut) return [];
    this.#part.cut = false;
    const text = `[agentctl: cut here; earlier lines are more than ${mostBack / 1024 / 1024} MiB back]`;
    return [{ stream: this.#part.stream, text }];
  }
}

async function* followParts(
  ref: string,
  parts: readonly Part[],
  ending: Ending,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const wake = createWake(ref, ending, signal);
  const files: FileHandle[] = [];
  const readers: PartReader[] = [];
  try {
    for (const part of parts) {
      const file = await open(part.path);
      files.push(file);
      readers.push(new PartReader(part, file));
    }
    for (let ended = false; !signal.aborted; ) {
      wake.reset();
      let grown = false;
      for (const reader of readers) {
        const lines = await reader.next();
        grown ||= lines !== undefined;
        yield* lines ?? [];
      }
      if (grown) continue;
      if (ended) break;
      // What was written before the end is read in one more round.
      ended = await ending.hasEnded();
      if (!ended) await wake.next();
    }
    for (const reader of readers) yield* reader.rest();
  } finally {
    wake.close();
    for (const file of files) await file.close();
  }
}

/** Something happened since the last reset: output, an end, or the reader goes away. */
function createWake(
  ref: string,
  ending: Ending,
  signal: AbortSignal,
): { reset(): void; next(): Promise<void>; close(): void } {
  let current = Promise.withResolvers<void>();
  const ring = (): void => current.resolve();
  const watcher = watch(ref, { persistent: false }, ring);
  watcher.on('error', ring);
  const unsubscribe = ending.subscribe(ring);
  signal.addEventListener('abort', ring);
  return {
    reset() {
      current = Promise.withResolvers();
      if (signal.aborted) ring();
    },
    next: () => current.promise,
    close() {
      watcher.close();
      unsubscribe();
      signal.removeEventListener('abort', ring);
    },
  };
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.allocUnsafe(length), length, position });
  return buffer.subarray(0, bytesRead);
}

/** Undefined where the output of an old run has just been deleted. */
async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
