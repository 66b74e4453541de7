import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { bundleOptions, root } from '../../../scripts/bundle/options.ts';
import type { Measurement } from '../measure.ts';

/** In milliseconds. */
export interface Taken {
  wall: number;
  /** Of the controller's own process, without the git that it starts. */
  processor: number;
}

/** In MB. */
export interface Kept {
  /** With what buffers hold outside of it, after a collection of garbage. */
  heap: number;
  resident: number;
  /** The most that there was until then. */
  disk: number;
}

export interface Syncing {
  first: Taken;
  /** `git ls-remote`, as a whole process. */
  remote: number[];
  unchanged: Taken[];
  changed: Taken[];
  after100: Kept;
  after1000: Kept;
  /** How long its thread worked at most without a pause, in milliseconds: while 16 MiB are pushed, and at a sync of the 1,000. */
  pause: number;
  usualPause: number;
}

/** 1,000 manifests, each in a file of one repository, by a controller in a process of its own, bundled as the product is. */
export async function syncSet(): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-bench-'));
  try {
    const program = join(folder, 'syncing.cjs');
    await build({
      ...bundleOptions,
      entryPoints: [join(root, 'test/bench/syncing.ts')],
      outfile: program,
    });
    const { first, remote, unchanged, changed, after100, after1000, pause, usualPause } =
      await syncing(program);
    const kept = (what: keyof Kept, times: number): Measurement => ({
      name: `1,000 syncs of 1,000 manifests, 200 with a change: ${what}`,
      unit: 'MB',
      samples: [after1000[what]],
      reference: { name: 'after 100', samples: [after100[what]] },
      aim: { times },
    });
    return [
      {
        name: 'sync of 1,000 manifests, none changed',
        unit: 'ms',
        samples: unchanged.map(({ wall }) => wall),
        reference: { name: 'git ls-remote', samples: remote },
        aim: { times: 5 },
      },
      {
        name: 'sync of 1,000 manifests, one changed',
        unit: 'ms',
        samples: changed.map(({ wall }) => wall),
        reference: { name: 'the first sync', samples: [first.wall] },
        aim: { times: 0.5 },
      },
      {
        name: 'sync of 1,000 manifests, one changed: processor',
        unit: 'ms',
        samples: changed.map(({ processor }) => processor),
        reference: { name: 'the first sync', samples: [first.processor] },
        aim: { times: 0.5 },
      },
      kept('heap', 1.1),
      kept('resident', 1.2), // with what V8 keeps for the next burst
      kept('disk', 1.1),
      {
        name: 'push of 16 MiB: longest hold of the controller',
        unit: 'ms',
        samples: [pause],
        reference: { name: 'first sync of 1,000 manifests', samples: [usualPause] },
        aim: { times: 2 },
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function syncing(program: string): Promise<Syncing> {
  return new Promise((resolve, reject) => {
    const child = fork(program);
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the controller that syncs ended with ${code}`)));
    // It sends nothing else.
    child.on('message', (result) => resolve(result as Syncing));
  });
}
