import { readdirSync, readFileSync } from 'node:fs';
import { isRunning } from './harness.ts';

/** Pids of the collector of a state folder, and of its guard. */
export function processesOf(stateDir: string): { collectors: number[]; guards: number[] } {
  const found = { collectors: [] as number[], guards: [] as number[] };
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    const words = wordsOf(name);
    if (!words.includes(`${stateDir}/instances`) || !words.includes('__collect')) continue;
    if (!isRunning(Number(name))) continue;
    (words.includes('agentctl-collector') ? found.guards : found.collectors).push(Number(name));
  }
  return found;
}

function wordsOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // gone since it was listed
  }
}
