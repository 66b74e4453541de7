import { type Clock, sleep } from '../../platform/clock.ts';
import { type Cgroups, killCgroup } from './cgroups.ts';
import { killFailed } from './failures.ts';
import { cgroupOf, type Marks, type Run } from './layout.ts';
import type { Looks } from './looks.ts';
import { isDead, living, type ProcessId, type ScannedProcess, sameProcess, sendKill } from './proc.ts';

/** What to end, and what to spare. */
export interface KillTarget {
  instanceUid: string;
  /** Processes of this run and of those before it: a later one may be starting. */
  upToRun: number;
  /** Spares the runs before this one, whose shims may wait for their output to be read. */
  fromRun?: number | undefined;
  /** Main process of the newest run of this boot: its group and session are the instance's. */
  main?: ProcessId | undefined;
  shim?: ProcessId | undefined;
  /** It lives on to write the exit down. */
  spareShim?: boolean | undefined;
  /** Holds all of the newest run but its shim and what moved to another cgroup. */
  cgroup?: string | undefined;
  /** Also what moved to another cgroup. Without it, nobody looks at the processes of the host where there is a cgroup. */
  moved?: boolean | undefined;
}

/** A run and those before it. */
export const killTargetOf = (run: Run, marks: Marks): KillTarget => ({
  instanceUid: run.meta.identity.uid,
  upToRun: run.number,
  main: marks.main,
  shim: marks.shim,
  cgroup: cgroupOf(run, marks),
});

export type Reap = (target: KillTarget) => Promise<void>;

/** A fork bomb is given so many rounds, and whatever cannot die about two seconds. */
const rounds = 200;

/** A process that is just being executed shows no environment for a moment. */
const cleanLooks = 3;

/**
 * SIGKILL to every process of an instance, until none is left: all that is in its cgroup, where it has one. Without one,
 * and for what moved to another (`su -l` and `systemd-run --scope` do so): by AGENTCTL_INSTANCE_UID in the environment, by
 * group, by session, and by descent from one of these. Calls at the same time share one look at /proc.
 */
export function createReaper(clock: Clock, looks: Looks, cgroups: () => Promise<Cgroups | undefined>): Reap {
  const byMarks = async (target: KillTarget): Promise<void> => {
    let left: ScannedProcess[] = [];
    for (let round = 0, clean = 0; round < rounds; round++) {
      const all = await looks.next();
      left = processesOf(all, target);
      clean = left.length === 0 ? clean + 1 : 0;
      const isUnsure = target.cgroup === undefined && all.some((one) => mayBecomeOurs(one, target));
      if (clean >= (isUnsure ? cleanLooks : 1)) return;
      // After the look, since it takes their parents from others. One call ends a whole group: nothing forks away.
      if (target.main !== undefined && living(target.main)?.group === target.main.pid)
        sendKill(-target.main.pid);
      for (const one of left) if (living(one) !== undefined) sendKill(one.pid);
      await sleep(clock, Math.min(round, 20));
    }
    throw killFailed(left.map(({ pid }) => pid));
  };

  return async (target) => {
    await (await cgroups())?.kill(target.instanceUid, target.upToRun);
    if (target.cgroup === undefined) return byMarks(target);
    await killCgroup(clock, target.cgroup);
    if (target.moved === true) await byMarks(target);
    if (target.shim !== undefined && target.spareShim !== true) await killOne(clock, target.shim);
  };
}

/** SIGKILL to one process, until it has ended. Throws KillFailed. */
export async function killOne(clock: Clock, id: ProcessId): Promise<void> {
  for (let round = 0; living(id) !== undefined; round++) {
    if (round === rounds) throw killFailed([id.pid]);
    sendKill(id.pid);
    await sleep(clock, Math.min(round, 20));
  }
}

const mayBecomeOurs = (candidate: ScannedProcess, { main }: KillTarget): boolean =>
  candidate.bare && !isDead(candidate) && candidate.start >= (main?.start ?? 0);

/** Which of all processes are the instance's, without the spared. */
export function processesOf(all: readonly ScannedProcess[], target: KillTarget): ScannedProcess[] {
  const others = all.filter(
    ({ pid, instanceUid, run }) =>
      pid !== process.pid &&
      (instanceUid === undefined ||
        (instanceUid === target.instanceUid && run <= target.upToRun && run >= (target.fromRun ?? 0))),
  );
  // The number of a group or session is not given out again while it has a member.
  const { main } = target;
  const leader = all.find(({ pid }) => pid === main?.pid);
  const inSession = (candidate: ScannedProcess): boolean =>
    main !== undefined &&
    (leader === undefined || sameProcess(leader, main)) &&
    candidate.start >= main.start &&
    (candidate.session === main.pid || candidate.group === main.pid);

  const found = new Set(
    others.filter((candidate) => candidate.instanceUid === target.instanceUid || inSession(candidate)),
  );
  const pids = new Set([...found].map(({ pid }) => pid));
  for (let before = -1; before < found.size; ) {
    before = found.size;
    for (const candidate of others)
      if (pids.has(candidate.parent)) {
        found.add(candidate);
        pids.add(candidate.pid);
      }
  }
  return [...found].filter(
    (candidate) =>
      !isDead(candidate) &&
      !(target.spareShim === true && target.shim !== undefined && sameProcess(candidate, target.shim)),
  );
}
