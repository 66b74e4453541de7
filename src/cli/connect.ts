import { resolve } from 'node:path';
import { createHttpClient } from '../client/http.ts';
import { type Paths, paths } from '../platform/paths.ts';
import type { Cli, Client } from './cli.ts';
import { duration, type GlobalOptions } from './options.ts';

/** All absolute: a controller in the background has another working directory. */
export function pathsFor(options: GlobalOptions, environment: Cli['environment']): Paths {
  const state = options.stateDir ?? environment.AGENTCTL_STATE_DIR;
  const socket = options.socket ?? environment.AGENTCTL_SOCKET;
  const found = paths(environment, state === undefined ? undefined : resolve(state));
  return socket === undefined ? found : { ...found, socket: resolve(socket) };
}

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
  }
  const client = createHttpClient(
    { socketPath: socket },
    { onWarning: (text) => cli.err(`Warning: ${text}\n`) },
  );
  if (options.requestTimeout === undefined) return client;
  const { withTimeout } = await import('./timeout.ts');
  return withTimeout<Client>(client, duration('--request-timeout')(options.requestTimeout), cli.clock);
}
