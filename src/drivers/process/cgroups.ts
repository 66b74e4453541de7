import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Clock, sleep } from '../../platform/clock.ts';
import { ignoring, isCode } from '../../platform/code.ts';
import type { Log } from '../../platform/log.ts';
import type { DriverCondition } from '../driver.ts';
import { sendKill } from '../proc.ts';
import { namesIn } from './layout.ts';
import { killFailed } from './process-checks.ts';

/**
 * A cgroup for each run, if the host lets us create one. It contains everything that a run starts, even if a process
 * changes its environment, session or parent. Only root can leave it, or have a service such as systemd move a process.
 */
export interface Cgroups {
  reason: CgroupPlace['reason'];
  /** Returns the absolute path; undefined if the kernel cannot create more cgroups. */
  make(uid: string, run: number): Promise<string | undefined>;
  /** Whether all runs of the instance that this controller has seen are, or were, in cgroups. */
  knows(uid: string): boolean;
  /** Removes the cgroup of a run whose main process could not be moved into it. */
  forget(uid: string, run: number): Promise<void>;
  /**
   * Kills everything in the cgroups of the instance's runs up to this one, and removes the cgroups. Throws KillFailed.
   */
  kill(uid: string, upToRun: number): Promise<void>;
  /** Removes empty cgroups, which a killed controller left. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** A condition that shows users whether cgroups contain the processes here. */
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

/** How many instances without a cgroup are remembered. */
const remembered = 10_000;

/** Returns undefined if this host does not let us create cgroups. */
export async function openCgroups(parts: {
  storeId: string;
  /** The folder of all instances. It separates the cgroups of two controllers that use copies of one store. */
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

/** Returns the reason why no process can be moved into a new cgroup there. */
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
    runs.delete(uid); // moves it to the end, because the oldest are forgotten first
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
        // Whatever the reason (limit, memory, permission): such a run is found by its marks.
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

/** Enough rounds for a fork bomb, and about two seconds for a process that cannot be killed. */
const rounds = 200;

/**
 * Kills everything in a cgroup and its children until nothing is left, then removes it. Succeeds if the cgroup is gone.
 * Throws KillFailed.
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

/** Kills atomically through cgroup.kill, so that nothing can fork meanwhile. Only in version 2, since Linux 5.14. */
function killAtOnce(folder: string): boolean {
  const kill = (): boolean => {
    writeFileSync(join(folder, 'cgroup.kill'), '1', { flag: 'r+' });
    return true;
  };
  return ignoring(kill, 'ENOENT', 'EOPNOTSUPP') ?? false;
}

/** Returns the processes of a cgroup and of its children; undefined if it is gone. Never waits for a disk. */
function pidsIn(folder: string): number[] | undefined {
  try {
    const own = readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').map(Number);
    // 0 is a process of another PID namespace, which has no number here.
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

/** Returns undefined if another process has removed it. */
function foldersBelow(folder: string): string[] | undefined {
  return ignoring(() => foldersIn(folder), 'ENOENT', 'ENODEV');
}

/** Removes a cgroup with its children. Returns false if it contains a process or the kernel refuses. */
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

/** A folder of cgroups in which this process may be able to create its own. */
export interface CgroupPlace {
  folder: string;
  reason: 'CgroupV2' | 'CgroupV1';
}

/**
 * Hierarchies of version 1, best first: processes can join them without any setup of a controller, and none accounts
 * for memory.
 */
const versionOne = ['freezer', 'pids', 'name=systemd'];

/**
 * Returns the candidate places for cgroups of runs, best first. The best is below this process's own cgroup, so that
 * limits on the controller also apply to its agents. In a container that path may not be visible; then the root of the
 * mount is used.
 *
 * @param selfCgroup the content of /proc/self/cgroup
 * @param mountInfo the content of /proc/self/mountinfo
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

/** Returns the part of `path` below `root`; empty if it is not below. */
function pathBelow(root: string, path: string): string {
  const top = root === '/' ? '' : root;
  if (path.split('/').includes('..') || (path !== top && !path.startsWith(`${top}/`))) return '';
  return path.slice(top.length + 1);
}

/** mountinfo escapes spaces and similar characters, for example as \040. */
const decode = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
