import { access, constants, open, stat, statfs } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { resolve } from 'node:path';
import type { AgentSpec } from '../../api/objects.ts';
import { listed, oneWordHint } from '../../api/text.ts';
import type { Clock } from '../../platform/clock.ts';
import { ignoringAsync, isCode } from '../../platform/code.ts';
import { DriverError } from '../driver.ts';
import { tooManyOpenFiles } from '../open-files.ts';
import { living } from '../proc.ts';
import type { Marks } from './layout.ts';
import { reservedVariable } from './process-host.ts';

/** Throws NotStartable unless the folder exists. */
export async function checkWorkingDir(path: string): Promise<void> {
  if (!(await isFolder(path)))
    throw new DriverError(
      'NotStartable',
      'WorkingDirMissing',
      `spec.template.workingDir: the folder ${path} does not exist:`,
      { remedy: 'create it, or remove the field to use a folder of its own' },
    );
}

export type CheckCommand = (command: string, path: string, workingDir: string) => Promise<void>;

/** How long a command that was found is cached: a hundred concurrent starts look for it once. */
const foundForMs = 1000;

/**
 * Throws NotStartable unless the command exists and is executable, as execvp would find it: so a typing error starts no
 * run.
 */
export function createCommandCheck(clock: Clock): CheckCommand {
  const found = new Map<string, { until: number; check: Promise<void> }>();
  return (command, path, workingDir) => {
    const folders = command.includes('/') ? [''] : path.split(':');
    const places = folders.map((folder) => resolve(workingDir, folder, command));
    const key = places.join(':');
    const known = found.get(key);
    if (known !== undefined && clock.now() < known.until) return known.check;
    const check = findCommand(command, path, places);
    found.set(key, { until: clock.now() + foundForMs, check });
    check.catch(() => found.delete(key));
    return check;
  };
}

async function findCommand(command: string, path: string, places: readonly string[]): Promise<void> {
  let refused: string | undefined;
  for (const place of places) {
    const found = await look(place);
    if (found === 'Executable') return checkInterpreter(command, place);
    if (found === 'Refused') refused ??= place;
  }
  throw new DriverError(
    'NotStartable',
    'CommandNotFound',
    refused !== undefined
      ? `spec.template.command: ${refused} is not executable: run chmod +x on it, or use another command`
      : command.includes('/')
        ? `spec.template.command: the file ${places[0]} does not exist; install it, or correct the path${oneWordHint(command)}`
        : `spec.template.command: "${command}" was not found in PATH (${path}); install it, use its absolute path, or set PATH in spec.template.env${oneWordHint(command)}`,
  );
}

async function look(place: string): Promise<'Executable' | 'Refused' | 'Missing'> {
  try {
    if (!(await stat(place)).isFile()) return 'Refused';
    await access(place, constants.X_OK);
    return 'Executable';
  } catch (error) {
    if (isCode(error, 'EACCES', 'EPERM')) return 'Refused';
    if (isCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return 'Missing';
    throw error;
  }
}

/** If the interpreter of a script is missing, the kernel reports the script itself as missing. */
async function checkInterpreter(command: string, place: string): Promise<void> {
  const interpreter = /^#![ \t]*(\S+)/.exec(await firstBytes(place))?.[1];
  if (interpreter === undefined || (await look(interpreter)) === 'Executable') return;
  throw new DriverError(
    'NotStartable',
    'CommandNotFound',
    `spec.template.command: the script ${place} ("${command}") requires the interpreter ${interpreter}, which does not exist; install it`,
  );
}

async function firstBytes(path: string): Promise<string> {
  try {
    // The file may have become a FIFO, whose open would block.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(256), length: 256, position: 0 });
    return buffer.toString('latin1', 0, bytesRead);
  } catch (error) {
    // A program may be executable but not readable.
    if (isCode(error, 'EACCES')) return '';
    throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await ignoringAsync(stat(path), 'ENOENT', 'ENOTDIR', 'EACCES'))?.isDirectory() ?? false;
}

/** What this host allows the controller to do. */
interface Host {
  /** Whether it may change the user. */
  canSwitchUser: boolean;
}

/** Returns each reason as `field: why, and what to do`. No field that a process does not support is ignored. */
export function unsupportedFields(spec: AgentSpec, host: Host): string[] {
  const template = spec.template;
  const reasons: string[] = [];
  const refuse = (field: string, why: string): void => void reasons.push(`spec.template.${field}: ${why}`);

  if (template.image !== undefined)
    refuse('image', 'a process has no image; remove it or use a container Runtime');
  if ((template.command ?? []).length === 0) refuse('command', 'a process requires a command');
  if ((template.volumes ?? []).length > 0)
    refuse(
      'volumes',
      'a process has direct access to the host; use host paths in the command, or spec.template.files',
    );
  if ((template.volumeMounts ?? []).length > 0) refuse('volumeMounts', 'a process cannot have mounts');
  for (const limit of ['cpu', 'memory', 'pids'] as const)
    if (template.resources?.limits?.[limit] !== undefined)
      refuse(`resources.limits.${limit}`, 'only a container Runtime can limit a whole instance');
  if (template.readOnlyRootFilesystem)
    refuse('readOnlyRootFilesystem', 'a process uses the file system of the host; use a container Runtime');
  if (template.security !== undefined)
    refuse(
      'security',
      'a process has the permissions of its user: set spec.template.user, or use a container Runtime',
    );
  const network = template.network;
  if (network !== undefined && (network.mode !== 'Host' || network.name !== undefined))
    refuse('network', 'a process uses the network of the host; remove it or set mode: Host');
  if ((network?.ports ?? []).length > 0)
    refuse('network.ports', 'a process listens on the host directly; remove the ports');
  if (template.user !== undefined && !host.canSwitchUser)
    refuse('user', 'only a controller that runs as root, on a host with setpriv, can change the user');
  if (template.workingDir !== undefined && !template.workingDir.startsWith('/'))
    refuse('workingDir', 'must be an absolute path');
  template.files?.forEach((file, index) => {
    if (leavesFolder(file.path))
      refuse(`files[${index}].path`, 'must be relative and stay in the working directory of the process');
  });
  template.env?.forEach((variable, index) => {
    if (reservedVariable(variable.name))
      refuse(`env[${index}].name`, `a shell cannot pass on "${variable.name}"; use another name`);
  });
  return reasons;
}

export const leavesFolder = (path: string): boolean =>
  path === '' || path.startsWith('/') || path.endsWith('/') || path.split('/').includes('..');

/** Translates any failure of a start for the planner. */
export function asDriverError(error: unknown): DriverError {
  if (error instanceof DriverError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (isCode(error, 'ENOSPC', 'EDQUOT')) return diskFull(message, error);
  if (isCode(error, 'EMFILE', 'ENFILE')) return tooManyOpenFiles(error);
  const text = `the process could not be prepared: ${message}`;
  return new DriverError('Retryable', 'StartFailed', text, { cause: error });
}

/** Returns why a shim left no main process, as far as it can be seen from here. */
export async function notBegun(ref: string, marks: Marks, limitMs: number): Promise<DriverError> {
  const { claimed, shim } = marks;
  if (marks.void === true)
    return new DriverError('NotStartable', 'GivenUp', 'the start was cancelled before the program began');
  const { bavail, ffree, files } = await statfs(ref);
  if (bavail === 0 || (files > 0 && ffree === 0)) return diskFull(ref);
  const shimEnded = shim !== undefined && living(shim) === undefined;
  if (shimEnded)
    return new DriverError(
      'Retryable',
      'StartFailed',
      `the shell that waits for the process (pid ${shim.pid}) ended before the program started: it was killed, or it cannot write in ${ref} or enter the working directory`,
    );
  const stage = claimed ? 'had not finished starting it' : 'had not begun to start it';
  // Not the agent's fault, so it is not counted as a failure.
  return new DriverError(
    'NotStartable',
    'HostBusy',
    `the start timed out: after ${limitMs / 1000} s the shell ${stage}. The host is very busy (load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} processors)`,
  );
}

export function killFailed(pids: readonly number[]): DriverError {
  const names = pids.map(String);
  return new DriverError(
    'Retryable',
    'KillFailed',
    `processes of the instance do not end after SIGKILL: ${listed(names)};`,
    { remedy: `show them with: ps -o pid,stat,wchan,args -p ${names.slice(0, 10).join(',')}` },
  );
}

/** The program may have changed its own environment, so that is not what it was given. */
export const environmentUnknown = (ref: string): DriverError =>
  new DriverError(
    'Retryable',
    'EnvironmentUnknown',
    `it is unknown which environment ${ref} was started with`,
  );

export const gone = (ref: string): DriverError =>
  new DriverError('Retryable', 'Gone', `the process ${ref} no longer exists`);

/** Only a controller with an outdated cache can cause this. */
export const superseded = (ref: string, run: number, newest: number): DriverError =>
  new DriverError('Retryable', 'Superseded', `run ${run} of ${ref} is outdated: run ${newest} is newer`);

const diskFull = (what: string, cause?: unknown): DriverError =>
  new DriverError(
    'Retryable',
    'DiskFull',
    `no space left for the files of the process (${what}); free some space`,
    {
      cause,
    },
  );
