import { expect, test } from 'vitest';
import type { Agent } from '../../src/api/objects.ts';
import { House } from './house.ts';

const web = { namespace: 'default', name: 'web' };
const isGone = (house: House) => house.controller.cache.agents.get('default/web') === undefined;

async function names(house: House, kind: 'Instance' | 'Revision'): Promise<string[]> {
  const { items } = await house.user.list(kind);
  return items.map(({ metadata }) => metadata.name);
}

/** Makes the Agent again, and answers it once it is Ready. */
async function again(house: House): Promise<Agent> {
  await house.agent('web');
  const isNew = () =>
    house.phase('web-0') === 'Ready' &&
    house.instance('web-0')?.spec.agentUID === house.controller.cache.agents.get('default/web')?.metadata.uid;
  await house.within(10_000, isNew);
  return house.user.get('Agent', web);
}

test.each(['Orphan', 'Foreground', 'Background'] as const)(
  'a name is free after a deletion with the policy %s, and nothing is left of it',
  async (propagationPolicy) => {
    await using house = await House.open();
    await house.agent('web');
    await house.ready('web-0');
    await house.user.delete('Agent', web, { propagationPolicy });
    await house.within(30_000, () => isGone(house));
    await house.rest();
    expect([await names(house, 'Instance'), await names(house, 'Revision')]).toEqual([[], []]);
    expect(await again(house)).toMatchObject({ status: { updateRevision: 'web-1' } });
  },
);

test('what an orphaning deletion left without a controller does not hold the name', async () => {
  await using house = await House.open();
  await house.agent('web');
  await house.ready('web-0');
  await house.restart(async () => {
    const body = { metadata: { finalizers: null } };
    await house.user.patch('Agent', web, { type: 'merge', body });
    await house.user.delete('Agent', web, { propagationPolicy: 'Orphan' });
    await house.settled();
    expect([await names(house, 'Instance'), await names(house, 'Revision')]).toEqual([['web-0'], ['web-1']]);
    await house.agent('web');
  });
  await again(house);
  expect(await names(house, 'Revision')).toEqual(['web-1']);
});

test('what an orphaning deletion left goes though no Agent of that name comes', async () => {
  await using house = await House.open();
  await house.agent('web');
  await house.ready('web-0');
  await house.restart(async () => {
    await house.user.patch('Agent', web, { type: 'merge', body: { metadata: { finalizers: null } } });
    await house.user.delete('Agent', web, { propagationPolicy: 'Orphan' });
    await house.settled();
  });
  await house.rest();
  expect([await names(house, 'Instance'), await names(house, 'Revision')]).toEqual([[], []]);
});

test('what is in the way of an Agent is told in an Event', async () => {
  await using house = await House.open();
  await house.user.create('Revision', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Revision',
    metadata: { name: 'web-1', namespace: 'default' }, // without the label it is nobody's
    revision: 1,
    data: {},
  });
  await house.agent('web');
  await house.within(3_000, () => house.happened.includes('ActionFailed'));
  await house.controller.recorder.flush();
  const { items } = await house.user.list('Event');
  expect(items.map(({ message }) => message)).toContain(
    'CreateRevision/web-1: AlreadyExists: revisions.agentctl.dev "web-1" already exists.',
  );
});

test("a finalizer of somebody else's keeps an Instance, after the controller has let go of it", async () => {
  await using house = await House.open();
  await house.agent('web');
  await house.ready('web-0');
  const key = { namespace: 'default', name: 'web-0' };
  const { finalizers = [] } = (await house.user.get('Instance', key)).metadata;
  const body = { metadata: { finalizers: [...finalizers, 'test.dev/hold'] } };
  await house.user.patch('Instance', key, { type: 'merge', body });
  await house.user.delete('Instance', key);
  const left = () => house.instance('web-0')?.metadata.finalizers;
  await house.within(30_000, () => left()?.includes('agentctl.dev/run') === false);
  expect(left()).toEqual(['test.dev/hold']);
});

test('an Agent whose finalizers are all taken away gets that of the controller back', async () => {
  await using house = await House.open();
  await house.agent('web');
  await house.ready('web-0');
  await house.user.patch('Agent', web, { type: 'merge', body: { metadata: { finalizers: null } } });
  const finalizers = () => house.controller.cache.agents.get('default/web')?.metadata.finalizers;
  await house.within(5_000, () => finalizers()?.length === 1);
  expect(finalizers()).toEqual(['agentctl.dev/instances']);
});
