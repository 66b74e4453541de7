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

/** In the environment of every command that a probe runs, and so of all that it starts. */
export const markVariable = 'AGENTCTL_PROBE';

/** Marks of the commands that run now, of all drivers of this process. */
const running = new Set<string>();

/** What may have given up its mark is looked for this often, as long as commands are run. */
const sweepEvery = 10_000;

/** A fork bomb is given so many rounds. */
const rounds = 50;

/** A process that is just being executed shows no environment for a moment. */
const cleanLooks = 2;

export interface Leftovers {
  /** A mark for one command; to be given back once the command has ended. */
  take(): string;
  giveBack(mark: string): void;
  /**
   * SIGKILL to all that ended commands left: by their mark, by the session of `leader` and by descent from these, until
   * nothing is left.
   */
  kill(leader?: ProcessId): Promise<void>;
  close(): void;
}

/** Ends what commands of probes leave behind. `owner` is what names the controllers of one state folder, one after the other. */
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
      // What the command itself found is known all the same, and the next sweep tries again.
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

/** Looks again first: its number may be another's by now. False where it may not be killed. */
function killSame(one: ProcessId): boolean {
  try {
    if (living(one) !== undefined) sendKill(one.pid);
    return true;
  } catch (error) {
    if (isCode(error, 'EPERM')) return false;
    throw error;
  }
}

/** In slices, since it takes about 20 microseconds a process. */
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

/** The number of a session is not given out again while it has a member. */
function sessionOf(leader: ProcessId | undefined): (one: ProcessStat) => boolean {
  if (leader === undefined) return () => false;
  const now = readStat(leader.pid);
  const isReused = now !== undefined && !sameProcess(now, leader);
  return ({ session, start }) => !isReused && session === leader.pid && start >= leader.start;
}
