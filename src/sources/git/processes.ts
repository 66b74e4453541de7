import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';

/**
 * Kills the processes whose environment holds the variable with this value, whoever their parent is. Where there is no
 * /proc (macOS) none is found; what is left behind there ends by the timeouts of ssh.ts and config.ts.
 */
export function killAllWith(variable: string, value: string): void {
  const wanted = `\0${variable}=${value}\0`;
  for (const pid of processes()) if (`\0${environmentOf(pid)}\0`.includes(wanted)) kill(pid);
}

function processes(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return []; // there is no /proc
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
  } catch {
    // gone in between
  }
}
