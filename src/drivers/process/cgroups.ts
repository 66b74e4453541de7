import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Clock, sleep } from '../../platform/clock.ts';
import { isCode } from '../../platform/code.ts';
import type { Log } from '../../platform/log.ts';
import type { DriverCondition } from '../driver.ts';
import { killFailed } from './failures.ts';
import { namesIn } from './layout.ts';
import { sendKill } from './proc.ts';

/**
 * A cgroup for each run, where the host lets us: all that a run starts is in it, whatever it does to its environment,
 * session or parent. Only root can leave it, or have a service such as systemd move it.
 */
export interface Cgroups {
  reason: CgroupPlace['reason'];
  /** Absolute; undefined where the kernel makes no more of them. */
  make(uid: string, run: number): Promise<string | undefined>;
  /** Whether all runs of the instance that this controller has seen are in cgroups, or were. */
  knows(uid: string): boolean;
  /** The main process of a run could not be moved into its cgroup, which is removed. */
  forget(uid: string, run: number): Promise<void>;
  /** SIGKILL to all that is in cgroups of the instance's runs up to this one; they are removed. Throws KillFailed. */
  kill(uid: string, upToRun: number): Promise<void>;
  /** Removes those that are empty: those of a controller that was killed. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** Tells users which of the two ways holds here. */
export function containment(reason: Cgroups['reason'] | undefined): DriverCondition {
  const type = 'ProcessesContained';
  if (reason !== undefined)
    return {
      type,
      status: 'True',
      reason,
      message:
        'Each run has a cgroup, so all of its processes end with it. Processes that moved to another cgroup end when the agent is killed or deleted.',
    };
  return {
    type,
    status: 'False',
    reason: 'ProcScan',
    message:
      'The controller cannot create cgroups on this host. It finds the processes of a run by parent, session and environment, so a process that hides all of these may outlive its run. Run the controller as root, or as a service: agentctl controller enable.',
  };
}

/** So many instances without a cgroup are remembered. */
const remembered = 10_000;

/** Undefined where this host lets us make none. */
export async function openCgroups(parts: {
  storeId: string;
  /** The folder of all instances: two controllers on copies of one store leave each other's alone. */
  root: string;
  sh: string;
  clock: Clock;
  log: Log;
}): Promise<Cgroups | undefined> {
  const [own, mounts] = await Promise.all([
    readFile('/proc/self/cgroup', 'utf8'),
    readFile('/proc/self/mountinfo', 'utf8'),
  ]);
  const store = parts.storeId.replaceAll(/[^A-Za-z0-9_-]/g, '_');
  const place = createHash('sha256').update(parts.root).digest('hex').slice(0, 8);
  for (const { folder, reason } of cgroupPlaces(own, mounts)) {
    const base = join(folder, `agentctl-${store}-${place}`);
    const why = await tryOut(base, parts.sh);
    if (why === undefined) return cgroupsIn(base, reason, parts);
    parts.log.debug({ err: why, folder }, 'cgroups cannot be created here');
  }
  return undefined;
}

/** Answers why no process can be moved into a new cgroup there. */
async function tryOut(base: string, sh: string): Promise<unknown> {
  const test = join(base, `test-${process.pid}`);
  try {
    await mkdir(base, { recursive: true });
    await mkdir(test, { recursive: true });
    await promisify(execFile)(sh, ['-c', 'echo 0 >"$1/cgroup.procs"', 'sh', test], { cwd: '/', env: {} });
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await removeCgroup(test);
  }
}

function cgroupsIn(
  base: string,
  reason: Cgroups['reason'],
  { clock, log }: { clock: Clock; log: Log },
): Cgroups {
  const runs = new Map<string, Set<number>>();
  const folderOf = (uid: string, run: number): string => join(base, `${uid}.${run}`);

  const note = (uid: string, run: number): void => {
    const known = runs.get(uid) ?? new Set();
    runs.delete(uid); // to the end: the oldest are forgotten first
    runs.set(uid, known.add(run));
    const [oldest] = runs;
    if (runs.size > remembered && oldest?.[1].size === 0) runs.delete(oldest[0]);
  };

  return {
    reason,
    async make(uid, run) {
      const folder = folderOf(uid, run);
      try {
        await mkdir(folder, { recursive: true });
      } catch (error) {
        // Whatever the reason (too many, no memory, no right): such a run is found by its marks.
        log.warn({ error, folder }, 'a run has no cgroup of its own');
        runs.delete(uid);
        return undefined;
      }
      note(uid, run);
      return folder;
    },
    knows: (uid) => runs.has(uid),
    async forget(uid, run) {
      runs.delete(uid);
      await removeCgroup(folderOf(uid, run));
    },
    async kill(uid, upToRun) {
      const known = runs.get(uid) ?? new Set();
      for (const run of [...known].filter((each) => each <= upToRun)) {
        await killCgroup(clock, folderOf(uid, run));
        known.delete(run);
      }
    },
    async clear() {
      for (const name of namesIn(base) ?? []) {
        const [, uid, run] = /^(.+)\.(\d+)$/.exec(name) ?? [];
        if (uid === undefined) continue;
        if (!(await removeCgroup(join(base, name)))) note(uid, Number(run));
      }
    },
    async close() {
      await removeCgroup(base);
    },
  };
}

/** A fork bomb is given so many rounds, and whatever cannot die about two seconds. */
const rounds = 200;

/**
 * SIGKILL to all that is in a cgroup and in those below it, until nothing is left; then it is removed. Succeeds where it is
 * gone. Throws KillFailed.
 */
export async function killCgroup(clock: Clock, folder: string): Promise<void> {
  let left: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const pids = pidsIn(folder);
    if (pids === undefined) return;
    left = pids;
    if (left.length === 0 && (await removeCgroup(folder))) return;
    if (left.length > 0 && !killAtOnce(folder)) for (const pid of left) sendKill(pid);
    await sleep(clock, Math.min(round, 20));
  }
  if (left.length > 0) throw killFailed(left);
}

/** By one word to the kernel, since Linux 5.14 and in version 2 alone: nothing forks away meanwhile. */
function killAtOnce(folder: string): boolean {
  try {
    writeFileSync(join(folder, 'cgroup.kill'), '1', { flag: 'r+' });
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT', 'EOPNOTSUPP')) return false;
    throw error;
  }
}

/** Of a cgroup and of all below it; undefined where it is gone. Never waits for a disk. */
function pidsIn(folder: string): number[] | undefined {
  try {
    const own = readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').map(Number);
    // 0 is a process of another PID namespace: it has no number here.
    const pids = own.filter((pid) => pid > 0 && pid !== process.pid);
    const below = foldersIn(folder).flatMap((name) => pidsIn(join(folder, name)) ?? []);
    return [...pids, ...below];
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENODEV')) return undefined;
    throw error;
  }
}

const foldersIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

/** Undefined where somebody else has removed it. */
function foldersBelow(folder: string): string[] | undefined {
  try {
    return foldersIn(folder);
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENODEV')) return undefined;
    throw error;
  }
}

/** With those below it. False where a process is in it, or the kernel refuses. */
async function removeCgroup(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return true;
  }
  const below = foldersBelow(folder);
  if (below === undefined) return true;
  for (const name of below) if (!(await removeCgroup(join(folder, name)))) return false;
  return below.length > 0 && removeCgroup(folder);
}

/** A folder of cgroups in which this process may be able to make its own. */
export interface CgroupPlace {
  folder: string;
  reason: 'CgroupV2' | 'CgroupV1';
}

/**
 * Hierarchies of version 1, the best first: no controller here needs to be set up before processes can join, and none
 * accounts for memory.
 */
const versionOne = ['freezer', 'pids', 'name=systemd'];

/**
 * Where cgroups for runs could be, the best place first: below this process's own cgroup, so that limits on the controller
 * still hold for its agents. In a container that path may not be visible; then the top of what is mounted there.
 * Takes the text of /proc/self/cgroup and /proc/self/mountinfo.
 */
export function cgroupPlaces(selfCgroup: string, mountInfo: string): CgroupPlace[] {
  const own = new Map<string, string>();
  for (const line of selfCgroup.split('\n')) {
    const [, controllers = '', path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path !== undefined) for (const name of controllers.split(',')) own.set(name, path);
  }
  const places: (CgroupPlace & { rank: number })[] = [];
  for (const line of mountInfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root = '/', mount = ''] = before.split(' ').map(decode);
    const [type, , options = ''] = after.split(' ');
    const rank =
      type === 'cgroup2'
        ? 0
        : type === 'cgroup'
          ? 1 + versionOne.findIndex((name) => options.split(',').includes(name))
          : undefined;
    if (rank === undefined || (type === 'cgroup' && rank === 0)) continue;
    const path = own.get(type === 'cgroup2' ? '' : (versionOne[rank - 1] ?? ''));
    if (path === undefined) continue;
    const below = pathBelow(root, path);
    const folder = below === '' ? mount : `${mount}/${below}`;
    places.push({ folder, reason: type === 'cgroup2' ? 'CgroupV2' : 'CgroupV1', rank });
  }
  return places.toSorted((a, b) => a.rank - b.rank).map(({ folder, reason }) => ({ folder, reason }));
}

/** The part of `path` below `root`; empty where it is not below. */
function pathBelow(root: string, path: string): string {
  const top = root === '/' ? '' : root;
  if (path.split('/').includes('..') || (path !== top && !path.startsWith(`${top}/`))) return '';
  return path.slice(top.length + 1);
}

/** Spaces and the like stand as \040 in mountinfo. */
const decode = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
