import { lstatSync } from 'node:fs';
import { createHttpClient } from '../client/http.ts';
import type { Cli, Client, GlobalOptions } from './cli.ts';
import { duration, pathsFor } from './flags.ts';

/** How long a controller may take to create its socket again, in milliseconds. */
export const healLimitMs = 5_000;

/**
 * Returns a client of the controller's socket. With `start`, starts a controller if none runs, and reports that once.
 */
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
    // A controller recreates a removed socket.
    const { othersAnswer } = await import('./background.ts');
    await othersAnswer(options, cli, healLimitMs);
  }
  // A set is dry-run before it is written, so warnings come twice. Each is shown once.
  const shown = new Set<string>();
  const onWarning = (text: string): void => {
    if (!shown.has(text)) cli.err(`Warning: ${text}\n`);
    shown.add(text);
  };
  const { requestTimeout } = options;
  const timeout = requestTimeout === undefined ? undefined : duration('--request-timeout')(requestTimeout);
  return createHttpClient({ socketPath: socket }, { onWarning, timeout });
}
