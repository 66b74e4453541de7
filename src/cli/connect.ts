import { lstatSync } from 'node:fs';
import { createHttpClient } from '../client/http.ts';
import type { Cli, Client } from './cli.ts';
import { duration, type GlobalOptions } from './options.ts';
import { pathsFor } from './paths.ts';

/** Within this a controller makes its socket again. */
export const healLimitMs = 5_000;

/** A client of the controller's socket. With `start` a controller is started where none runs, and it is said once. */
export async function connect(
  options: GlobalOptions,
  cli: Cli,
  { start = false }: { start?: boolean } = {},
): Promise<Client> {
  const { socket } = pathsFor(options, cli.environment);
  if (start && options.start) {
    const { ensureController } = await import('./background.ts');
    await ensureController(options, cli);
  } else if (lstatSync(socket, { throwIfNoEntry: false })?.isSocket() !== true) {
    // A controller makes a socket again that was removed.
    const { othersAnswer } = await import('./background.ts');
    await othersAnswer(options, cli, healLimitMs);
  }
  // A set is tried before it is written: what is said twice is shown once.
  const shown = new Set<string>();
  const onWarning = (text: string): void => {
    if (!shown.has(text)) cli.err(`Warning: ${text}\n`);
    shown.add(text);
  };
  const { requestTimeout } = options;
  const timeout = requestTimeout === undefined ? undefined : duration('--request-timeout')(requestTimeout);
  return createHttpClient({ socketPath: socket }, { onWarning, timeout });
}
