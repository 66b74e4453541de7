import { expect, test } from 'vitest';
import { ApiError } from '../../src/api/errors.ts';
import { type Driver, DriverError } from '../../src/drivers/driver.ts';
import { House } from './house.ts';

test('an agent is started once, and is Ready after minReady', async () => {
  await using house = await House.open();
  await house.agent('web');
  expect(await house.ready('web-0')).toBeGreaterThanOrEqual(1_000);
  expect(house.engine.calls).toEqual(['create default/web-0 run 1']);
  await house.until(() => house.happened.length === 2);
  expect(house.happened).toEqual(['Started', 'Ready']);
});

test('an exit backs off by the schedule and starts the same container again', async () => {
  await using house = await House.open();
  await house.agent('web', {}, { policy: { backoff: { schedule: ['3s', '7s'], jitter: 0 } } });
  await house.ready('web-0');
  const ref = house.refOf('web-0');
  house.engine.end(ref, { code: 1 });
  await house.until(() => house.phase('web-0') === 'BackOff');
  expect(await house.within(10_000, () => house.phase('web-0') !== 'BackOff')).toBe(3_000);
  await house.ready('web-0');
  house.engine.end(ref, { code: 1 });
  await house.until(() => house.phase('web-0') === 'BackOff');
  expect(await house.within(10_000, () => house.phase('web-0') !== 'BackOff')).toBe(7_000);
  await house.ready('web-0');
  expect(house.engine.calls).toEqual([
    'create default/web-0 run 1',
    `restart ${ref} run 2`,
    `restart ${ref} run 3`,
  ]);
  expect(house.instance('web-0')?.status).toMatchObject({ restartCount: 2, failures: 2 });
});

test('a controller that comes back adopts what runs, and goes on in the middle of a backoff', async () => {
  await using house = await House.open();
  await house.agent('well');
  await house.agent('ill', {}, { policy: { backoff: { schedule: ['10s'], jitter: 0 } } });
  await house.ready('well-0');
  await house.ready('ill-0');
  house.engine.end(house.refOf('ill-0'), { code: 1 });
  await house.until(() => house.phase('ill-0') === 'BackOff');
  const calls = house.engine.calls.length;
  const before = house.instance('well-0');
  await house.restart(() => house.clock.advance(4_000));
  expect(await house.within(20_000, () => house.phase('ill-0') === 'Starting')).toBe(6_000);
  await house.ready('ill-0');
  expect(house.engine.calls.slice(calls)).toEqual([`restart ${house.refOf('ill-0')} run 2`]);
  expect(house.instance('well-0')).toEqual(before);
});

test('a controller that comes back leaves an instance Ready until a check says otherwise', async () => {
  await using house = await House.open();
  const checked = { exec: { command: ['sh', '-c', 'exit 0'] }, period: '10s', failureThreshold: 2 };
  await house.agent('web', {}, { readiness: checked as never }); // the registry adds the defaults
  await house.ready('web-0');
  await house.until(() => house.happened.includes('Ready'));
  const before = house.instance('web-0');
  const phases = new Set<string | undefined>();
  await house.restart();
  const later = house.clock.now() + 15_000;
  await house.within(20_000, () => {
    phases.add(house.phase('web-0'));
    return house.clock.now() > later;
  });
  expect(phases).toEqual(new Set(['Ready']));
  expect(house.instance('web-0')).toEqual(before);
  expect(house.happened).toEqual(['Started', 'Ready']);
});

test('an exit that nobody saw is counted once, from the time that the engine tells', async () => {
  await using house = await House.open();
  await house.agent('web', {}, { policy: { backoff: { schedule: ['10s'], jitter: 0 } } });
  await house.ready('web-0');
  const ref = house.refOf('web-0');
  await house.restart(() => {
    house.engine.end(ref, { code: 9 });
    house.clock.advance(8_000);
  });
  expect(await house.within(20_000, () => house.phase('web-0') === 'Starting')).toBe(2_000);
  await house.ready('web-0');
  expect(house.instance('web-0')?.status).toMatchObject({
    failures: 1,
    restartCount: 1,
    lastExit: { run: 1, code: 9 },
  });
});

test('an engine out of reach makes its instances Unknown, touches none, and costs no failure', async () => {
  await using house = await House.open();
  await house.agent('web');
  await house.ready('web-0');
  const calls = house.engine.calls.length;
  house.engine.offline = true;
  await house.within(5_000, () => house.phase('web-0') === 'Unknown');
  expect(house.instance('web-0')?.status?.reason).toBe('RuntimeOffline');
  house.engine.offline = false;
  await house.within(20_000, () => house.phase('web-0') === 'Ready');
  expect(house.engine.calls.slice(calls)).toEqual([]);
  expect(house.instance('web-0')?.status).toMatchObject({ restartCount: 0 });
});

test('exits that the engine caused by its own restart are no failures', async () => {
  await using house = await House.open();
  await house.agent('web');
  await house.ready('web-0');
  house.engine.restart();
  await house.within(
    20_000,
    () => house.instance('web-0')?.status?.run?.number === 2 && house.phase('web-0') === 'Ready',
  );
  expect(house.instance('web-0')?.status?.failures ?? 0).toBe(0);
  expect(house.instance('web-0')?.status).toMatchObject({ restartCount: 1, lastExit: { cause: 'Runtime' } });
});

test('what is missing burns no run, and is tried again within five seconds', async () => {
  await using house = await House.open();
  await house.agent('web', {}, { template: { image: 'later:1', imagePullPolicy: 'Never' } });
  await house.until(() => house.phase('web-0') === 'Pending');
  expect(house.instance('web-0')?.status).toMatchObject({ reason: 'ImageMissing', run: { number: 1 } });
  house.engine.images.set('later:1', 'sha256:2');
  await house.within(5_000, () => house.phase('web-0') === 'Ready');
  expect(house.instance('web-0')?.status).toMatchObject({ run: { number: 1 }, restartCount: 0 });
});

test('a failed start counts like an exit', async () => {
  await using house = await House.open();
  house.engine.failNext('create', new DriverError('Retryable', 'DiskFull', 'no space left'));
  await house.agent('web', {}, { policy: { backoff: { schedule: ['5s'], jitter: 0 } } });
  await house.until(() => house.phase('web-0') === 'BackOff');
  expect(house.instance('web-0')?.status).toMatchObject({ failures: 1, lastOutcome: { reason: 'DiskFull' } });
  await house.within(6_000, () => house.phase('web-0') === 'Ready');
});

test('an action that hangs holds nobody else up', async () => {
  const hanging = (driver: Driver): Driver => ({
    ...driver,
    create: (spec) => (spec.identity.agent === 'stuck' ? new Promise(() => {}) : driver.create(spec)),
  });
  const house = await House.open({ wrap: hanging });
  await house.agent('stuck');
  for (let n = 0; n < 30; n += 1) await house.agent(`a${n}`);
  await house.within(10_000, () =>
    Array.from({ length: 30 }, (_, n) => house.phase(`a${n}-0`)).every((phase) => phase === 'Ready'),
  );
  expect(house.phase('stuck-0')).toBe('Starting');
});

test('a full Runtime queues by priority, and a place that comes free is taken at once', async () => {
  await using house = await House.open({ runtime: { maxConcurrent: 1 } });
  await house.agent('first');
  await house.ready('first-0');
  await house.agent('low');
  await house.agent('high', {}, { policy: { priority: 10 } });
  await house.until(() => house.instance('low-0')?.status?.queue?.position === 2);
  expect(house.instance('high-0')?.status).toMatchObject({
    phase: 'Pending',
    reason: 'Queued',
    queue: { position: 1 },
  });
  await house.user.delete('Agent', { namespace: 'default', name: 'first' });
  await house.ready('high-0');
  expect(house.instance('low-0')?.status?.queue?.position).toBe(1);
  expect([...house.engine.containers.values()].filter(({ state }) => state === 'Running')).toHaveLength(1);
});

test('a changed Policy reaches the running agent that names it, and restarts nothing', async () => {
  await using house = await House.open();
  const policy = (delay: string) => ({
    type: 'apply' as const,
    body: {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Policy',
      metadata: { name: 'p' },
      spec: { backoff: { schedule: [delay], jitter: 0 } },
    },
  });
  await house.user.patch('Policy', { namespace: 'default', name: 'p' }, policy('60s'));
  await house.agent('web', {}, { policyRef: { name: 'p' } });
  await house.ready('web-0');
  await house.user.patch('Policy', { namespace: 'default', name: 'p' }, policy('2s'));
  house.engine.end(house.refOf('web-0'), { code: 1 });
  await house.until(() => house.phase('web-0') === 'BackOff');
  expect(await house.within(5_000, () => house.phase('web-0') === 'Starting')).toBe(2_000);
});

test('deleting an agent stops it, removes its container and leaves no object', async () => {
  await using house = await House.open();
  await house.agent('web');
  await house.ready('web-0');
  const ref = house.refOf('web-0');
  await house.user.delete('Agent', { namespace: 'default', name: 'web' });
  await house.until(() => house.controller.cache.agents.get('default/web') === undefined);
  expect(house.engine.calls.slice(1)).toEqual([`signal ${ref} SIGTERM`, `remove ${ref}`]);
  expect((await house.user.list('Instance')).items).toEqual([]);
  expect((await house.user.list('Revision')).items).toEqual([]);
});

test('one that ignores its signal is killed after the grace period', async () => {
  await using house = await House.open();
  await house.agent('web', { onTerm: 'Ignore' }, { policy: { stop: { gracePeriod: '4s' } } });
  await house.ready('web-0');
  const ref = house.refOf('web-0');
  await house.user.patch(
    'Agent',
    { namespace: 'default', name: 'web' },
    { type: 'merge', body: { spec: { suspend: true } } },
  );
  expect(await house.within(10_000, () => house.phase('web-0') === 'Stopped')).toBe(4_000);
  expect(house.engine.calls.slice(1)).toEqual([`signal ${ref} SIGTERM`, `kill ${ref}`]);
});

test('a wait of sixty days ends on time', async () => {
  await using house = await House.open();
  await house.agent('web', {}, { policy: { scheduledRestart: { every: `${60 * 24}h`, whenIdleFor: '0s' } } });
  await house.ready('web-0');
  const day = 24 * 3_600_000;
  for (let days = 0; days < 59; days += 1) {
    house.clock.advance(day);
    await house.until(() => house.phase('web-0') === 'Ready');
  }
  expect(house.instance('web-0')?.status?.run?.number).toBe(1);
  await house.within(2 * day, () => house.instance('web-0')?.status?.run?.number === 2, 60_000);
});

test('an Instance that is deleted is stopped with its grace period, and made anew', async () => {
  await using house = await House.open();
  await house.agent('web', { onTerm: 'Ignore' }, { policy: { stop: { gracePeriod: '4s' } } });
  await house.ready('web-0');
  const before = house.instance('web-0');
  await house.user.delete('Instance', { namespace: 'default', name: 'web-0' });
  await house.until(() => house.phase('web-0') === 'Stopping');
  await house.within(6_000, () => house.phase('web-0') === 'Ready');
  expect(house.instance('web-0')?.metadata.uid).not.toBe(before?.metadata.uid);
  expect(house.engine.calls.slice(1).map((call) => call.split(' ')[0])).toEqual([
    'signal',
    'kill',
    'remove',
    'create',
  ]);
});

test('an Instance whose Agent was taken away by force is let go', async () => {
  await using house = await House.open();
  await house.agent('web');
  await house.ready('web-0');
  house.engine.offline = true;
  await house.within(5_000, () => house.phase('web-0') === 'Unknown');
  await house.user.delete('Agent', { namespace: 'default', name: 'web' });
  await house.user.patch(
    'Agent',
    { namespace: 'default', name: 'web' },
    { type: 'merge', body: { metadata: { finalizers: null } } },
  );
  await house.until(() => house.instance('web-0') === undefined);
});

test('an action that the API refuses is told with its cause, and tried again more and more rarely until it succeeds', async () => {
  const api = { refuses: true, tries: 0 };
  await using house = await House.open({
    client: (client) =>
      new Proxy(client, {
        get: (object, name) => {
          const value: unknown = Reflect.get(object, name, object);
          if (typeof value !== 'function') return value;
          return (...args: unknown[]) => {
            if (!api.refuses || name !== 'create' || args[0] !== 'Instance') return value.apply(object, args);
            api.tries += 1;
            return Promise.reject(new ApiError('Forbidden', 'the quota is used up'));
          };
        },
      }),
  });
  await house.agent('web');
  await house.until(() => house.happened.includes('ActionFailed'));
  const end = house.clock.now() + 60_000;
  await house.within(60_000, () => house.clock.now() >= end, 1_000);
  expect(api.tries).toBeGreaterThan(4);
  expect(api.tries).toBeLessThan(12);
  api.refuses = false;
  await house.within(70_000, () => house.phase('web-0') === 'Ready', 1_000);
});

test('a scheduled restart of an agent without a protocol comes when it is due, without a wait for idleness', async () => {
  await using house = await House.open();
  await house.agent('web', {}, { policy: { scheduledRestart: { cron: '1 10 * * *' } } });
  await house.ready('web-0');
  await house.within(70_000, () => house.engine.calls.some((call) => call.startsWith('restart')), 1_000);
});
