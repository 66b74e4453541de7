import { describe, expect, test } from 'vitest';
import type { AgentSpec, Runtime } from '../../src/api/objects.ts';
import { type Author, isId, isOwn, mayRunAsController, notAllowed } from '../../src/plan/allow.ts';
import { runtimeOf } from './worlds.ts';

type Allow = Partial<Runtime['spec']['allow']>;

const controller = { uid: 0, names: ['root', 'toor'] };
const edit: Author = { name: 'token:edit', wrote: 'agent/web -n team' };

/** The refused fields of a template. */
const refused = (
  driver: Runtime['spec']['driver'],
  template: object,
  allow: Allow = {},
  author?: Author,
): string[] =>
  told(driver, template, allow, author).map((reason) => reason.replace(/^spec\.template\.(.*?): .*$/s, '$1'));

const told = (driver: Runtime['spec']['driver'], template: object, allow: Allow, author?: Author): string[] =>
  notAllowed(template as AgentSpec['template'], runtimeOf({ driver, allow }).spec, { author, controller });

const add = (...names: string[]) => ({ security: { capabilities: { add: names } } });
const network = (name: string) => ({ network: { mode: 'Bridge', name, ports: [] } });
const port = (hostIP: string) => ({
  network: { mode: 'Bridge', ports: [{ containerPort: 80, hostPort: 80, hostIP, protocol: 'TCP' }] },
});
const volume = (volumeName?: string) => ({
  volumes: [{ name: 'v', named: { volumeName, perInstance: false } }],
});

describe('a container', () => {
  test.each<[string, object, Allow, string[]]>([
    ['nothing', {}, {}, []],
    ['privileged', { security: { privileged: true } }, {}, ['security.privileged']],
    ['privileged, allowed', { security: { privileged: true } }, { privileged: true }, []],
    ['privileged: false', { security: { privileged: false } }, {}, []],
    [
      'privileged, where all capabilities are',
      { security: { privileged: true } },
      { capabilities: ['*'] },
      ['security.privileged'],
    ],
    [
      'a gain of privileges, which nothing is left to gain by',
      { security: { allowPrivilegeEscalation: true } },
      {},
      [],
    ],
    ['a capability', add('NET_ADMIN'), {}, ['security.capabilities.add']],
    [
      'a capability, where privileged is allowed',
      add('NET_ADMIN'),
      { privileged: true },
      ['security.capabilities.add'],
    ],
    ['an allowed capability', add('NET_ADMIN'), { capabilities: ['cap_net_admin'] }, []],
    ['an allowed capability with its prefix', add('CAP_NET_ADMIN'), { capabilities: ['Net_Admin'] }, []],
    [
      'one capability too many',
      add('NET_ADMIN', 'SYS_ADMIN'),
      { capabilities: ['NET_ADMIN'] },
      ['security.capabilities.add'],
    ],
    ['ALL', add('ALL'), { capabilities: ['NET_ADMIN'] }, ['security.capabilities.add']],
    ['CAP_ALL', add('CAP_ALL'), {}, ['security.capabilities.add']],
    ['ALL, allowed', add('ALL'), { capabilities: ['*'] }, []],
    ['any, where ALL is allowed', add('SYS_ADMIN'), { capabilities: ['ALL'] }, []],
    ['the network of the host', { network: { mode: 'Host' } }, {}, ['network.mode']],
    ['the network of the host, allowed', { network: { mode: 'Host' } }, { hostNetwork: true }, []],
    ['no network', { network: { mode: 'None' } }, {}, []],
    ['a network', network('lan'), {}, ['network.name']],
    ['an allowed network', network('lan'), { networks: ['lan'] }, []],
    ['a network of another case', network('LAN'), { networks: ['lan'] }, ['network.name']],
    ['a port on loopback', port('127.0.0.1'), {}, []],
    ['a port on loopback of IPv6', port('::1'), {}, []],
    ['a port on all addresses', port('0.0.0.0'), {}, ['network.ports[0].hostIP']],
    ['a port on no address, which is all', port(''), {}, ['network.ports[0].hostIP']],
    [
      'a port on an address that begins like loopback',
      port('127.0.0.1.example'),
      {},
      ['network.ports[0].hostIP'],
    ],
    ['a port on an allowed address', port('192.0.2.1'), { hostIPs: ['192.0.2.1'] }, []],
    ['a port on any address, allowed', port('0.0.0.0'), { hostIPs: ['*'] }, []],
    ['a volume of its own', volume(), {}, []],
    ['a volume by name', volume('team-a-victim-data'), {}, ['volumes[0].named.volumeName']],
    ['an allowed volume', volume('shared'), { volumes: ['shared'] }, []],
    [
      'another volume than the allowed one',
      volume('shared2'),
      { volumes: ['shared'] },
      ['volumes[0].named.volumeName'],
    ],
    ['any volume, allowed', volume('team-a_victim_data'), { volumes: ['*'] }, []],
    ['what is no name of a volume', volume('/etc'), { volumes: ['*'] }, ['volumes[0].named.volumeName']],
    ['a user, which is of the container', { user: 'root' }, {}, []],
  ])('%s', (_, template, allow, fields) => {
    expect(refused('docker', template, allow)).toEqual(fields);
    // Who wrote it changes nothing.
    expect(refused('docker', template, allow, edit)).toEqual(fields);
  });

  test.each([
    'host',
    'Host',
    'none',
    'default',
    'bridge',
    'private',
    'pod',
    'pasta',
    'slirp4netns',
    'slirp4netns:allow_host_loopback=true',
    'pasta:-T,5555',
    'bridge:ip=10.0.0.1',
    'container:agentctl-team-a-victim-0',
    'container',
    'ns:/proc/1/ns/net',
    'a,b',
    '',
  ])('is given no mode of the network in place of a name, allowed or not: %j', (name) => {
    expect(refused('docker', network(name), { networks: [name], hostNetwork: true })).toEqual([
      'network.name',
    ]);
  });

  test('is told the field and the remedy', () => {
    const template = { ...add('SYS_ADMIN'), ...network('lan') };
    expect(told('docker', template, { capabilities: ['NET_ADMIN'] })).toEqual([
      "spec.template.security.capabilities.add: SYS_ADMIN is not in the Runtime's allow.capabilities (NET_ADMIN): add it there",
      "spec.template.network.name: lan is not in the Runtime's allow.networks (none): add it there",
    ]);
  });
});

describe('a process', () => {
  const files = { files: [{ path: 'x', content: 'y', mode: '0444' }] };
  test.each<[string, object, Allow, string[], string[]]>([
    // Refused fields without an author, and with one.
    ["as the controller's user", {}, {}, [], ['user']],
    ["as the controller's user, where that is allowed", {}, { controllerUser: true }, [], []],
    ["as the controller's user, where that is forbidden", {}, { controllerUser: false }, ['user'], ['user']],
    ['as the same user by name', { user: 'root' }, {}, [], ['user']],
    ['as the same user by another name', { user: 'toor' }, { users: ['toor'] }, [], ['user']],
    ['as the same user by number', { user: '0' }, { users: ['0'] }, [], ['user']],
    ['as the same user by a longer number', { user: '000' }, { users: ['000'] }, [], ['user']],
    [
      'as the same user in another group',
      { user: 'root:nogroup' },
      { users: ['root:nogroup'] },
      [],
      ['user'],
    ],
    [
      'as the same user, where that is forbidden',
      { user: 'root' },
      { controllerUser: false },
      ['user'],
      ['user'],
    ],
    ...['4294967295', '4294967296', '99999999999:1'].map(
      (user): [string, object, Allow, string[], string[]] => [
        `as ${user}, which the kernel takes for another number, where the controller's is forbidden`,
        { user },
        { controllerUser: false },
        ['user'],
        ['user'],
      ],
    ),
    ['in a group that it names', { user: 'nobody:docker' }, {}, [], ['user']],
    [
      "in a group that it names, where the controller's user is forbidden",
      { user: 'nobody:docker' },
      { controllerUser: false },
      ['user'],
      ['user'],
    ],
    ['as another user', { user: 'nobody' }, {}, [], ['user']],
    [
      'as another user, where only the controller is allowed',
      { user: 'nobody' },
      { controllerUser: true },
      [],
      ['user'],
    ],
    ['as a listed user', { user: 'nobody' }, { users: ['nobody'] }, [], []],
    [
      'as a listed user, where nothing is the controller',
      { user: 'nobody' },
      { users: ['nobody'], controllerUser: false },
      [],
      [],
    ],
    ['as a listed user in another group', { user: 'nobody:docker' }, { users: ['nobody'] }, [], ['user']],
    ['as a listed user in a listed group', { user: 'nobody:docker' }, { users: ['nobody:docker'] }, [], []],
    ['as a user by number, listed by name', { user: '65534' }, { users: ['nobody'] }, [], ['user']],
    [
      'with files in a folder that it chose, which its user writes',
      { user: 'nobody', workingDir: '/etc', ...files },
      { users: ['nobody'] },
      [],
      [],
    ],
    ['in a folder that it chose', { user: 'nobody', workingDir: '/etc' }, { users: ['nobody'] }, [], []],
  ])('%s', (_, template, allow, own, theirs) => {
    expect(refused('process', template, allow)).toEqual(own);
    expect(refused('process', template, allow, edit)).toEqual(theirs);
  });

  test('with an author is told all remedies, with the command that takes it over', () => {
    expect(told('process', {}, { users: ['nobody'] }, edit)).toEqual([
      "spec.template.user: token:edit wrote agent/web, and it would run as the controller's own user; name a user of the Runtime's allow.users (nobody), set the Runtime's allow.controllerUser to true, or take it over as an admin: agentctl annotate agent/web -n team agentctl.dev/author-",
    ]);
    expect(told('process', {}, { controllerUser: false }, edit)).toEqual([
      expect.not.stringContaining('take it over'),
    ]);
  });
});

test("a name or number of the controller's user is that user, whatever its group", () => {
  const is = (user: string): boolean => isOwn(user, { uid: 1000, names: ['ann'] });
  expect(['ann', '1000', '01000', 'ann:wheel', '1000:0'].filter((user) => !is(user))).toEqual([]);
  expect(['root', '0', 'bob', '10000', 'ann2', ':ann'].filter(is)).toEqual([]);
});

test('a Runtime that says nothing lets only those without an author run as the controller', () => {
  const may = (controllerUser: boolean | undefined, author?: Author): boolean =>
    mayRunAsController(
      runtimeOf({ driver: 'process', allow: controllerUser === undefined ? {} : { controllerUser } }).spec
        .allow,
      author,
    );
  expect([may(undefined), may(undefined, edit)]).toEqual([true, false]);
  expect([may(true), may(true, edit)]).toEqual([true, true]);
  expect([may(false), may(false, edit)]).toEqual([false, false]);
});

test.each([
  ['0', true],
  ['1000', true],
  ['4294967294', true],
  ['4294967295', false],
  ['-1', false],
  [' 1', false],
  ['1 ', false],
  ['1e3', false],
  ['0x1', false],
  ['', false],
])('%j as the number of a user: %s', (text, valid) => {
  expect(isId(text)).toBe(valid);
});
