import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { bundleOptions, root } from '../../../scripts/bundle/options.ts';
import type { Measurement } from '../measure.ts';

export interface Usage {
  /** Percent of one core, a second each. */
  cpu: number[];
  /** Resident memory, in MB. */
  memory: number[];
}

/** A controller in a process of its own, bundled as the product is, with instances of a fake engine that run: many beside few. */
export async function rest(): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-bench-'));
  try {
    const program = join(folder, 'resting.cjs');
    await build({
      ...bundleOptions,
      entryPoints: [join(root, 'test/bench/resting.ts')],
      outfile: program,
    });
    const [few, many] = [await usageOf(program, 50), await usageOf(program, 1000)];
    const row = (
      what: string,
      of: (usage: Usage) => number[],
      unit: '%' | 'MB',
      times: number,
    ): Measurement => ({
      name: `1,000 instances at rest: ${what}`,
      unit,
      samples: of(many),
      reference: { name: '50 instances', samples: of(few) },
      aim: { times },
    });
    return [row('processor', ({ cpu }) => cpu, '%', 5), row('memory', ({ memory }) => memory, 'MB', 2)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function usageOf(program: string, agents: number): Promise<Usage> {
  return new Promise((resolve, reject) => {
    const child = fork(program, [String(agents)]);
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the controller at rest ended with ${code}`)));
    // It sends nothing else.
    child.on('message', (usage) => resolve(usage as Usage));
  });
}
