import { setImmediate } from 'node:timers/promises';
import { type Cancel, type Clock, sleep } from '../../platform/clock.ts';
import { type ProcessId, type ScannedProcess, scan } from './proc.ts';

/** A run whose processes have no cgroup, so that they must be found by their marks. */
export interface Uncontained {
  instanceUid: string;
  run: number;
  main: ProcessId;
}

/**
 * Scans all processes of the host ("a look"), shared by all runs: looks take at most a fifth of a core's time, however
 * many callers there are. While there are runs without cgroups, regular looks record the ancestry of their processes,
 * because a process may lose its environment, session and parent later.
 */
export interface Looks {
  /** Returns the result of a look that begins after this call. */
  next(): Promise<ScannedProcess[]>;
  /** The returned function ends it. */
  remember(run: Uncontained): () => void;
  close(): void;
}

const everyMs = 1000;
/** The pause after a look, as a multiple of its length: for regular looks, and for requested ones. */
const rest = { regular: 50, asked: 4 };

export function createLooks(
  clock: Clock,
  look: (pause: () => Promise<unknown>) => Promise<ScannedProcess[]> = scan,
): Looks {
  const runs = new Set<Uncontained>();
  let owners: ReadonlyMap<number, Owned> = new Map();
  let pending: Promise<ScannedProcess[]> | undefined;
  let lastEnd = 0;
  let lastLength = 0;
  let cancel: Cancel | undefined;

  const take = async (): Promise<ScannedProcess[]> => {
    await sleep(clock, lastEnd + lastLength * rest.asked - clock.now());
    pending = undefined;
    const begun = clock.now();
    let others = 0; // time of other work, which is not part of the look
    const all = await look(async () => {
      const paused = clock.now();
      await setImmediate();
      others += clock.now() - paused;
    });
    lastEnd = clock.now();
    lastLength = lastEnd - begun - others;
    const found = withOwners(all, runs, owners);
    owners = new Map(
      found.flatMap(({ pid, start, instanceUid, run }) =>
        instanceUid === undefined ? [] : [[pid, { start, instanceUid, run }]],
      ),
    );
    return found;
  };
  const next = (): Promise<ScannedProcess[]> => {
    pending ??= take();
    return pending;
  };
  const schedule = (): void => {
    cancel ??= clock.after(Math.max(everyMs, lastLength * rest.regular), () => {
      cancel = undefined;
      if (runs.size === 0) return;
      // A failed look records nothing; a caller that needs a look requests the next one and gets its error.
      next().then(schedule, schedule);
    });
  };

  return {
    next,
    remember(run) {
      runs.add(run);
      schedule();
      return () => runs.delete(run);
    },
    close() {
      runs.clear();
      cancel?.();
    },
  };
}

interface Owned {
  start: number;
  instanceUid: string;
  run: number;
}

/**
 * Returns all processes, each with the instance that owns it: by its environment, by the owner that was recorded
 * before, as the main process of a run, or by its parent.
 */
export function withOwners(
  all: readonly ScannedProcess[],
  runs: Iterable<Uncontained>,
  before: ReadonlyMap<number, Owned>,
): ScannedProcess[] {
  const byPid = new Map(all.map((one) => [one.pid, one]));
  const known = new Map<number, Omit<Owned, 'start'> | undefined>();
  for (const { instanceUid, run, main } of runs)
    if (byPid.get(main.pid)?.start === main.start) known.set(main.pid, { instanceUid, run });

  const ownerOf = (one: ScannedProcess): Omit<Owned, 'start'> | undefined => {
    if (known.has(one.pid)) return known.get(one.pid);
    known.set(one.pid, undefined); // pids may be reused during a look, so this stops cycles
    const earlier = before.get(one.pid);
    const parent = byPid.get(one.parent);
    const owner =
      one.instanceUid !== undefined
        ? { instanceUid: one.instanceUid, run: one.run }
        : earlier?.start === one.start
          ? earlier
          : parent === undefined
            ? undefined
            : ownerOf(parent);
    known.set(one.pid, owner);
    return owner;
  };

  return all.map((one) => {
    const owner = ownerOf(one);
    return owner === undefined ? one : { ...one, instanceUid: owner.instanceUid, run: owner.run };
  });
}
