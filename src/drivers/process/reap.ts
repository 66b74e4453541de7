import { constants } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { type Clock, sleep } from '../../platform/clock.ts';
import { DriverError } from '../driver.ts';
import { isDead, living, type ProcessId, type ScannedProcess, sameProcess, scan } from './proc.ts';

/** What to end, and what to spare. */
export interface Prey {
  instanceUid: string;
  /** Processes of this run and of those before it: a later one may be starting. */
  upToRun: number;
  /** Main process of the newest run of this boot: its group and session are the instance's. */
  main?: ProcessId | undefined;
  /** The shim lives on to write the exit down. */
  shim?: ProcessId | undefined;
}

export type Reap = (prey: Prey) => Promise<void>;

/** A fork bomb is given so many rounds, and whatever cannot die about two seconds. */
const rounds = 200;

/** A process that is just being executed shows no environment for a moment. */
const cleanLooks = 3;

/**
 * SIGKILL to every process of an instance, until none is left: by AGENTCTL_INSTANCE_UID in the environment, by group,
 * by session, and by descent from one of these. Calls at the same time share one look at /proc.
 */
export function createReaper(clock: Clock): Reap {
  let next: Promise<ScannedProcess[]> | undefined;
  const look = (): Promise<ScannedProcess[]> => {
    next ??= setImmediate().then(() => {
      next = undefined;
      return scan();
    });
    return next;
  };

  return async (prey) => {
    let left: ScannedProcess[] = [];
    for (let round = 0, clean = 0; round < rounds; round++) {
      const all = await look();
      left = victims(all, prey);
      clean = left.length === 0 ? clean + 1 : 0;
      if (clean >= (all.some((one) => mayBecomeOurs(one, prey)) ? cleanLooks : 1)) return;
      // After the look, since it takes their parents from others. One call ends a whole group: nothing forks away.
      if (prey.main !== undefined && living(prey.main)?.group === prey.main.pid) sendKill(-prey.main.pid);
      for (const victim of left) if (living(victim) !== undefined) sendKill(victim.pid);
      await sleep(clock, Math.min(round, 20));
    }
    const pids = left.map((process) => process.pid).join(', ');
    throw new DriverError(
      'Retryable',
      'KillFailed',
      `processes of the instance do not end on SIGKILL: ${pids}; look at them with: ps -o pid,stat,wchan,args -p ${pids.replaceAll(' ', '')}`,
    );
  };
}

const mayBecomeOurs = (candidate: ScannedProcess, { main }: Prey): boolean =>
  candidate.bare && !isDead(candidate) && candidate.start >= (main?.start ?? 0);

/** Which of all processes are the instance's, without the spared. */
export function victims(all: readonly ScannedProcess[], prey: Prey): ScannedProcess[] {
  const others = all.filter(
    ({ pid, instanceUid, run }) =>
      pid !== process.pid &&
      (instanceUid === undefined || (instanceUid === prey.instanceUid && run <= prey.upToRun)),
  );
  // The number of a group or session is not given out again while it has a member.
  const { main } = prey;
  const leader = all.find(({ pid }) => pid === main?.pid);
  const inSession = (candidate: ScannedProcess): boolean =>
    main !== undefined &&
    (leader === undefined || sameProcess(leader, main)) &&
    candidate.start >= main.start &&
    (candidate.session === main.pid || candidate.group === main.pid);

  const found = new Set(
    others.filter((candidate) => candidate.instanceUid === prey.instanceUid || inSession(candidate)),
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
    (candidate) => !isDead(candidate) && !(prey.shim !== undefined && sameProcess(candidate, prey.shim)),
  );
}

/** To a process, or to a group by its negative number. One that has ended already is what was wanted. */
export function sendKill(pid: number): void {
  sendSignal(pid, 'SIGKILL');
}

export const isSignal = (name: string): name is NodeJS.Signals => Object.hasOwn(constants.signals, name);

/** False where there is none of that number. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
