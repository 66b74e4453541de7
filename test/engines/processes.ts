import { readdirSync, readFileSync } from 'node:fs';

/** How many processes of this host, those in containers too, have the marker among their arguments. */
export function countProcesses(marker: string): number {
  let count = 0;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const parts = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (parts[0]?.endsWith('sleep') && parts[1] === marker) count += 1;
    } catch {
      // It ended meanwhile.
    }
  }
  return count;
}
