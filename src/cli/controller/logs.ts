import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { sleep } from '../../platform/clock.ts';
import { controllerLog, rotatedLogs } from '../../platform/log-files.ts';
import type { Cli } from '../cli.ts';
import { CliError } from '../failure.ts';
import type { GlobalOptions } from '../options.ts';
import { pathsFor } from '../paths.ts';
import { rawIf } from '../print/shown.ts';

export interface ControllerLogsOptions extends GlobalOptions {
  follow?: boolean;
  tail?: number;
  raw?: boolean;
}

const chunk = 64 * 1024;

/** Prints the log files of controllers that were started in the background, from whichever start on. */
export async function controllerLogs(options: ControllerLogsOptions, cli: Cli): Promise<void> {
  const path = controllerLog(pathsFor(options, cli.environment).logs);
  if (!existsSync(path)) {
    throw new CliError(
      `${path} does not exist: no controller was started in the background. One that systemd runs logs to its journal: journalctl -u agentctl`,
    );
  }
  const [newer] = rotatedLogs(path);
  const parts = lastParts(path, options.tail);
  let at = 0;
  const { raw } = options;
  const show = (text: string): void => cli.out(rawIf(raw, text));
  for (const part of parts) at = print(part.file, part.from, show);
  while (options.follow === true && !cli.signal.aborted) {
    const { size } = statSync(path);
    // It was rotated: what was not printed stands in the file that it was moved to.
    if (size < at) {
      if (existsSync(newer) && statSync(newer).size > at) print(newer, at, show);
      at = 0;
    }
    if (size > at) at = print(path, at, show);
    await sleep(cli.clock, 200, cli.signal);
  }
}

/** The last lines of a log file, for a message. */
export function lastLines(path: string, count: number): string[] {
  const { size } = statSync(path);
  const text = read(path, Math.max(0, size - chunk), chunk).toString();
  return text.trimEnd().split('\n').slice(-count);
}

/** The log files, the oldest first, each from where the last `count` lines of all begin. */
function lastParts(path: string, count: number | undefined): { file: string; from: number }[] {
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

/** Where the last lines of a file begin, found from its end. A line without its newline is not written yet. */
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

/** Prints whole lines from there to the end; answers where they end. */
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
