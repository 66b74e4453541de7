import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { isCode } from '../../platform/code.ts';

/** The delays before each scan, in ms. */
const pauses = [0, 10, 40, 150, 300, 500];

/**
 * Kills the processes with this value of the variable in their environment, whatever their parent. It scans several
 * times within a second: a process may fork during a scan, and a process in exec has no environment yet. Without /proc
 * (macOS) it finds none; there, leftover processes end by the timeouts of secrets.ts and config.ts.
 */
export async function killAllWith(variable: string, value: string): Promise<void> {
  const wanted = `\0${variable}=${value}\0`;
  for (const length of pauses) {
    if (length > 0) await pause(length, undefined, { ref: false });
    for (const pid of processes()) if (`\0${environmentOf(pid)}\0`.includes(wanted)) kill(pid);
  }
}

/** Returns none if /proc cannot be read now: the next scan may find some. */
function processes(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return ''; // gone, or another user's; an unreadable process ends by its own timeouts
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isCode(error, 'ESRCH', 'EPERM')) throw error;
  }
}
