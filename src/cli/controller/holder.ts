import { readFileSync } from 'node:fs';

/** The pid of the controller that holds the state folder's lock, though it may not answer. */
export function lockHolder(lock: string): number | undefined {
  const pid = readPid(`${lock}.pid`);
  return pid !== undefined && isAlive(pid) && isController(pid) ? pid : undefined;
}

function readPid(path: string): number | undefined {
  const pid = Number(read(path));
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

/** A pid that was left behind may be another program's by now. */
const isController = (pid: number): boolean =>
  read(`/proc/${pid}/cmdline`)?.split('\0').includes('serve') ?? false;

/** Undefined where there is no such file, or its process has just ended. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // the file system fails so
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // process.kill fails with nothing else but ESRCH
  }
}
