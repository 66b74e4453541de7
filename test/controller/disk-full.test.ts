import { expect, test } from 'vitest';
import type { Resources } from '../../src/client/resources.ts';
import { DriverError } from '../../src/drivers/driver.ts';
import { StoreError } from '../../src/store/store.ts';
import { House } from './house.ts';

/** A client whose writes of Instances fail, as on a full disk, while `full` says so. */
const refusing =
  (full: () => boolean) =>
  (client: Resources): Resources => ({
    get: (...given) => client.get(...given),
    list: (...given) => client.list(...given),
    watch: (...given) => client.watch(...given),
    create: (...given) => client.create(...given),
    patch: (...given) => client.patch(...given),
    delete: (...given) => client.delete(...given),
    update: async (...given) => {
      if (given[0] === 'Instance' && full()) throw new StoreError('Full', 'The disk is full.');
      return client.update(...given);
    },
  });

test('where an intent cannot be written nothing is done, and it goes on by itself once it can be', async () => {
  let full = true;
  await using house = await House.open({ client: refusing(() => full) });
  await house.agent('web');
  await house.within(5_000, () => house.instance('web-0') !== undefined);
  await house.rest();
  expect(house.engine.calls).toEqual([]);
  full = false;
  await house.within(60_000, () => house.phase('web-0') === 'Ready');
  expect(house.engine.calls).toEqual(['create default/web-0 run 1']);
});

test('a failure that cannot be written down is not tried again meanwhile, and is counted once it can be', async () => {
  let full = false;
  await using house = await House.open({
    client: refusing(() => full),
    wrap: (driver) => ({
      ...driver,
      async create(spec) {
        full = house.engine.calls.length === 0;
        return driver.create(spec);
      },
    }),
  });
  house.engine.failNext('create', new DriverError('Retryable', 'DiskFull', 'no space left'));
  await house.agent('web', {}, { policy: { backoff: { schedule: ['5s'], jitter: 0 } } });
  await house.until(() => house.engine.calls.length === 1);
  await house.rest();
  expect(house.engine.calls).toHaveLength(1);
  full = false;
  await house.within(2_000, () => house.phase('web-0') === 'BackOff');
  expect(house.instance('web-0')?.status).toMatchObject({ failures: 1, lastOutcome: { reason: 'DiskFull' } });
});
