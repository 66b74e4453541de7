import { readdirSync, readFileSync } from 'node:fs';
import { expect, vi } from 'vitest';
import { newestRun, readMarks } from '../../../src/drivers/process/layout.ts';
import { isDead, readStat } from '../../../src/drivers/process/proc.ts';

/** Pids of the living processes with exactly this command line. */
export function processesWith(commandLine: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && commandLineOf(name) === commandLine)
    .map(Number)
    .filter((pid) => {
      const stat = readStat(pid);
      return stat !== undefined && !isDead(stat);
    });
}

/** The pids of the newest run of a ref. */
export async function pidsOf(ref: string): Promise<{ shim: number; main: number }> {
  const run = await newestRun(ref);
  const { shim, main } = run === undefined ? {} : await readMarks(run.folder);
  if (shim === undefined || main === undefined) throw new Error(`${ref} was not started`);
  return { shim: shim.pid, main: main.pid };
}

/** Stops the main process as a debugger would, and waits until it has stopped. */
export async function pause(ref: string): Promise<void> {
  const { main } = await pidsOf(ref);
  process.kill(main, 'SIGSTOP');
  await vi.waitFor(() => expect(readStat(main)?.state).toBe('T'), { interval: 2 });
}

function commandLineOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1).join(' ');
  } catch {
    // Gone since it was listed.
    return undefined;
  }
}
