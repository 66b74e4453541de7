import { readFileSync } from 'node:fs';

/** What one row of the table tells. Samples are of one unit, at least one. */
export interface Measurement {
  name: string;
  unit: 'ms' | '%' | 'MB' | '/s';
  samples: readonly number[];
  /** What it stands beside, measured in the same run, in the same unit. */
  reference?: { name: string; samples: readonly number[] };
  /**
   * A bound on the ratio to the reference, as machines differ: at most so many `times`, with `plus` what is waited for on
   * purpose, or at least such a `share`.
   */
  aim?: { times: number; plus?: number } | { share: number };
}

interface Skipped {
  name: string;
  why: string;
}

export type Row = Measurement | Skipped;

export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1] ?? Number.NaN, sorted[Math.floor(middle)] ?? Number.NaN];
  return (low + high) / 2;
}

/** Milliseconds that it took. */
export async function timed(action: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await action();
  return performance.now() - begun;
}

/** Calls one after the other; their answers. */
export async function repeated<T>(times: number, action: (round: number) => Promise<T>): Promise<T[]> {
  const answers: T[] = [];
  for (let round = 0; round < times; round += 1) answers.push(await action(round));
  return answers;
}

/** Asks every two milliseconds; fails after five minutes. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 300_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within five minutes: ${condition}`);
    await new Promise((done) => setTimeout(done, 2));
  }
}

/** Memory of a process, in MB. */
export const residentOf = (pid: number): number =>
  (Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024) / 1e6;
