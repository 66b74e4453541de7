import { setImmediate } from 'node:timers/promises';
import { type Cancel, type Clock, sleep } from '../../platform/clock.ts';
import { type ProcessId, type ScannedProcess, scan } from './proc.ts';

/** A run whose processes have no cgroup of their own, so that they must be found by their marks. */
export interface Uncontained {
  instanceUid: string;
  run: number;
  main: ProcessId;
}

/**
 * Looks at all processes of the host, shared by all runs: however many ask, looks take at most a fifth of a core's time.
 * While there are runs without cgroups one is made from time to time, which remembers whose descendant a process was seen
 * to be: it may lose its environment, session and parent later.
 */
export interface Looks {
  /** A look that begins after this call. */
  next(): Promise<ScannedProcess[]>;
  /** The result ends it. */
  remember(run: Uncontained): () => void;
  close(): void;
}

const everyMs = 1000;
/** After a look so many times its length passes before the next one: of the regular ones, and of those that are asked for. */
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
    let others = 0; // what others did meanwhile is no work of the look
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
      // One that fails remembers nothing; who needs a look asks for the next one, and is told.
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
 * All processes, each with the instance whose it is: by its own environment, by what it was seen to be before, as the main
 * process of a run, or as that of its parent.
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
    known.set(one.pid, undefined); // while a look goes on pids may be given anew: no circle is followed
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
