import { expect, test } from 'vitest';
import { authorOf } from '../../src/api/annotations.ts';
import type { Runtime } from '../../src/api/objects.ts';
import type { RegistryWriteOptions } from '../../src/registry/object.ts';
import { Puppet } from '../conversations/puppet.ts';
import { key, type Stage, stage } from '../conversations/stage.ts';

const manifest = (name: string, spec: object, metadata: object = {}): string =>
  JSON.stringify({
    apiVersion: 'agentctl.dev/v1',
    kind: 'Agent',
    metadata: { name, ...metadata },
    spec: { template: { image: 'test-image:1' }, ...spec },
  });

/** One that may manage others, and a second Runtime beside its own. */
async function managing(fleetAccess: 'Manage' | 'Peers' | 'None' = 'Manage') {
  const puppet = new Puppet();
  const at: Stage = await stage({ boss: { agent: puppet.agent, spec: { fleetAccess } } });
  return withHands(at, puppet);
}

/** The same on the Runtime of processes, which the fake engine plays. */
async function managingProcesses(template: object, options: RegistryWriteOptions = {}, allow: object = {}) {
  const puppet = new Puppet();
  const at: Stage = await stage({});
  const { house } = at.world;
  house.engine.images.set('', 'none');
  await house.user.create('Runtime', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Runtime',
    metadata: { name: 'process' },
    spec: { driver: 'process', allow },
  });
  at.world.programs.set('boss', puppet.agent);
  await house.user.create(
    'Agent',
    {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Agent',
      metadata: { name: 'boss', namespace: 'default' },
      spec: {
        protocol: 'jsonl',
        fleetAccess: 'Manage',
        minReady: '0s',
        template: { command: ['boss'], ...template },
      },
    },
    options,
  );
  await at.ready(1);
  return withHands(at, puppet);
}

async function withHands(at: Stage, puppet: Puppet) {
  const { house } = at.world;
  const other: Partial<Runtime['spec']> = { driver: 'docker', endpoint: 'unix:///other' };
  await house.user.create('Runtime', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Runtime',
    metadata: { name: 'other' },
    spec: { driver: 'docker', ...other },
  });
  let asked = 0;
  const ask = async (action: string, params: object) => {
    asked += 1;
    const requestId = `x${asked}`;
    puppet.runs[0]?.say(JSON.stringify({ type: 'mgmt_request', requestId, action, ...params }));
    const answer = () => puppet.of('mgmt_response').find((one) => one.requestId === requestId);
    await at.world.until(() => answer() !== undefined);
    return answer();
  };
  const spawn = (name: string, spec: object, metadata?: object) =>
    ask('spawn', { name, content: manifest(name, spec, metadata) });
  const say = (line: object) => puppet.runs[0]?.say(JSON.stringify(line));
  return { ...at, house, ask, spawn, say, heard: (type: string) => puppet.of(type) };
}

const known = ({ world }: Stage, name: string) => world.house.controller.cache.agents.get(`default/${name}`);

test('an agent that may manage others makes one on its own Runtime', async () => {
  await using at = await managing();
  expect(await at.spawn('helper', {})).toMatchObject({ response: { name: 'helper', done: 'created' } });
  await at.world.until(() => at.house.phase('helper-0') === 'Ready');
  await at.ask('remove', { targetId: 'helper' });
  await at.world.until(() => known(at, 'helper') === undefined);
});

test.each([
  [
    'with another Runtime',
    'helper',
    { runtimeRef: { name: 'other' } },
    {},
    'only apply agents to its own Runtime engine',
  ],
  [
    'without an image, for the processes of the host',
    'helper',
    { template: { command: ['id'] } },
    {},
    'process',
  ],
  [
    'with a command that its policy would run on the host',
    'helper',
    { policy: { notify: [{ name: 'n', reasons: ['*'], command: ['id'] }] } },
    {},
    "the command runs on the controller's host",
  ],
  ['in another namespace', 'helper', {}, { namespace: 'else' }, 'only be applied to the namespace default'],
  ['of itself', 'boss', {}, {}, 'cannot change its own manifest'],
])('it may apply no manifest %s', async (_, name, spec, metadata, words) => {
  await using at = await managing();
  const before = known(at, name)?.metadata.generation;
  const answer = await at.spawn(name, { ...spec }, metadata);
  expect(answer).toMatchObject({ error: expect.stringContaining(words) });
  expect((await at.house.user.list('Agent', {})).items).toHaveLength(1);
  expect(known(at, name)?.metadata.generation).toBe(before);
});

test('it may not change an Agent that runs elsewhere by leaving out where', async () => {
  await using at = await managing();
  await at.world.agent('theirs', { runtimeRef: { name: 'other' }, protocol: 'none' });
  const answer = await at.spawn('theirs', { template: { image: 'test-image:1', command: ['id'] } });
  expect(answer).toMatchObject({ error: expect.stringContaining('theirs is for other') });
  const { spec } = await at.house.user.get('Agent', key('theirs'));
  expect(spec.template.command).not.toEqual(['id']);
});

test('one that may only see its peers manages nothing', async () => {
  await using at = await managing('Peers');
  await at.world.agent('theirs', { protocol: 'none' });
  const refused = { error: expect.stringContaining('fleetAccess is Peers, not Manage') };
  expect(await at.spawn('helper', {})).toMatchObject(refused);
  for (const action of ['start', 'stop', 'remove'])
    expect(await at.ask(action, { targetId: 'theirs' })).toMatchObject(refused);
  expect(known(at, 'theirs')?.spec.suspend).toBe(false);
});

test('one without fleetAccess sees no other agents', async () => {
  await using at = await managing('None');
  await at.world.agent('theirs', { protocol: 'none' });
  const refused = { error: expect.stringContaining('fleetAccess is None') };
  expect(await at.ask('list', {})).toMatchObject(refused);
  expect(await at.ask('stop', { targetId: 'theirs' })).toMatchObject(refused);
});

test('one that is suspended cannot change others while it stops', async () => {
  await using at = await managing();
  await at.world.agent('boss', { fleetAccess: 'Manage', suspend: true });
  expect(await at.spawn('helper', {})).toMatchObject({ error: expect.stringContaining('it is suspended') });
  expect(await at.ask('list', {})).toMatchObject({ error: expect.stringContaining('it is suspended') });
  at.say({ type: 'route_request', requestId: 'q', toId: 'boss', message: 'hi' });
  await at.world.until(() => at.heard('route_response').length > 0);
  expect(at.heard('route_response')).toMatchObject([{ error: expect.stringContaining('it is suspended') }]);
  expect(known(at, 'helper')).toBeUndefined();
});

test.each([
  ['paint', {}, 'there is no action "paint"'],
  ['stop', {}, 'targetId must be a text'],
  ['stop', { targetId: 'nobody' }, 'not found'],
  ['stop', { targetId: 'else/nobody' }, 'not found'],
  ['remove', { targetId: '../else/nobody' }, 'not found'],
  ['spawn', { content: 'kind: Agent' }, 'apiVersion'],
  ['spawn', { content: '{}' }, 'manifest'],
])('a request to %s %j is refused in words', async (action, params, words) => {
  await using at = await managing();
  expect(await at.ask(action, params)).toMatchObject({ error: expect.stringContaining(words) });
});

const authorOfAgent = async (at: { house: Stage['world']['house'] }, name: string) =>
  authorOf(await at.house.user.get('Agent', key(name)));

test('one in a container is the author of what it makes, and of what it changes of others', async () => {
  await using at = await managing();
  await at.world.agent('theirs', { protocol: 'none' });
  await at.spawn('helper', {});
  await at.ask('stop', { targetId: 'theirs' });
  expect([await authorOfAgent(at, 'helper'), await authorOfAgent(at, 'theirs')]).toEqual([
    'agent:boss',
    undefined,
  ]);
  await at.spawn('theirs', { template: { image: 'test-image:1', command: ['id'] } });
  expect(await authorOfAgent(at, 'theirs')).toBe('agent:boss');
});

const command = { command: ['helper'] };

test("one that runs as the controller's user hands on the author that it has, or none", async () => {
  await using own = await managingProcesses({});
  await own.spawn('helper', { template: command });
  expect(await authorOfAgent(own, 'helper')).toBeUndefined();
  await own.world.until(() => own.house.phase('helper-0') === 'Ready');

  await using theirs = await managingProcesses({}, { author: 'token:edit' }, { controllerUser: true });
  await theirs.spawn('helper', { template: command });
  expect(await authorOfAgent(theirs, 'helper')).toBe('token:edit');
});

test("one that runs as another user makes nothing that runs as the controller's", async () => {
  await using at = await managingProcesses({ user: 'nobody' }, {}, { users: ['nobody'] });
  await at.spawn('helper', { template: { ...command, user: 'nobody' } });
  await at.world.until(() => at.house.phase('helper-0') === 'Ready');
  for (const [name, template] of Object.entries({ plain: command, root: { ...command, user: 'root' } })) {
    await at.spawn(name, { template });
    expect(await authorOfAgent(at, name)).toBe('agent:boss');
    await at.world.until(
      () =>
        known(at, name)?.status?.conditions?.some(({ reason }) => reason === 'UnsupportedByRuntime') === true,
    );
    expect(at.house.engine.calls.filter((call) => call.includes(`/${name}-0`))).toEqual([]);
  }
});
