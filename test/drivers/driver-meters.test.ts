import { expect, test } from 'vitest';
import { type Driver, DriverError } from '../../src/drivers/driver.ts';
import { withMeters } from '../../src/drivers/driver-meters.ts';
import { createMeters } from '../../src/platform/prometheus.ts';
import { ManualClock } from '../fakes/clock.ts';
import { createFakeDriver } from '../fakes/driver.ts';
import { FakeEngine } from '../fakes/engine.ts';

const engine = new FakeEngine({ clock: new ManualClock('2026-03-02T10:00:00Z') });

async function measured<D extends Driver>(
  wrap: (driver: Driver) => D,
  use: (driver: D) => Promise<unknown>,
): Promise<string[]> {
  const { meters, exposition } = createMeters();
  await use(withMeters(wrap(createFakeDriver(engine, 'store')), 'docker', meters)).catch(() => {});
  return [
    ...(await exposition.text()).matchAll(/^agentctl_driver_call_duration_seconds_count\{(.*)\} 1$/gm),
  ].map(([, labels = '']) => labels);
}

test('a call is counted with its method and its result', async () => {
  expect(
    await measured(
      (driver) => driver,
      (driver) => driver.list(),
    ),
  ).toEqual(['driver="docker",method="list",result="Succeeded"']);
});

test.each([
  [new DriverError('Offline', 'Offline', 'It does not answer.'), 'Offline'],
  [new DriverError('NotStartable', 'ImagePull', 'It cannot be pulled.'), 'NotStartable'],
  [new TypeError('a fault of the driver'), 'Fault'],
])('a failure with %s is counted as %s, and is thrown', async (error, result) => {
  const failing = (driver: Driver): Driver => ({ ...driver, ping: () => Promise.reject(error) });
  const use = (driver: Driver) => expect(driver.ping()).rejects.toBe(error);
  expect(await measured(failing, use)).toEqual([`driver="docker",method="ping",result="${result}"`]);
});

test('calls of a part are counted under its name', async () => {
  const withPart = (driver: Driver) => ({ ...driver, part: { read: async () => 'all' } });
  expect(await measured(withPart, ({ part }) => expect(part.read()).resolves.toBe('all'))).toEqual([
    'driver="docker",method="part.read",result="Succeeded"',
  ]);
});

test('what is no call stays as it is: capabilities, and the stream of hints', async () => {
  const driver = createFakeDriver(engine, 'store');
  const { capabilities, watch } = withMeters(driver, 'docker', createMeters().meters);
  expect(capabilities).toBe(driver.capabilities);
  expect(watch).toBe(driver.watch);
});
