import { type Clock, sleep } from '../../platform/clock.ts';
import { type Cgroups, killCgroup } from './cgroups.ts';
import { killFailed } from './failures.ts';
import { cgroupOf, type Marks, type Run } from './layout.ts';
import type { Looks } from './looks.ts';
import { isDead, living, type ProcessId, type ScannedProcess, sameProcess, sendKill } from './proc.ts';

/** What to end, and what to spare. */
export interface KillTarget {
  instanceUid: string;
  /** Kills processes of this run and of earlier runs: a later run may be starting. */
  upToRun: number;
  /** Spares the runs before this one, whose shims may wait until their output is read. */
  fromRun?: number | undefined;
  /** Main process of the newest run of this boot: its group and session belong to the instance. */
  main?: ProcessId | undefined;
  shim?: ProcessId | undefined;
  /** The shim survives, to record the exit. */
  spareShim?: boolean | undefined;
  /** Contains all of the newest run except its shim and what moved to another cgroup. */
  cgroup?: string | undefined;
  /**
   * Also kills what moved to another cgroup. Without this, the processes of the host are not scanned if there is a
   * cgroup.
   */
  moved?: boolean | undefined;
}

/** The target for a run and all earlier runs. */
export const killTargetOf = (run: Run, marks: Marks): KillTarget => ({
  instanceUid: run.meta.identity.uid,
  upToRun: run.number,
  main: marks.main,
  shim: marks.shim,
  cgroup: cgroupOf(run, marks),
});

export type Reap = (target: KillTarget) => Promise<void>;

/** Enough rounds for a fork bomb, and about two seconds for a process that cannot be killed. */
const rounds = 200;

/** A process during exec shows no environment for a moment, so one clean look is not enough. */
const cleanLooks = 3;

/**
 * Kills every process of an instance until none is left: everything in its cgroup, if it has one. Without a cgroup, and
 * for what moved to another one (`su -l` and `systemd-run --scope` do that), processes are found by
 * AGENTCTL_INSTANCE_UID in the environment, by group, by session, and by descent from one of these. Concurrent calls
 * share one look at /proc.
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
      // After the look, because a kill changes the parents of other processes. One call kills a whole group, so that
      // nothing forks meanwhile.
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

/** Sends SIGKILL to one process until it has ended. Throws KillFailed. */
export async function killOne(clock: Clock, id: ProcessId): Promise<void> {
  for (let round = 0; living(id) !== undefined; round++) {
    if (round === rounds) throw killFailed([id.pid]);
    sendKill(id.pid);
    await sleep(clock, Math.min(round, 20));
  }
}

const mayBecomeOurs = (candidate: ScannedProcess, { main }: KillTarget): boolean =>
  candidate.bare && !isDead(candidate) && candidate.start >= (main?.start ?? 0);

/** Returns the processes that belong to the instance, without the spared ones. */
export function processesOf(all: readonly ScannedProcess[], target: KillTarget): ScannedProcess[] {
  const others = all.filter(
    ({ pid, instanceUid, run }) =>
      pid !== process.pid &&
      (instanceUid === undefined ||
        (instanceUid === target.instanceUid && run <= target.upToRun && run >= (target.fromRun ?? 0))),
  );
  // The id of a group or session is not reused while it has a member.
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
