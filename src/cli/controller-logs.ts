import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { isObject } from '../api/json.ts';
import { visibleLine } from '../api/text.ts';
import { sleep } from '../platform/clock.ts';
import { controllerLog, rotatedLogs } from '../platform/paths.ts';
import type { Cli, GlobalOptions } from './cli.ts';
import { CliError } from './failure.ts';
import { pathsFor } from './flags.ts';
import { AsIs, rawIf, type Text } from './print/shown.ts';
import { dim, paintLevel } from './print/text-table.ts';

/** How many bytes are read at once. */
const chunk = 64 * 1024;

export interface ControllerLogsOptions extends GlobalOptions {
  follow?: boolean;
  tail?: number;
  raw?: boolean;
  output?: 'json';
}

/** Prints the log files of background controllers, of all their starts. */
export async function controllerLogs(options: ControllerLogsOptions, cli: Cli): Promise<void> {
  const path = controllerLog(pathsFor(options, cli.environment).logs);
  if (!existsSync(path)) {
    throw new CliError(
      `${path} does not exist: no controller was started in the background. If systemd runs it, see journalctl -u agentctl`,
    );
  }
  const show = shower(options, cli);
  let rotations = new Rotations(path);
  let at = 0;
  for (const part of lastPieces(path, options.tail)) at = print(part.file, part.from, show);
  while (options.follow === true && !cli.signal.aborted) {
    const now = new Rotations(path);
    // The rest of the log is in a file that was rotated, and in all files that were written since.
    const moved = now.since(rotations);
    for (const file of moved) {
      print(file, at, show);
      at = 0;
    }
    rotations = now;
    at = print(path, at, show);
    await sleep(cli.clock, 200, cli.signal);
  }
}

function shower({ raw = false, output }: ControllerLogsOptions, cli: Cli): (text: string) => void {
  if (output === 'json') return (text) => cli.out(rawIf(raw, text));
  const toText = createLogText({ color: cli.terminal.color, raw });
  return (text) => cli.out(text.trimEnd().split('\n').map(toText));
}

/** The rotated files of the log at one time. */
class Rotations {
  readonly #files: readonly { file: string; id: string | undefined }[];

  constructor(path: string) {
    this.#files = rotatedLogs(path).map((file) => ({ file, id: idOf(file) }));
  }

  /** Returns the files that were rotated since then, oldest first. */
  since(before: Rotations): string[] {
    const newest = before.#files[0]?.id;
    const at = this.#files.findIndex(({ id }) => id === newest);
    const moved = at === -1 ? this.#files : this.#files.slice(0, at);
    return moved.flatMap(({ file, id }) => (id === undefined ? [] : [file])).reverse();
  }
}

/** Identifies a file: each rotation creates a new one. Returns undefined if there is none. */
function idOf(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false, bigint: true });
  return found === undefined ? undefined : `${found.ino} ${found.mtimeNs}`;
}

/** Returns the last lines of a log file, from at most its last `most` bytes, for a message. */
export function lastLines(path: string, count: number, most = chunk): string[] {
  const { size } = statSync(path);
  const length = Math.min(size, most, chunk);
  const from = Math.max(0, size - length - 1);
  const [first = '', ...rest] = read(path, from, size - from)
    .toString()
    .trimEnd()
    .split('\n');
  // A line whose beginning is cut off is useless, unless it is the only one.
  const begins = from === 0 && length === size;
  const lines = begins ? [first, ...rest] : rest.length > 0 ? rest : [first.slice(1)];
  return lines.slice(-count);
}

/** Returns the log files, oldest first, each with the offset at which the last `count` lines begin. */
function lastPieces(path: string, count: number | undefined): { file: string; from: number }[] {
  const files = [path, ...rotatedLogs(path)].filter((file) => existsSync(file));
  if (count === undefined || count < 0) return files.toReversed().map((file) => ({ file, from: 0 }));
  const parts: { file: string; from: number }[] = [];
  let wanted = count;
  for (const file of files) {
    const { from, lines } = lastOf(file, wanted);
    parts.unshift({ file, from });
    wanted -= lines;
    if (wanted <= 0) break;
  }
  return parts;
}

/**
 * Searches the last lines of a file from its end. Returns where they begin. A line without its newline is incomplete
 * and not counted.
 */
function lastOf(file: string, wanted: number): { from: number; lines: number } {
  const { size } = statSync(file);
  let lines = -1;
  let end = size;
  for (; end > 0; end = Math.max(0, end - chunk)) {
    const from = Math.max(0, end - chunk);
    const bytes = read(file, from, end - from);
    for (let at = bytes.lastIndexOf(10); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(10, at - 1)) {
      lines += 1;
      if (lines === wanted) return { from: from + at + 1, lines };
    }
  }
  return { from: 0, lines: lines + 1 };
}

/** Prints whole lines from this offset to the end. Returns where they end. */
function print(file: string, from: number, show: (text: string) => void): number {
  let at = from;
  for (let length = chunk; ; ) {
    const bytes = read(file, at, length);
    const end = bytes.lastIndexOf(10) + 1;
    if (end > 0) {
      show(bytes.toString('utf8', 0, end));
      at += end;
      length = chunk;
    } else if (bytes.length < length) return at;
    else length *= 2; // a long line
  }
}

function read(file: string, from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  const fd = openSync(file, 'r');
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, length, from));
  } finally {
    closeSync(fd);
  }
}

const levels: ReadonlyMap<unknown, string> = new Map([
  [10, 'TRACE'],
  [20, 'DEBUG'],
  [30, 'INFO'],
  [40, 'WARN'],
  [50, 'ERROR'],
  [60, 'FATAL'],
]);

/** Fields that the line already shows, or that are not useful. */
const apart: ReadonlySet<string> = new Set(['level', 'time', 'msg', 'pid', 'hostname']);

/** Formats lines of the log for people: time, level, message, and fields as key=value. */
function createLogText(options: { color: boolean; raw: boolean }): (line: string) => Text {
  const { color, raw } = options;
  let lastPid: unknown;
  const shown = (text: string): Text => (raw ? new AsIs(text) : visibleLine(text));
  return (line) => {
    const entry = parse(line);
    // Printed by Node itself or by a library.
    if (entry === undefined) return [rawIf(raw, line), '\n'];
    const { level, time, msg, pid } = entry;
    const fields = Object.entries(entry).filter(([key]) => !apart.has(key));
    if (pid !== lastPid) fields.push(['pid', pid]);
    lastPid = pid;
    const name = levels.get(level) ?? String(level);
    return [
      dim(timeText(time), color),
      ' ',
      paintLevel(name, color),
      ' '.repeat(Math.max(1, 6 - name.length)),
      shown(String(msg ?? '')),
      fields.map(([key, value]): Text => [' ', dim(shown(`${key}=`), color), shown(valueText(key, value))]),
      '\n',
    ];
  };
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const entry: unknown = JSON.parse(line);
    return isObject(entry) && 'level' in entry && 'time' in entry ? entry : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // the line is incomplete
    throw error;
  }
}

function timeText(time: unknown): string {
  const at = new Date(Number(time));
  return Number.isNaN(at.getTime()) ? String(time) : at.toISOString();
}

/** Shows only the message of an error; its stack is in `-o json`. */
function valueText(key: string, value: unknown): string {
  const text =
    key === 'err' && isObject(value) && typeof value.message === 'string'
      ? value.message
      : typeof value === 'string'
        ? value
        : JSON.stringify(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
