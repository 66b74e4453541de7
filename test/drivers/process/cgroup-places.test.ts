import { expect, test } from 'vitest';
import { cgroupPlaces } from '../../../src/drivers/process/cgroups.ts';

const mount = (root: string, at: string, type: string, options = 'rw'): string =>
  `30 23 0:26 ${root} ${at} rw,nosuid shared:9 - ${type} ${type} ${options}`;

test.each([
  [
    'version 2, in the unit of the controller',
    '0::/system.slice/agentctl.service\n',
    [mount('/', '/sys/fs/cgroup', 'cgroup2', 'rw,nsdelegate')],
    [['/sys/fs/cgroup/system.slice/agentctl.service', 'CgroupV2']],
  ],
  [
    'both versions: 2 comes first, then the freezer; memory and cpu are never used',
    '9:name=systemd:/\n6:freezer:/a\n4:memory:/m\n1:cpu,cpuacct:/\n0::/\n',
    [
      mount('/', '/sys/fs/cgroup/cpu', 'cgroup', 'rw,cpu,cpuacct'),
      mount('/', '/sys/fs/cgroup/memory', 'cgroup', 'rw,memory'),
      mount('/', '/sys/fs/cgroup/systemd', 'cgroup', 'rw,xattr,name=systemd'),
      mount('/', '/sys/fs/cgroup/freezer', 'cgroup', 'rw,freezer'),
      mount('/', '/sys/fs/cgroup/unified', 'cgroup2'),
    ],
    [
      ['/sys/fs/cgroup/unified', 'CgroupV2'],
      ['/sys/fs/cgroup/freezer/a', 'CgroupV1'],
      ['/sys/fs/cgroup/systemd', 'CgroupV1'],
    ],
  ],
  [
    'a container that sees its own part of the hierarchy',
    '6:freezer:/docker/abc/x\n',
    [mount('/docker/abc', '/sys/fs/cgroup/freezer', 'cgroup', 'rw,freezer')],
    [['/sys/fs/cgroup/freezer/x', 'CgroupV1']],
  ],
  [
    'a container whose path is not visible below the mount',
    '0::/../../other\n6:freezer:/docker/abc\n',
    [
      mount('/', '/sys/fs/cgroup', 'cgroup2'),
      mount('/docker/xyz', '/sys/fs/cgroup/freezer', 'cgroup', 'rw,freezer'),
    ],
    [
      ['/sys/fs/cgroup', 'CgroupV2'],
      ['/sys/fs/cgroup/freezer', 'CgroupV1'],
    ],
  ],
  [
    'a mount point with a space',
    '0::/\n',
    [mount('/', '/my\\040cgroups', 'cgroup2')],
    [['/my cgroups', 'CgroupV2']],
  ],
  ['a host without cgroups', '', [mount('/', '/', 'ext4')], []],
])('places for cgroups: %s', (_name, own, mounts, expected) => {
  expect(cgroupPlaces(own, mounts.join('\n')).map(({ folder, reason }) => [folder, reason])).toEqual(
    expected,
  );
});
