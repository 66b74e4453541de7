import { resolve } from 'node:path';
import { type Paths, paths } from '../platform/paths.ts';
import type { Cli } from './cli.ts';
import type { GlobalOptions } from './global-options.ts';

/** All absolute, because a background controller has another working directory. */
export function pathsFor(options: GlobalOptions, environment: Cli['environment']): Paths {
  const state = options.stateDir ?? environment.AGENTCTL_STATE_DIR;
  const socket = options.socket ?? environment.AGENTCTL_SOCKET;
  const found = paths(environment, state === undefined ? undefined : resolve(state));
  return socket === undefined ? found : { ...found, socket: resolve(socket) };
}
