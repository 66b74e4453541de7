import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { sleep } from '../../platform/clock.ts';
import { controllerLog } from '../background.ts';
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

/** Prints the log file of controllers that were started in the background, from whichever start on. */
export async function controllerLogs(options: ControllerLogsOptions, cli: Cli): Promise<void> {
  const path = controllerLog(pathsFor(options, cli.environment).logs);
  if (!existsSync(path)) {
    throw new CliError(
      `${path} does not exist: no controller was started in the background. One that systemd runs logs to its journal: journalctl -u agentctl`,
    );
  }
  await using file = await open(path);
  const text = await file.readFile('utf8');
  const { tail, raw } = options;
  const lines = text.split('\n').slice(0, -1);
  const shown = tail === undefined || tail < 0 ? lines : lines.slice(Math.max(0, lines.length - tail));
  cli.out(rawIf(raw, shown.map((line) => `${line}\n`).join('')));
  if (options.follow !== true) return;
  const buffer = Buffer.alloc(64 * 1024);
  let at = Buffer.byteLength(lines.map((line) => `${line}\n`).join(''));
  while (!cli.signal.aborted) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    const end = buffer.lastIndexOf(10, bytesRead - 1) + 1;
    if (bytesRead > 0 && end > 0) {
      cli.out(rawIf(raw, buffer.toString('utf8', 0, end)));
      at += end;
    } else await sleep(cli.clock, 200, cli.signal);
  }
}
