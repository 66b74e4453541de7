import { access, constants, open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { oneWordHint } from '../../api/text.ts';
import type { Clock } from '../../platform/clock.ts';
import { ignoringAsync, isCode } from '../../platform/code.ts';
import { DriverError } from '../driver.ts';

/** Throws NotStartable unless the folder exists. */
export async function checkWorkingDir(path: string): Promise<void> {
  if (!(await isFolder(path)))
    throw new DriverError(
      'NotStartable',
      'WorkingDirMissing',
      `spec.template.workingDir: the folder ${path} does not exist: create it, or remove the field to use a folder of its own`,
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
