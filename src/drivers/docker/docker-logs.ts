import { labels } from '../../api/annotations.ts';
import { attachLimits } from '../attachment.ts';
import type { LogLine, LogOptions } from '../driver.ts';
import type { Entry } from '../stdio/position.ts';
import { type ContainerInspect, instantOf } from './docker-observe.ts';

/**
 * Splits the engine's multiplexed output (Engine API, "Stream format": an 8-byte header, then the payload) into parts
 * of payloads as they arrive, without copying. `type` is 1 for standard output, 2 for standard error; `isLast` ends a
 * payload.
 */
function createDemux(): (chunk: Buffer) => { type: number; bytes: Buffer; isLast: boolean }[] {
  const header = Buffer.alloc(8);
  let headerBytes = 0;
  /** Bytes that remain of the current frame. */
  let left = 0;

  return (chunk) => {
    const parts: ReturnType<ReturnType<typeof createDemux>> = [];
    for (let at = 0; at < chunk.length; ) {
      if (left === 0) {
        const took = chunk.copy(header, headerBytes, at);
        headerBytes += took;
        at += took;
        if (headerBytes < 8) break;
        headerBytes = 0;
        left = header.readUInt32BE(4);
      } else {
        const bytes = chunk.subarray(at, at + left);
        left -= bytes.length;
        at += bytes.length;
        parts.push({ type: header[0] ?? 0, bytes, isLast: left === 0 });
      }
    }
    return parts;
  };
}

/** Extracts standard output from frames as they arrive. */
export function createStdout(): (chunk: Buffer) => Buffer[] {
  const demux = createDemux();
  return (chunk) => demux(chunk).flatMap(({ type, bytes }) => (type === 1 ? [bytes] : []));
}

export interface Frame {
  stream: LogLine['stream'];
  payload: Buffer;
}

export async function* frames(source: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  const demux = createDemux();
  let held: Buffer[] = [];
  for await (const chunk of source)
    for (const { type, bytes, isLast } of demux(chunk)) {
      held.push(bytes);
      if (!isLast) continue;
      yield {
        stream: type === 2 ? 'stderr' : 'stdout',
        payload: held.length === 1 ? bytes : Buffer.concat(held),
      };
      held = [];
    }
}

interface Part {
  stamp: string;
  pieces: Buffer[];
  /** Bytes of the pieces. A line without an end is buffered only up to the limit at which lines are cut. */
  held: number;
}

/** How many characters of lines are buffered to find the last ones. */
const mostHeld = 64 * 1024 * 1024;

/** Yields the lines without `open`. */
export async function* linesOf(
  source: AsyncIterable<Frame>,
  options: { podman: boolean },
): AsyncGenerator<LogLine> {
  for await (const { stream, at, text } of entriesOf(source, options)) yield { stream, at, text };
}

/**
 * Yields lines from frames that each begin with a timestamp. A long line is split into parts of 16 KiB without a
 * newline. Docker gives all parts the same timestamp. So a part with another timestamp begins a new line: the line
 * before it was cut off by an exit.
 */
export async function* entriesOf(
  source: AsyncIterable<Frame>,
  options: { podman: boolean },
): AsyncGenerator<Entry> {
  const open = new Map<LogLine['stream'], Part>();
  const line = (stream: LogLine['stream'], part: Part, isOpen = false): Entry => {
    const text = Buffer.concat(part.pieces).toString();
    const at = Date.parse(part.stamp);
    return { stream, at, text: text.endsWith('\n') ? text.slice(0, -1) : text, open: isOpen };
  };
  for await (const { stream, payload } of source) {
    const space = payload.indexOf(0x20);
    const stamp = payload.toString('latin1', 0, space);
    const content = payload.subarray(space + 1);
    let part = open.get(stream);
    if (part !== undefined && part.stamp !== stamp && !options.podman) {
      yield line(stream, part);
      part = undefined;
    }
    part ??= { stamp, pieces: [], held: 0 };
    if (part.held <= attachLimits.line || content.at(-1) === 0x0a) {
      part.pieces.push(content);
      part.held += content.length;
    }
    if (content.at(-1) === 0x0a) {
      open.delete(stream);
      yield line(stream, part);
    } else open.set(stream, part);
  }
  for (const [stream, part] of open) yield line(stream, part, true);
}

export async function* lastOf(lines: AsyncIterable<LogLine>, count: number): AsyncGenerator<LogLine> {
  const last: LogLine[] = [];
  let held = 0;
  for await (const line of lines) {
    last.push(line);
    held += line.text.length;
    while (last.length > count || (held > mostHeld && last.length > 1))
      held -= last.shift()?.text.length ?? 0;
  }
  yield* last;
}

/** A program may begin, and print, a moment before the engine records its start. */
const startNoteMs = 100;

/**
 * Returns the instant at which the log of this run begins. One log holds all runs of a container; there is a pause
 * between runs.
 */
export function beginOf({ Config: config, State: state }: ContainerInspect, run: number): number {
  if (Number(config.Labels?.[labels.run]) === run) return 0;
  const startedAt = instantOf(state.StartedAt) ?? 0;
  const finishedAt = instantOf(state.FinishedAt);
  // While it runs, FinishedAt is the end of the previous run.
  if (state.Running && finishedAt !== undefined && finishedAt < startedAt)
    return Math.max(Math.floor((finishedAt + startedAt) / 2), startedAt - 10 * startNoteMs);
  return Math.max(0, startedAt - startNoteMs);
}

/** The last lines may reach the log a moment after the engine records the end. */
const endNoteMs = 1_000;

/**
 * Returns the query for the engine. The engine filters with a finer resolution than it shows (Podman shows seconds). If
 * `until` is given, the engine applies `tail` before `until`, so then the tail is cut here. `newest` is the container's
 * newest run.
 */
export function logQuery(
  { follow, tail, since, run }: LogOptions,
  newest: { startedAt: number; begin: number },
): Readonly<Record<string, string | number | boolean>> {
  const { startedAt, begin } = newest;
  const before = run !== undefined && startedAt - startNoteMs > run.startedAt;
  const ofRun = run === undefined ? 0 : before ? run.startedAt - startNoteMs : begin;
  const from = Math.max(since ?? 0, ofRun);
  const until = before
    ? Math.min(begin || startedAt - startNoteMs, (run.finishedAt ?? startedAt) + endNoteMs)
    : undefined;
  return {
    stdout: true,
    stderr: true,
    timestamps: true,
    follow: follow && !before,
    ...(tail === undefined || before ? {} : { tail }),
    ...(from === 0 ? {} : { since: seconds(from) }),
    ...(until === undefined ? {} : { until: seconds(until) }),
  };
}

export const seconds = (instant: number): string => (instant / 1000).toFixed(3);
