import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { signalNumber } from '../../api/signal.ts';
import { type Cancel, type Clock, sleep } from '../../platform/clock.ts';
import { isCode } from '../../platform/code.ts';
import type { Log } from '../../platform/log.ts';
import { DriverError } from '../driver.ts';
import {
  addDescendants,
  isDead,
  type Looks,
  living,
  type ProcessId,
  type ProcessStat,
  readEnvironment,
  readStat,
  type ScannedProcess,
  sameProcess,
  sendKill,
  sendSignal,
} from '../proc.ts';
import { type Cgroups, killCgroup } from './cgroups.ts';
import { cgroupOf, type Marks, type Run } from './layout.ts';
import { killFailed } from './process-checks.ts';

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

/**
 * Signals a main process, or its group; succeeds if it has ended. Throws Terminal `InvalidSpec` if there is no such
 * signal.
 */
export function signalMain(main: ProcessId, signal: string, scope: 'Main' | 'Group' | undefined): void {
  if (living(main) === undefined) return;
  const number = signalNumber(signal);
  if (number === undefined)
    throw new DriverError(
      'Terminal',
      'InvalidSpec',
      `the policy's stop.signal "${signal}" is not a Linux signal`,
    );
  // The main process has no group of its own until setsid has run.
  const send = (given: number | NodeJS.Signals): boolean =>
    (scope === 'Group' && sendSignal(-main.pid, given)) || sendSignal(main.pid, given);
  send(number);
  if (living(main)?.state === 'T') send('SIGCONT'); // a stopped process does not react to signals
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
  addDescendants(found, others);
  return [...found].filter(
    (candidate) =>
      !isDead(candidate) &&
      !(target.spareShim === true && target.shim !== undefined && sameProcess(candidate, target.shim)),
  );
}

/** Set in the environment of every command that a probe runs, and inherited by everything that it starts. */
export const markVariable = 'AGENTCTL_PROBE';

/** Marks of the commands that run now, of all drivers of this process. */
const running = new Set<string>();

/** How often processes that may have dropped their mark are looked for, while commands are run. */
const sweepEvery = 10_000;

/** Enough probeRounds for a fork bomb. */
const probeRounds = 50;

/** A process during exec shows no environment for a moment, so one clean look is not enough. */
const probeLooks = 2;

interface Leftovers {
  /** Returns a mark for one command. Give it back when the command has ended. */
  take(): string;
  giveBack(mark: string): void;
  /**
   * Kills everything that ended commands left: by their mark, by the session of `leader` and by descent from these,
   * until nothing is left.
   */
  kill(leader?: ProcessId): Promise<void>;
  close(): void;
}

/** Kills what commands of probes leave behind. `owner` identifies the successive controllers of one state folder. */
export function createLeftovers(clock: Clock, log: Log, owner: string): Leftovers {
  let next: Cancel | undefined;
  let closed = false;

  const kill = async (leader?: ProcessId): Promise<void> => {
    const refused = new Map<number, ProcessId>();
    try {
      for (let round = 0, clean = 0; round < probeRounds && clean < probeLooks; round++) {
        const found = (await look(owner, leader)).filter((one) => refused.get(one.pid)?.start !== one.start);
        for (const one of found) if (!killSame(one)) refused.set(one.pid, one);
        clean = found.length === 0 ? clean + 1 : 0;
        await sleep(clock, 5);
      }
    } catch (error) {
      // The processes of the command itself are known anyway, and the next sweep tries again.
      log.warn({ err: error }, 'processes that a probe started could not be killed');
    }
    if (refused.size > 0)
      log.warn(
        { pids: [...refused.keys()] },
        'processes that a probe started cannot be killed, for lack of permission',
      );
  };

  return {
    take() {
      const mark = `${owner}:${randomUUID()}`;
      running.add(mark);
      return mark;
    },
    giveBack(mark) {
      running.delete(mark);
      if (closed) return;
      next ??= clock.after(sweepEvery, () => {
        next = undefined;
        void kill();
      });
    },
    kill,
    close() {
      closed = true;
      next?.();
    },
  };
}

/** Looks again first, because the pid may have been reused. Returns false if we have no permission to kill it. */
function killSame(one: ProcessId): boolean {
  try {
    if (living(one) !== undefined) sendKill(one.pid);
    return true;
  } catch (error) {
    if (isCode(error, 'EPERM')) return false;
    throw error;
  }
}

/** In slices, because it takes about 20 microseconds a process. */
async function look(owner: string, leader: ProcessId | undefined): Promise<ProcessStat[]> {
  const all: ProcessStat[] = [];
  const found = new Set<ProcessStat>();
  const inSession = sessionOf(leader);
  for (const [index, name] of readdirSync('/proc').entries()) {
    if (index % 100 === 0) await setImmediate();
    const pid = Number(name);
    const stat = Number.isInteger(pid) && pid !== process.pid ? readStat(pid) : undefined;
    if (stat === undefined || isDead(stat)) continue;
    all.push(stat);
    const mark = inSession(stat) ? '' : readEnvironment(pid)?.[markVariable];
    if (mark === '' || (mark?.startsWith(`${owner}:`) && !running.has(mark))) found.add(stat);
  }
  addDescendants(found, all);
  return [...found];
}

/** The id of a session is not reused while it has a member. */
function sessionOf(leader: ProcessId | undefined): (one: ProcessStat) => boolean {
  if (leader === undefined) return () => false;
  const now = readStat(leader.pid);
  const isReused = now !== undefined && !sameProcess(now, leader);
  return ({ session, start }) => !isReused && session === leader.pid && start >= leader.start;
}
