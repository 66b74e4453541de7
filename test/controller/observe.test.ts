import { expect, test } from 'vitest';
import type { World } from '../../src/plan/world.ts';
import { House } from './house.ts';

const worldOf = ({ controller, clock }: House, name: string): World => {
  const agent = controller.cache.agents.get(`default/${name}`);
  if (agent === undefined) throw new Error(`there is no agent ${name}`);
  return controller.observer.observe(agent, clock.now());
};

test('while nothing happens, only the time changes in a World', async () => {
  await using house = await House.open();
  await house.agent('web');
  await house.ready('web-0');
  await house.rest();
  const before = worldOf(house, 'web');
  house.clock.advance(20_000);
  await house.rest();
  expect({ ...worldOf(house, 'web'), now: before.now }).toEqual(before);
  expect(before.instances[0]?.activity).toMatchObject({ busy: false });
});

test('a Secret shows in no World, plan, status, Revision or Event', async () => {
  await using house = await House.open();
  await house.user.create('Secret', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'keys', namespace: 'default' },
    data: { TOKEN: Buffer.from('hunter2').toString('base64') },
  });
  const template = {
    image: 'test-image:1',
    envFrom: [{ secretRef: { name: 'keys', optional: false } }],
  };
  await house.agent('web', { ends: 3 }, { template });
  await house.within(5_000, () => house.phase('web-0') === 'BackOff');
  const container = [...house.engine.containers.values()][0];
  expect(container?.spec?.env.TOKEN).toBe('hunter2');
  const { user } = house;
  const shown = [worldOf(house, 'web'), await user.list('Agent'), await user.list('Instance')];
  const recorded = [await user.list('Revision'), await user.list('Event'), await user.list('Runtime')];
  const text = JSON.stringify([...shown, ...recorded]);
  expect(text).not.toContain('hunter2');
  expect(text).not.toContain(Buffer.from('hunter2').toString('base64'));
});

test('a missing Policy, Runtime or Secret is named, and shows once it is there', async () => {
  await using house = await House.open();
  await house.agent(
    'web',
    {},
    {
      policyRef: { name: 'p' },
      runtimeRef: { name: 'far' },
      template: { image: 'x', envFrom: [{ secretRef: { name: 'keys' } }] },
    },
  );
  await house.until(() => house.controller.cache.agents.get('default/web') !== undefined);
  expect(worldOf(house, 'web')).toMatchObject({
    policy: { missing: 'p' },
    runtime: { missing: 'far' },
    inputs: { 'Secret/keys': null },
    unsupported: [],
  });
  const base = { apiVersion: 'agentctl.dev/v1' };
  await house.user.create('Policy', {
    ...base,
    kind: 'Policy',
    metadata: { name: 'p', namespace: 'default' },
    spec: { priority: 7 },
  });
  await house.user.create('Runtime', {
    ...base,
    kind: 'Runtime',
    metadata: { name: 'far' },
    spec: { driver: 'process' },
  });
  await house.until(() => house.controller.cache.runtimes.get('far') !== undefined);
  await house.rest();
  const world = worldOf(house, 'web');
  expect(world.policy).toMatchObject({ priority: 7 });
  expect(world.unsupported.join()).toContain('image');
});

test('a drain makes every agent count as suspended, and changes none', async () => {
  await using house = await House.open();
  await house.agent('web');
  await house.ready('web-0');
  house.controller.drain();
  await house.within(5_000, () => house.phase('web-0') === 'Stopped');
  expect(worldOf(house, 'web').agent.spec.suspend).toBe(true);
  expect(house.controller.cache.agents.get('default/web')?.spec.suspend).toBe(false);
  await house.restart();
  await house.ready('web-0');
});
