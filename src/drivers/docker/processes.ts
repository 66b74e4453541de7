import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { isCode } from '../../platform/code.ts';
import type { ContainerInspect } from './wire.ts';

/** Processes of containers, as this host sees them: only where the engine is here. */

/** Ticks of a process's start time in /proc a second. */
const ticksPerSecond = 100;
/** What is killed may be forking. */
const mostPasses = 10;

/** Milliseconds since a process began; undefined where it is gone. */
export async function ageOf(pid: number): Promise<number | undefined> {
  const stat = await statOf(pid);
  return stat === undefined ? undefined : uptime() * 1000 - (stat.start / ticksPerSecond) * 1000;
}

/**
 * Kills the process `pid` of a container, its descendants, and all that have the variable in their environment.
 * Returns false where this host does not let us see or kill them.
 */
export async function killStarted(
  { Id: ref, State: { Pid: main = 0 } }: ContainerInspect,
  variable: string,
  pid: number,
): Promise<boolean> {
  try {
    for (let pass = 0; pass < mostPasses; pass++) {
      const inside = await processesOf(ref, main);
      if (inside === undefined) return false;
      const found = await startedBy(inside, variable, pid);
      if (found.length === 0) return true;
      for (const one of found) killSame(one);
    }
    return false;
  } catch (error) {
    if (isCode(error, 'EPERM', 'EACCES')) return false;
    throw error;
  }
}

/** Reading all that is inside takes a while, in which a number may be given to another process of this host. */
function killSame({ pid, start }: Started): void {
  try {
    if (statIn(readFileSync(`/proc/${pid}/stat`, 'latin1')).start === start) process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It ended meanwhile.
    if (!isCode(error, 'ESRCH', 'ENOENT')) throw error;
  }
}

/** By the control group of its main process, whose name holds the container's id. Undefined where it cannot be found. */
async function processesOf(ref: string, main: number): Promise<number[] | undefined> {
  const groups = main > 0 ? await read(`/proc/${main}/cgroup`) : undefined;
  for (const line of groups?.split('\n') ?? []) {
    const [, controllers = '', ...path] = line.split(':');
    const group = path.join(':');
    if (!group.includes(ref)) continue;
    const hierarchy = controllers.replace(/^name=/, '');
    const list = await read(join('/sys/fs/cgroup', hierarchy, group, 'cgroup.procs'));
    if (list !== undefined) return list.split('\n').filter(Boolean).map(Number);
  }
  return undefined;
}

interface Started {
  pid: number;
  /** In ticks since boot. */
  start: number;
}

async function startedBy(inside: readonly number[], variable: string, pid: number): Promise<Started[]> {
  const stats = new Map<number, Stat>();
  const found = new Set<number>();
  for (const one of inside) {
    const stat = await statOf(one);
    if (stat === undefined || stat.isDead) continue;
    stats.set(one, stat);
    const environment = await read(`/proc/${one}/environ`);
    if (one === pid || environment?.split('\0').includes(variable) === true) found.add(one);
  }
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const [one, { parent }] of stats) if (found.has(parent)) found.add(one);
  }
  return [...found].map((one) => ({ pid: one, start: stats.get(one)?.start ?? 0 }));
}

interface Stat {
  parent: number;
  start: number;
  isDead: boolean;
}

async function statOf(pid: number): Promise<Stat | undefined> {
  const text = await read(`/proc/${pid}/stat`);
  return text === undefined ? undefined : statIn(text);
}

function statIn(text: string): Stat {
  // The name before it is in parentheses and may hold spaces and parentheses itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    isDead: fields[0] === 'Z' || fields[0] === 'X',
    parent: Number(fields[1]),
    start: Number(fields[19]),
  };
}

/** Undefined where the process or the group is gone. */
async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ESRCH', 'ENODEV')) return undefined;
    throw error;
  }
}
