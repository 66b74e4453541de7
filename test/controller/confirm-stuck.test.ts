import { expect, test } from 'vitest';
import { DriverError } from '../../src/drivers/driver.ts';
import { House } from './house.ts';

test('an instance that cannot be looked at is not called Ready, and holds up no other of its agent', async () => {
  let stuck: string | undefined;
  let broken = true;
  await using house = await House.open({
    wrap: (driver) => ({
      ...driver,
      create: async (spec) => {
        const observed = await driver.create(spec);
        if (spec.identity.instance === 'web-0') stuck = observed.ref;
        return observed;
      },
      inspect: async (ref) => {
        if (broken && ref === stuck) throw new DriverError('Retryable', 'EngineError', 'no');
        return driver.inspect(ref);
      },
    }),
  });
  await house.agent('web', {}, { replicas: 2 });
  await house.within(5_000, () => house.phase('web-1') === 'Ready');
  expect(house.phase('web-0')).toBe('Starting');
  broken = false;
  await house.within(5_000, () => house.phase('web-0') === 'Ready');
});
