import { expect, test } from 'vitest';
import { occupancy } from '../../src/plan/admit.ts';
import { House } from './house.ts';

test('the places of a Runtime are counted as its Instances are, whatever becomes of them', async () => {
  await using house = await House.open();
  const { cache } = house.controller;
  const seen: number[] = [];
  const check = (): void => {
    const counted = occupancy(cache.instances.list()).get('engine') ?? { held: 0, starting: 0 };
    expect(cache.load('engine')).toEqual(counted);
    seen.push(counted.held);
  };
  check();
  await house.agent('web');
  await house.agent('many', {}, { replicas: 3 });
  await house.until(() => house.instance('many-2')?.status?.run !== undefined);
  check();
  for (const name of ['web-0', 'many-0', 'many-1', 'many-2']) await house.ready(name);
  check();
  house.engine.end(house.refOf('web-0'), { code: 1 });
  await house.until(() => house.phase('web-0') === 'BackOff');
  check();
  await house.user.delete('Agent', { namespace: 'default', name: 'many' });
  await house.until(() => cache.agents.get('default/many') === undefined);
  await house.rest();
  check();
  expect(seen).toEqual([0, 4, 4, 3, 0]);
});
