import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Paths {
  state: string;
  database: string;
  journal: string;
  logs: string;
  key: string;
  lock: string;
  socket: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Returns the state folder: `--state-dir`, AGENTCTL_STATE_DIR, or the one of the XDG base directory specification. */
function stateDirectory(environment: Environment, given?: string): string {
  if (given !== undefined) return given;
  if (environment.AGENTCTL_STATE_DIR !== undefined) return environment.AGENTCTL_STATE_DIR;
  return join(environment.XDG_STATE_HOME ?? join(homedir(), '.local/state'), 'agentctl');
}

/**
 * Returns all paths of a controller. The path of a Unix socket has at most 107 bytes. If the state folder's path is too
 * long, the socket is in another folder that belongs to the user. In a folder that others can write to, they could
 * guess the socket's name and listen there first.
 */
export function paths(environment: Environment, givenState?: string): Paths {
  const state = stateDirectory(environment, givenState);
  const moved = givenState !== undefined || environment.AGENTCTL_STATE_DIR !== undefined;
  const runtime = environment.XDG_RUNTIME_DIR;
  const ownFolder =
    runtime === undefined
      ? join(tmpdir(), `agentctl-${process.getuid?.() ?? 'user'}`)
      : join(runtime, 'agentctl');
  const inState = join(state, 'agentctl.sock');
  const socket =
    moved || runtime === undefined
      ? Buffer.byteLength(inState) <= 107
        ? inState
        : join(ownFolder, `${hash(state)}.sock`)
      : join(ownFolder, 'agentctl.sock');
  return {
    state,
    database: join(state, 'agentctl.db'),
    journal: join(state, 'journal.db'),
    logs: join(state, 'logs'),
    key: join(state, 'key'),
    lock: join(state, 'lock'),
    socket: environment.AGENTCTL_SOCKET ?? socket,
  };
}

/** FNV-1a, 32 bits. Enough to distinguish the few state folders of a user. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value.toString(16).padStart(8, '0');
}

/** The log file of background controllers. */
export const controllerLog = (logs: string): string => join(logs, 'controller.log');

/** The paths of the rotated logs, newest first. */
export const rotatedLogs = (path: string): [string, string] => [`${path}.1`, `${path}.2`];
