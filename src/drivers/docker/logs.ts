import type { Readable } from 'node:stream';
import { attachLimits, type LogLine, type LogOptions, labels } from '../driver.ts';
import { type ContainerInspect, instantOf } from './wire.ts';

/** One frame of the engine's multiplexed output (Engine API, "Stream format"): eight bytes of header, then what was said. */
export interface Frame {
  stream: LogLine['stream'];
  payload: Buffer;
}

export async function* frames(source: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= 8) {
      const end = at + 8 + rest.readUInt32BE(at + 4);
      if (rest.length < end) break;
      yield { stream: rest[at] === 2 ? 'stderr' : 'stdout', payload: rest.subarray(at + 8, end) };
      at = end;
    }
    rest = rest.subarray(at);
  }
}

interface Part {
  stamp: string;
  pieces: Buffer[];
  /** Bytes of the pieces. A line that has no end is held no further than what would be cut anyway. */
  held: number;
}

/** Characters of lines that are held to find the last ones. */
const mostHeld = 64 * 1024 * 1024;

/** A line of the log; `open`: it is the last, and its newline has not come. */
export interface Entry extends LogLine {
  open: boolean;
}

/** The lines alone. */
export async function* linesOf(
  source: AsyncIterable<Frame>,
  options: { podman: boolean },
): AsyncGenerator<LogLine> {
  for await (const { stream, at, text } of entriesOf(source, options)) yield { stream, at, text };
}

/**
 * Lines out of frames that begin with a timestamp each. A long line comes in parts of 16 KiB without a newline; Docker
 * gives all of them the same timestamp, so a part with another one begins a new line: the last one before it was cut off by an exit.
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

/** A program begins, and may print, a moment before the engine notes its start. */
const startNoteMs = 100;

/** From when on the log is of this run. A container's log goes on over its runs; each lies some time after the last. */
export function beginOf({ Config: config, State: state }: ContainerInspect, run: number): number {
  if (Number(config.Labels?.[labels.run]) === run) return 0;
  const startedAt = instantOf(state.StartedAt) ?? 0;
  const finishedAt = instantOf(state.FinishedAt);
  // While it runs, that is the end of the run before.
  if (state.Running && finishedAt !== undefined && finishedAt < startedAt)
    return Math.max(Math.floor((finishedAt + startedAt) / 2), startedAt - 10 * startNoteMs);
  return Math.max(0, startedAt - startNoteMs);
}

/** Its last lines may reach the log a moment after the engine notes its end. */
const endNoteMs = 1_000;

/**
 * What the engine is asked for: it filters by finer times than it shows (Podman shows seconds). Where it is asked for an
 * end it cuts the tail before it, so the tail is cut here then. `newest` is the container's newest run.
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

/** Ends quietly when the reader gives up. */
export async function* until(source: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
  const stop = (): void => void source.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) stop();
    yield* source;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    source.destroy();
  }
}
