import { expect, test } from 'vitest';
import { DriverError } from '../../src/drivers/driver.ts';
import { House } from './house.ts';

test('a Runtime whose spec allows more takes in at once the agents that it refused', async () => {
  await using house = await House.open();
  await house.agent(
    'sharing',
    {},
    {
      template: {
        volumes: [{ name: 'shared', hostPath: { path: '/srv/shared' } }],
        volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
      },
    },
  );
  const accepted = (): string | undefined =>
    house.controller.cache.agents
      .get('default/sharing')
      ?.status?.conditions?.find(({ type }) => type === 'Accepted')?.status;
  await house.until(() => accepted() === 'False');
  let turns = 0;
  await house.until(() => ++turns > 500); // nothing is under way any more
  const body = { spec: { allowHostPaths: ['/srv'] } };
  await house.user.patch('Runtime', { name: 'engine' }, { type: 'merge', body });
  await house.until(() => accepted() === 'True');
  expect(await house.ready('sharing-0')).toBeLessThan(5_000);
});

const condition = (house: House, type: string, name = 'engine') =>
  house.controller.cache.runtimes.get(name)?.status?.conditions?.find((one) => one.type === type);

const runtimePatch = (name: string, spec: object) => ({
  type: 'apply' as const,
  body: {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Runtime',
    metadata: { name },
    spec: { driver: 'docker', endpoint: 'unix:///fake', ...spec },
  },
});

test('a Runtime whose driver cannot be made says so, its agents too, and both go on once its spec is mended', async () => {
  await using house = await House.open({
    runtime: { endpoint: 'unix:///broken' },
    wrap: (driver, { spec }) => {
      if (spec.endpoint === 'unix:///broken') throw new Error('it cannot be used');
      return driver;
    },
  });
  await house.agent('web');
  await house.within(2_000, () => condition(house, 'Ready')?.reason === 'InvalidSpec');
  await house.within(2_000, () => house.instance('web-0')?.status?.reason === 'RuntimeOffline');
  expect(house.instance('web-0')?.status?.message).toContain('It cannot be used');
  await house.rest();
  const { resourceVersion } = house.controller.cache.agents.get('default/web')?.metadata ?? {};
  await house.rest();
  expect(house.controller.cache.agents.get('default/web')?.metadata.resourceVersion).toBe(resourceVersion);
  await house.user.patch(
    'Runtime',
    { name: 'engine' },
    { type: 'merge', body: { spec: { endpoint: 'unix:///fake' } } },
  );
  await house.within(2_000, () => condition(house, 'Ready')?.reason === 'Online');
  expect(await house.ready('web-0')).toBeLessThan(5_000);
});

test('a driver that cannot be made now is made later by itself, and its agents go on', async () => {
  let tries = 0;
  await using house = await House.open({
    wrap: (driver) => {
      tries += 1;
      if (tries <= 4) throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
      return driver;
    },
  });
  await house.agent('web');
  await house.within(2_000, () => condition(house, 'Ready')?.message === 'too many open files.');
  expect(condition(house, 'Ready')?.reason).toBe('ConnectFailed');
  expect(tries).toBeLessThan(4);
  await house.within(20_000, () => condition(house, 'Ready')?.reason === 'Online');
  expect(await house.ready('web-0')).toBeLessThan(5_000);
});

test('a Runtime is connected once the Secret with its keys is there, and anew when they change', async () => {
  const found: string[] = [];
  const holder: { house?: House } = {};
  await using house = await House.open({
    runtime: { endpoint: 'tcp://far:2376', tlsSecretRef: { namespace: 'default', name: 'keys' } },
    wrap: (driver) => {
      const secret = holder.house?.controller.cache.secrets.get('default/keys');
      if (secret === undefined) throw new Error('secrets "keys" not found');
      found.push(secret.data?.['tls.key'] ?? '');
      return driver;
    },
  });
  holder.house = house;
  await house.agent('web');
  await house.within(2_000, () => condition(house, 'Ready')?.message === 'secrets "keys" not found.');
  const body = (key: string) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'keys' },
    data: { 'tls.key': Buffer.from(key).toString('base64') },
  });
  await house.user.patch(
    'Secret',
    { namespace: 'default', name: 'keys' },
    { type: 'apply', body: body('one') },
  );
  await house.ready('web-0');
  await house.user.patch(
    'Secret',
    { namespace: 'default', name: 'keys' },
    { type: 'apply', body: body('two') },
  );
  await house.within(2_000, () => found.length === 2);
  await house.within(5_000, () => house.phase('web-0') === 'Ready');
  expect(found).toEqual([Buffer.from('one').toString('base64'), Buffer.from('two').toString('base64')]);
  expect(house.engine.calls).toEqual(['create default/web-0 run 1']);
});

test('an agent that names no Runtime is looked at again at once when another becomes the default', async () => {
  await using house = await House.open({ runtime: { allowedNamespaces: ['elsewhere'] } });
  await house.agent('web');
  const accepted = (): string | undefined =>
    house.controller.cache.agents
      .get('default/web')
      ?.status?.conditions?.find(({ type }) => type === 'Accepted')?.status;
  await house.within(2_000, () => accepted() === 'False');
  await house.user.patch('Runtime', { name: 'other' }, runtimePatch('other', { default: true }));
  await house.within(2_000, () => condition(house, 'Ready', 'other')?.reason === 'Online');
  await house.rest();
  await house.user.patch(
    'Runtime',
    { name: 'engine' },
    { type: 'merge', body: { spec: { default: false } } },
  );
  await house.until(() => accepted() === 'True');
});

test('a Runtime that is deleted while its instances run leaves them Unknown, and adopts them when it is back', async () => {
  await using house = await House.open();
  await house.agent('web', {}, { runtimeRef: { name: 'engine' } });
  await house.ready('web-0');
  await house.user.delete('Runtime', { name: 'engine' });
  await house.within(2_000, () => house.phase('web-0') === 'Unknown');
  await house.user.patch('Runtime', { name: 'engine' }, runtimePatch('engine', {}));
  await house.within(10_000, () => house.phase('web-0') === 'Ready');
  expect(house.engine.calls).toEqual(['create default/web-0 run 1']);
  expect(house.instance('web-0')?.status).toMatchObject({ run: { number: 1 }, restartCount: 0 });
});

test('the deletion of an Agent whose Runtime was deleted says so, with the remedy', async () => {
  await using house = await House.open();
  await house.agent('web', {}, { runtimeRef: { name: 'engine' } });
  await house.ready('web-0');
  await house.user.delete('Runtime', { name: 'engine' });
  await house.within(2_000, () => house.phase('web-0') === 'Unknown');
  await house.user.delete('Agent', { namespace: 'default', name: 'web' });
  const text =
    'The Runtime engine does not exist. Its deletion waits for it; agentctl delete agent web --force deletes it anyway.';
  await house.within(2_000, () => house.instance('web-0')?.status?.message === text);
});

test('a Runtime that is deleted while a start is under way costs no failure', async () => {
  let begun = 0;
  await using house = await House.open({
    wrap: (driver) => {
      let cut = (_: Error): void => {};
      return {
        ...driver,
        create: (spec) => {
          if (++begun > 1) return driver.create(spec);
          return new Promise((_, reject) => {
            cut = reject;
          });
        },
        close: async () => cut(new DriverError('Offline', 'EngineUnreachable', 'the connection was closed')),
      };
    },
  });
  await house.agent('web', {}, { runtimeRef: { name: 'engine' } });
  await house.until(() => begun === 1);
  await house.user.delete('Runtime', { name: 'engine' });
  await house.within(
    5_000,
    () => house.controller.flights.of(house.instance('web-0')?.metadata.uid ?? '') === undefined,
  );
  await house.user.patch('Runtime', { name: 'engine' }, runtimePatch('engine', {}));
  await house.within(10_000, () => house.phase('web-0') === 'Ready');
  expect(house.instance('web-0')?.status).toMatchObject({ run: { number: 1 }, restartCount: 0 });
  expect(house.instance('web-0')?.status?.failures ?? 0).toBe(0);
});

test('what a driver tells of its host is a condition of the Runtime', async () => {
  const told = {
    type: 'ProcessesContained',
    status: 'False',
    reason: 'ProcScan',
    message: 'No cgroups.',
  } as const;
  await using house = await House.open({
    wrap: (driver) => Object.assign(Object.create(driver) as typeof driver, { conditions: () => [told] }),
  });
  await house.within(2_000, () => condition(house, 'ProcessesContained')?.reason === 'ProcScan');
  expect(condition(house, 'ProcessesContained')).toMatchObject(told);
});

const breaker = (house: House): string | undefined =>
  house.controller.cache.runtimes.get('engine')?.status?.breaker?.state;

/** A house whose engine refuses every start, until the breaker of its Runtime is open. */
async function broken(): Promise<House> {
  const house = await House.open({
    runtime: { circuitBreaker: { failureThreshold: 1, cooldown: '1h' } },
    wrap: (driver) => ({
      ...driver,
      create: async () => {
        throw new DriverError('Retryable', 'StartFailed', 'it does not start here');
      },
    }),
  });
  await house.agent('web', {}, { runtimeRef: { name: 'engine' } });
  await house.within(5_000, () => breaker(house) === 'Open');
  return house;
}

test('a Runtime made anew under the same name begins with its breaker closed', async () => {
  await using house = await broken();
  await house.user.delete('Agent', { namespace: 'default', name: 'web' });
  await house.within(5_000, () => house.instance('web-0') === undefined);
  await house.user.delete('Runtime', { name: 'engine' });
  await house.until(() => house.controller.cache.runtimes.get('engine') === undefined);
  await house.user.patch('Runtime', { name: 'engine' }, runtimePatch('engine', {}));
  await house.within(2_000, () => breaker(house) !== undefined);
  expect(breaker(house)).toBe('Closed');
});

test('what a driver has to say of its Runtime is a condition of it, for as long as it holds', async () => {
  const init = { type: 'Init', status: 'False', reason: 'Missing', message: 'Install catatonit.' } as const;
  let told: (typeof init)[] = [];
  await using house = await House.open({ wrap: (driver) => ({ ...driver, conditions: () => told }) });
  await house.within(2_000, () => condition(house, 'Ready')?.status === 'True');
  told = [init];
  await house.agent('web');
  await house.within(5_000, () => condition(house, 'Init')?.message === 'Install catatonit.');
  told = [];
  await house.within(120_000, () => condition(house, 'Init') === undefined);
  expect(condition(house, 'Ready')?.status).toBe('True');
});

test('a full disk is told within seconds, and so is that it has room again', async () => {
  let isFull = false;
  await using house = await House.open({ diskFull: () => isFull });
  await house.user.patch(
    'Runtime',
    { name: 'here' },
    runtimePatch('here', { driver: 'process', endpoint: null }),
  );
  const told = (): string | undefined =>
    house.controller.cache.runtimes.get('here')?.status?.conditions?.find(({ type }) => type === 'DiskFull')
      ?.status;
  await house.within(2_000, () => house.controller.cache.runtimes.get('here')?.status !== undefined);
  isFull = true;
  await house.within(5_000, () => told() === 'True');
  isFull = false;
  await house.within(5_000, () => told() === undefined);
});
