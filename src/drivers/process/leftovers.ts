import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { type Cancel, type Clock, sleep } from '../../platform/clock.ts';
import { isCode } from '../../platform/code.ts';
import type { Log } from '../../platform/log.ts';
import {
  isDead,
  living,
  type ProcessId,
  type ProcessStat,
  readEnvironment,
  readStat,
  sameProcess,
  sendKill,
} from './proc.ts';

/** Set in the environment of every command that a probe runs, and inherited by everything that it starts. */
export const markVariable = 'AGENTCTL_PROBE';

/** Marks of the commands that run now, of all drivers of this process. */
const running = new Set<string>();

/** How often processes that may have dropped their mark are looked for, while commands are run. */
const sweepEvery = 10_000;

/** Enough rounds for a fork bomb. */
const rounds = 50;

/** A process during exec shows no environment for a moment, so one clean look is not enough. */
const cleanLooks = 2;

export interface Leftovers {
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
      for (let round = 0, clean = 0; round < rounds && clean < cleanLooks; round++) {
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
  const pids = new Set([...found].map(({ pid }) => pid));
  for (let before = -1; before < found.size; ) {
    before = found.size;
    for (const one of all)
      if (pids.has(one.parent)) {
        found.add(one);
        pids.add(one.pid);
      }
  }
  return [...found];
}

/** The id of a session is not reused while it has a member. */
function sessionOf(leader: ProcessId | undefined): (one: ProcessStat) => boolean {
  if (leader === undefined) return () => false;
  const now = readStat(leader.pid);
  const isReused = now !== undefined && !sameProcess(now, leader);
  return ({ session, start }) => !isReused && session === leader.pid && start >= leader.start;
}
