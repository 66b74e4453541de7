import { expect, test } from 'vitest';
import type { Driver } from '../../src/drivers/driver.ts';
import { House } from './house.ts';

/** Stops the controller and moves the clock until it has ended; answers how long it took. */
async function stop(house: House): Promise<number> {
  let stopped = false;
  void house.controller.stop().then(() => {
    stopped = true;
  });
  return house.within(60_000, () => stopped);
}

test('the controller waits for actions that are under way when it ends', async () => {
  let finish = (): void => {};
  const slow = (driver: Driver): Driver => ({
    ...driver,
    create: async (spec) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return driver.create(spec);
    },
  });
  const house = await House.open({ wrap: slow });
  await house.agent('web');
  await house.until(() => house.phase('web-0') === 'Starting');
  await house.rest();
  house.clock.after(3_000, () => finish());
  expect(await stop(house)).toBe(3_000);
  expect(house.engine.calls).toEqual(['create default/web-0 run 1']);
});

test('an action that hangs does not keep the controller from ending', async () => {
  const house = await House.open({
    wrap: (driver) => ({ ...driver, create: () => new Promise(() => {}) }),
  });
  await house.agent('stuck');
  await house.until(() => house.phase('stuck-0') === 'Starting');
  expect(await stop(house)).toBeLessThanOrEqual(15_000);
});

test('a Runtime that does not answer does not keep the controller from ending', async () => {
  const house = await House.open({ wrap: (driver) => ({ ...driver, ping: () => new Promise(() => {}) }) });
  await house.rest();
  expect(await stop(house)).toBeLessThanOrEqual(15_000);
});

test('a driver that cannot be closed does not keep the controller from ending', async () => {
  const house = await House.open({
    wrap: (driver) => ({ ...driver, close: () => Promise.reject(new Error('it broke')) }),
  });
  await house.rest();
  expect(await stop(house)).toBe(0);
});
