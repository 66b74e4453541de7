import type { Observed } from '../../plan/world.ts';
import type { Log } from '../../platform/log.ts';
import type { Cgroups } from './cgroups.ts';
import type { CollectorClient } from './collector/collector-client.ts';
import { allRefs, clearLeftovers, endShims, type InstanceDeps } from './instances.ts';
import { discardRun, type Marks, type Run, readMarks, runNumbers } from './layout.ts';
import type { createInside } from './process-exec.ts';
import { killTargetOf } from './reap.ts';
import type { createEnds } from './run-watch.ts';

/** How many runs of one ref are kept with their output, including the newest. */
const keptRuns = 5;

/** Ends what earlier runs and earlier controllers left. */
interface EarlierRuns {
  /** Must run before anything is created: later it would delete what is just being created. Runs once. */
  clear(): Promise<void>;
  /** The first call ends what runs left that ended while no controller ran. */
  adopt(all: readonly Observed[]): void;
  /** Kills processes of earlier runs of an instance whose folder is gone. */
  endEarlier(instanceUid: string, upToRun: number): Promise<void>;
  /**
   * Kills processes that moved to another cgroup, in runs whose main process ended by itself: nothing has looked for
   * them so far.
   */
  endMoved(): Promise<void>;
  dropOldRuns(ref: string): Promise<void>;
}

export function createEarlierRuns(parts: {
  instances: InstanceDeps;
  log: Log;
  cgroups: () => Promise<Cgroups | undefined>;
  ends: ReturnType<typeof createEnds>;
  inside: ReturnType<typeof createInside>;
  collector: CollectorClient;
  /** Returns the newest run if the ref is ours. */
  find: (ref: string) => Run | undefined;
  marksOf: (run: Run) => Marks;
}): EarlierRuns {
  const { instances, log, cgroups, ends, inside, collector, find, marksOf } = parts;
  const { root, reap, bootId } = instances;
  let cleared: Promise<void> | undefined;
  let adopted = false;

  return {
    clear() {
      const all = async (): Promise<void> => {
        await clearLeftovers(instances);
        await (await cgroups())?.clear();
      };
      cleared ??= all().catch((error: unknown) => {
        cleared = undefined;
        throw error;
      });
      return cleared;
    },

    adopt(all) {
      if (adopted) return;
      adopted = true;
      inside.clear();
      if (all.length > 0) void collector.ensure();
      for (const { ref, state } of all) {
        const run = state === 'Exited' ? find(ref) : undefined;
        if (run?.meta.bootId === bootId) ends.sweepSoon(ref, run, readMarks(run.folder));
      }
    },

    async endEarlier(instanceUid, upToRun) {
      const held = await cgroups();
      if (held?.knows(instanceUid) === true) await held.kill(instanceUid, upToRun);
      else await reap({ instanceUid, upToRun });
    },

    async endMoved() {
      const ended = allRefs(root).map(async (ref) => {
        const run = find(ref);
        const marks = run === undefined ? undefined : marksOf(run);
        if (run !== undefined && marks?.exit !== undefined)
          await reap({ ...killTargetOf(run, marks), spareShim: true, moved: true });
      });
      for (const result of await Promise.allSettled(ended))
        if (result.status === 'rejected')
          log.warn({ err: result.reason }, 'processes of a run that has ended may remain');
    },

    async dropOldRuns(ref) {
      const old = (runNumbers(ref) ?? []).slice(keptRuns);
      await endShims(instances, ref, old);
      for (const run of old) await discardRun(ref, run);
    },
  };
}
