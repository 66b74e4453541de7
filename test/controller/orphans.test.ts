import { expect, test } from 'vitest';
import { House } from './house.ts';

/** Makes containers in the engine that bear the house's label, or another store's, and belong to no Instance. */
function leave(house: House, names: readonly string[], store?: string): string[] {
  const { spec } = house.engine.containers.get(house.refOf('owned-0')) ?? {};
  if (spec === undefined) throw new Error('owned-0 does not run');
  return names.map((name) => {
    const identity = { ...spec.identity, uid: name, instance: `${name}-0`, agent: name };
    const left = { ...spec, identity: { ...identity, store: store ?? identity.store } };
    const container = house.engine.make(`agentctl-default-${name}-0`, left, 'sha256:1');
    house.engine.start(container, left);
    return container.ref;
  });
}

async function open(): Promise<House> {
  const house = await House.open();
  await house.agent('owned');
  await house.ready('owned-0');
  return house;
}

const minutes = (count: number): number => count * 60_000;
const runtime = (house: House) => house.controller.cache.runtimes.get('engine');
const held = (house: House) =>
  runtime(house)?.status?.conditions?.find(({ type }) => type === 'OrphansHeld')?.message;

test('what nobody owns is collected after two lists that are a minute apart, and told', async () => {
  await using house = await open();
  const [ghost = ''] = leave(house, ['ghost']);
  const passed = await house.within(minutes(5), () => !house.engine.containers.has(ghost), 1_000);
  expect(passed).toBeGreaterThanOrEqual(60_000);
  await house.until(() => house.happened.includes('OrphansCollected'));
  expect(house.engine.containers.has(house.refOf('owned-0'))).toBe(true);
});

test("another store's containers are never collected", async () => {
  await using house = await open();
  const [theirs = ''] = leave(house, ['theirs'], 'another-store');
  await house.within(minutes(5), () => house.clock.now() >= Date.parse('2026-03-02T10:04:00Z'), 1_000);
  expect(house.engine.containers.get(theirs)?.state).toBe('Running');
});

test('after an absence of its Runtime the minute begins anew', async () => {
  await using house = await open();
  house.engine.offline = true;
  const [ghost = ''] = leave(house, ['ghost']);
  await house.within(minutes(3), () => house.clock.now() >= Date.parse('2026-03-02T10:02:00Z'), 1_000);
  house.engine.offline = false;
  const passed = await house.within(minutes(5), () => !house.engine.containers.has(ghost), 1_000);
  expect(passed).toBeGreaterThanOrEqual(60_000);
});

test('more than a fifth of all at once is held, says how to approve, and goes once that is done', async () => {
  await using house = await open();
  const ghosts = leave(house, ['ghost1', 'ghost2', 'ghost3']);
  await house.within(minutes(5), () => held(house) !== undefined, 1_000);
  expect(held(house)).toContain('agentctl approve runtime/engine');
  await house.within(minutes(6), () => house.clock.now() >= Date.parse('2026-03-02T10:05:00Z'), 1_000);
  for (const ghost of ghosts) expect(house.engine.containers.has(ghost)).toBe(true);

  const annotations = { 'agentctl.dev/collect-orphans': 'true' };
  const body = { metadata: { annotations } };
  await house.user.patch('Runtime', { name: 'engine' }, { type: 'merge', body });
  await house.within(minutes(5), () => ghosts.every((ghost) => !house.engine.containers.has(ghost)), 1_000);
  await house.within(minutes(1), () => held(house) === undefined);
  expect(house.engine.containers.has(house.refOf('owned-0'))).toBe(true);
});

test('an approval holds once: what is left later waits for another', async () => {
  await using house = await open();
  const first = leave(house, ['ghost1', 'ghost2', 'ghost3']);
  await house.within(minutes(5), () => held(house) !== undefined, 1_000);
  const body = { metadata: { annotations: { 'agentctl.dev/collect-orphans': 'true' } } };
  await house.user.patch('Runtime', { name: 'engine' }, { type: 'merge', body });
  await house.within(minutes(5), () => first.every((ghost) => !house.engine.containers.has(ghost)), 1_000);
  await house.until(
    () => runtime(house)?.metadata.annotations?.['agentctl.dev/collect-orphans'] === undefined,
  );
  const second = leave(house, ['ghost4', 'ghost5', 'ghost6']);
  await house.within(minutes(5), () => held(house) !== undefined, 1_000);
  for (const ghost of second) expect(house.engine.containers.has(ghost)).toBe(true);
});
