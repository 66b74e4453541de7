import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { ignoringAsync, isCode } from '../../platform/code.ts';
import type { ContainerInspect } from './wire.ts';

/** Processes of containers, as this host sees them. Works only if the engine is local. */

/** Clock ticks per second in /proc. */
const ticksPerSecond = 100;
/** A killed process may be forking, so several passes are needed. */
const mostPasses = 10;

/** Returns milliseconds since the process began; undefined if it is gone. */
export async function ageOf(pid: number): Promise<number | undefined> {
  const stat = await statOf(pid);
  return stat === undefined ? undefined : uptime() * 1000 - (stat.start / ticksPerSecond) * 1000;
}

/**
 * Kills the process `pid` of a container, its descendants, and all processes with the variable in their environment.
 * Returns false if this host does not let us see or kill them.
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

/** Reading all processes takes a while, in which a pid may be reused by another process of this host. */
function killSame({ pid, start }: Started): void {
  try {
    if (statIn(readFileSync(`/proc/${pid}/stat`, 'latin1')).start === start) process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It ended meanwhile.
    if (!isCode(error, 'ESRCH', 'ENOENT')) throw error;
  }
}

/**
 * Finds the processes through the cgroup of the main process, whose name has the container's id. Returns undefined if
 * it cannot be found.
 */
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
  /** Clock ticks since boot. */
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
  // The name before it is in parentheses and may contain spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    isDead: fields[0] === 'Z' || fields[0] === 'X',
    parent: Number(fields[1]),
    start: Number(fields[19]),
  };
}

/** Returns undefined if the process or the cgroup is gone. */
async function read(path: string): Promise<string | undefined> {
  return ignoringAsync(readFile(path, 'latin1'), 'ENOENT', 'ESRCH', 'ENODEV');
}
