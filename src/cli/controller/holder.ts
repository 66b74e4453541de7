import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import { ignoring, isCode } from '../../platform/code.ts';

/** Returns the pid of the controller that holds the state folder's lock, even if it does not answer. */
export function lockHolder(lock: string): number | undefined {
  const pid = readPid(`${lock}.pid`);
  return pid !== undefined && isAlive(pid) && isController(pid) && hasOpen(pid, lock) ? pid : undefined;
}

/** In a copy of a state folder, the pid is that of the original's controller, which has another lock file open. */
function hasOpen(pid: number, path: string): boolean {
  try {
    const own = statOf(path);
    if (own === undefined) return false;
    return readdirSync(`/proc/${pid}/fd`).some((file) => {
      const found = statOf(`/proc/${pid}/fd/${file}`);
      return found?.ino === own.ino && found.dev === own.dev;
    });
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ESRCH')) return false;
    if (isCode(error, 'EACCES', 'EPERM')) return true; // another user's: its open files cannot be read
    throw error;
  }
}

const statOf = (path: string): Stats | undefined => statSync(path, { throwIfNoEntry: false });

function readPid(path: string): number | undefined {
  const pid = Number(read(path));
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

/** A leftover pid may have been reused by another program. */
const isController = (pid: number): boolean =>
  read(`/proc/${pid}/cmdline`)?.split('\0').includes('serve') ?? false;

/** Returns undefined if there is no such file, or its process has just ended. */
function read(path: string): string | undefined {
  return ignoring(() => readFileSync(path, 'utf8'), 'ENOENT', 'ESRCH');
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, 'EPERM'); // process.kill throws nothing else but ESRCH
  }
}
