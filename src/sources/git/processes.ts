import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { isCode } from '../../platform/code.ts';

/** Pauses before the looks, in ms. */
const pauses = [0, 10, 40, 150, 300, 500];

/**
 * Kills the processes whose environment holds the variable with this value, whoever their parent is. It looks several
 * times in a second: a process may fork while it is looked for, and one that is being executed has no environment yet.
 * Where there is no /proc (macOS) it finds none; what is left behind there ends by the timeouts of ssh.ts and config.ts.
 */
export async function killAllWith(variable: string, value: string): Promise<void> {
  const wanted = `\0${variable}=${value}\0`;
  for (const length of pauses) {
    if (length > 0) await pause(length, undefined, { ref: false });
    for (const pid of processes()) if (`\0${environmentOf(pid)}\0`.includes(wanted)) kill(pid);
  }
}

/** None where /proc cannot be read now: the next look may find some. */
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
    return ''; // gone, or another user's; whatever cannot be read ends by its own timeouts
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isCode(error, 'ESRCH', 'EPERM')) throw error;
  }
}
