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
