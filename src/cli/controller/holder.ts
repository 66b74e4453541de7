import { readFileSync } from 'node:fs';

/** The pid of the controller that holds the state folder's lock, though it may not answer. */
export function lockHolder(lock: string): number | undefined {
  const pid = readPid(`${lock}.pid`);
  return pid !== undefined && isAlive(pid) && isController(pid) ? pid : undefined;
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined; // no such file: no controller
  }
}

/** A pid that was left behind may be another program's by now. */
function isController(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('serve');
  } catch {
    return false; // it has just ended
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // process.kill fails with nothing else
  }
}
