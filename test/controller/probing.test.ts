/** Probes in a whole controller: what an outage, another session and a deletion mean to them. */
import { expect, test } from 'vitest';
import { DriverError } from '../../src/drivers/driver.ts';
import { podCapabilities } from '../contracts/driver/traits.ts';
import type { FakeDriver } from '../fakes/driver.ts';
import { House, type HouseOptions } from './house.ts';

const seconds = 1_000;
const probe = (command: string) => ({
  exec: { command: ['sh', '-c', command] },
  period: '1s',
  failureThreshold: 3,
});

/** Counts the checks of each driver that was made, in order; a closed one refuses everything. */
function counting(): { asked: number[]; wrap: (driver: FakeDriver) => FakeDriver } {
  const asked: number[] = [];
  const wrap = (driver: FakeDriver): FakeDriver => {
    const number = asked.push(0) - 1;
    let closed = false;
    return {
      ...driver,
      exec: async (...args) => {
        asked[number] = (asked[number] ?? 0) + 1;
        if (closed) throw new DriverError('Offline', 'EngineUnreachable', 'the connection was closed');
        return driver.exec(...args);
      },
      async close() {
        closed = true;
      },
    };
  };
  return { asked, wrap };
}

/** So many seconds pass, in small steps. */
async function pass(house: House, count: number): Promise<void> {
  const end = house.clock.now() + count * seconds;
  await house.within(count * seconds, () => house.clock.now() >= end);
}

const open = (options: HouseOptions = {}) => House.open(options);
const total = (asked: readonly number[]): number => asked.reduce((sum, count) => sum + count, 0);

test('an engine that is away for half a minute restarts no agent with a liveness probe', async () => {
  let away = false;
  await using house = await open({
    wrap: (driver) => ({
      ...driver,
      exec: async (...args) => {
        if (away) throw new DriverError('Offline', 'EngineUnreachable', 'no answer');
        return driver.exec(...args);
      },
    }),
  });
  await house.agent('web', {}, { liveness: probe('exit 0'), readiness: probe('exit 0') });
  await house.ready('web-0');
  await pass(house, 3);
  away = true; // checks are the first to see it, and the last
  await pass(house, 5);
  house.engine.offline = true;
  await pass(house, 30);
  expect(house.phase('web-0')).toBe('Unknown');
  house.engine.offline = false;
  await house.within(15 * seconds, () => house.phase('web-0') === 'Ready');
  await pass(house, 5);
  away = false;
  await pass(house, 10);
  expect(house.engine.calls).toEqual(['create default/web-0 run 1']);
  expect(house.instance('web-0')?.status).toMatchObject({ phase: 'Ready', restartCount: 0 });
});

test('when the keys of a Runtime change, checks go on by its new driver, and the old one is never asked again', async () => {
  const { asked, wrap } = counting();
  await using house = await open({ wrap });
  await house.agent('web', {}, { liveness: probe('exit 0'), readiness: probe('exit 0') });
  await house.ready('web-0');
  const body = { spec: { endpoint: 'unix:///moved' } };
  await house.user.patch('Runtime', { name: 'engine' }, { type: 'merge', body });
  await house.within(2 * seconds, () => (asked[1] ?? 0) > 0);
  const before = asked[0];
  await house.within(10 * seconds, () => (asked[1] ?? 0) > 10);
  expect(asked[0]).toBe(before);
  expect(house.engine.calls).toEqual(['create default/web-0 run 1']);
  expect(house.phase('web-0')).toBe('Ready');
});

test('where the Runtime makes the checks, nobody else does, and a restart is a replacement', async () => {
  const { asked, wrap } = counting();
  await using house = await open({ wrap, capabilities: podCapabilities });
  const { failing, calls, containers } = house.engine;
  failing.set('ready', 'not yet');
  await house.agent('web', {}, { liveness: probe('exit 0'), readiness: probe('exit 0') });
  await house.within(5 * seconds, () => house.instance('web-0')?.status?.reason === 'WaitingForReadiness');
  failing.clear();
  for (const container of containers.values()) house.engine.notify(container);
  await house.within(5 * seconds, () => house.phase('web-0') === 'Ready');
  const [first = ''] = containers.keys();
  house.engine.end(first, { code: 1 });
  await house.within(30 * seconds, () => house.instance('web-0')?.status?.run?.number === 2);
  await house.ready('web-0');
  expect(calls).toEqual(['create default/web-0 run 1', `remove ${first}`, 'create default/web-0 run 2']);
  expect(total(asked)).toBe(0);
});

test('an agent that was deleted by force is probed no more, though it still runs', async () => {
  const { asked, wrap } = counting();
  const stopped = Promise.withResolvers<void>();
  await using house = await open({
    wrap: (driver) => ({ ...wrap(driver), signal: () => stopped.promise }),
  });
  await house.agent('web', {}, { liveness: probe('exit 0') });
  await house.ready('web-0');
  await house.within(3 * seconds, () => total(asked) > 1);
  const key = { namespace: 'default', name: 'web' };
  await house.user.delete('Agent', key);
  const patch = { type: 'merge', body: { metadata: { finalizers: null } } } as const;
  await house.user.patch('Agent', key, patch);
  await house.user.delete('Instance', { ...key, name: 'web-0' });
  await house.user.patch('Instance', { ...key, name: 'web-0' }, patch);
  await house.until(() => house.instance('web-0') === undefined);
  const before = total(asked);
  await pass(house, 5);
  expect(house.engine.containers.size).toBe(1);
  expect(total(asked)).toBe(before);
  stopped.resolve();
});

test('a Runtime that is deleted is asked for nothing more', async () => {
  const { asked, wrap } = counting();
  await using house = await open({ wrap });
  await house.agent('web', {}, { runtimeRef: { name: 'engine' }, liveness: probe('exit 0') });
  await house.ready('web-0');
  await house.within(3 * seconds, () => total(asked) > 1);
  await house.user.delete('Runtime', { name: 'engine' });
  await house.within(2 * seconds, () => house.phase('web-0') === 'Unknown');
  const before = total(asked);
  await pass(house, 5);
  expect(total(asked)).toBe(before);
});

test('an agent that takes longer to come up than its liveness probe allows is not killed on its way', async () => {
  let up = false;
  await using house = await open({
    wrap: (driver) => ({ ...driver, exec: async () => ({ code: up ? 0 : 1, output: '' }) }),
  });
  await house.agent('slow', {}, { liveness: probe('up'), readiness: probe('up'), startDeadline: '60s' });
  await pass(house, 15);
  expect(house.phase('slow-0')).toBe('Starting');
  up = true;
  await house.within(5 * seconds, () => house.phase('slow-0') === 'Ready');
  expect(house.engine.calls).toEqual(['create default/slow-0 run 1']);
  up = false;
  await house.within(10 * seconds, () => house.instance('slow-0')?.status?.stop?.cause === 'LivenessFailed');
});
