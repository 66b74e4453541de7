import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isApiError } from '../../src/api/errors.ts';
import type { AnyObject, New } from '../../src/api/objects.ts';
import type { Apis } from '../../src/client/streams.ts';
import { controllerApis } from '../../src/controller/apis.ts';
import { House } from './house.ts';

let house: House;
let apis: Apis;

beforeEach(async () => {
  house = await House.open();
  apis = apisOf(house);
});

afterEach(() => house[Symbol.asyncDispose]());

const apisOf = ({ controller, user, clock }: House): Apis =>
  controllerApis({
    controller,
    resources: user,
    clock,
    pid: 7,
    version: '1.0.0',
    store: { id: 's', path: '/s', revision: () => 9 },
  });

const isReady = (name: string): boolean =>
  house.controller.cache.agents
    .get(`default/${name}`)
    ?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

/** Moves the clock until the promise has settled; answers it and how long it took. */
async function settled(promise: Promise<unknown>): Promise<{ error?: unknown; after: number }> {
  let end: { error?: unknown } | undefined;
  promise.then(
    () => {
      end = {};
    },
    (error: unknown) => {
      end = { error };
    },
  );
  const after = await house.within(120_000, () => end !== undefined);
  return { ...end, after };
}

describe('stopping all agents', () => {
  test('ends when every instance has', async () => {
    await house.agent('web');
    await house.agent('waits', {}, { template: { image: 'none:1', imagePullPolicy: 'Never' } });
    await house.ready('web-0');
    expect((await settled(apis.controller.stopAgents())).error).toBeUndefined();
    expect([house.phase('web-0'), house.phase('waits-0')]).toEqual(['Stopped', 'Stopped']);
  });

  test('kills what ignores its signal, after its own grace period', async () => {
    await house.agent('stubborn', { onTerm: 'Ignore' }, { policy: { stop: { gracePeriod: '40s' } } });
    await house.ready('stubborn-0');
    const { error, after } = await settled(apis.controller.stopAgents());
    expect(error).toBeUndefined();
    expect(after).toBeGreaterThanOrEqual(40_000);
  });

  test('of many that do not end names ten, and counts the others', async () => {
    await house.agent('lost', {}, { replicas: 25 });
    await house.within(20_000, () => house.engine.containers.size === 25);
    house.engine.offline = true;
    const { error } = await settled(apis.controller.stopAgents());
    expect(String(error)).toContain(', … and 15 more.');
    expect(String(error).length).toBeLessThan(4_000);
  });

  test('ends with the names of those on a Runtime that is out of reach', async () => {
    await house.agent('lost');
    await house.ready('lost-0');
    house.engine.offline = true;
    const { error, after } = await settled(apis.controller.stopAgents());
    expect(isApiError(error, 'Timeout')).toBe(true);
    expect(String(error)).toContain('default/lost-0 (The Runtime engine does not answer');
    expect(after).toBeLessThanOrEqual(40_000);
  });
});

describe('a plan', () => {
  const agent = (name: string, namespace: string, spec: object = {}): New<AnyObject> =>
    plain('Agent', name, namespace, { spec: { template: { image: 'test-image:1' }, ...spec } });
  const plain = (kind: string, name: string, namespace?: string, rest: object = {}) =>
    ({
      apiVersion: ['Agent', 'Policy', 'Runtime'].includes(kind) ? 'agentctl.dev/v1' : 'v1',
      kind,
      metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
      ...rest,
    }) as New<AnyObject>; // of the kinds that the tests name

  test('of a new agent begins with what it needs, and writes nothing', async () => {
    const [plan] = await apis.plans.plan([agent('web', 'default')]);
    expect(plan?.actions.map(({ id }) => id)).toContain('CreateInstance/web-0');
    expect((await house.user.list('Agent')).items).toEqual([]);
  });

  test('of an agent that stands as it is has no action', async () => {
    const stored = await house.agent('web');
    await house.ready('web-0');
    const { metadata, spec } = stored;
    const [plan] = await apis.plans.plan([agent(metadata.name, 'default', spec)]);
    expect(plan?.actions).toEqual([]);
  });

  test('takes in a namespace, a Policy, a Secret and a Runtime that are only to be made', async () => {
    const plans = await apis.plans.plan([
      plain('Namespace', 'team'),
      plain('Secret', 'keys', 'team', { data: { k: 'dg==' } }),
      plain('Policy', 'p', 'team', { spec: {} }),
      plain('Runtime', 'far', undefined, { spec: { driver: 'docker', endpoint: 'unix:///far' } }),
      agent('web', 'team', {
        policyRef: { name: 'p' },
        runtimeRef: { name: 'far' },
        template: { image: 'test-image:1', envFrom: [{ secretRef: { name: 'keys' } }] },
      }),
    ]);
    expect(plans).toHaveLength(1);
    expect(plans[0]?.agent).toMatchObject({ name: 'web', namespace: 'team' });
    expect(plans[0]?.actions.map(({ id }) => id)).toContain('CreateInstance/web-0');
  });

  test('tells of a Secret that is missing, and nothing of how the controller keeps its books', async () => {
    const template = { image: 'test-image:1', envFrom: [{ secretRef: { name: 'keys' } }] };
    const [plan] = await apis.plans.plan([agent('web', 'default', { template })]);
    expect(plan?.agent).toEqual({ name: 'web', namespace: 'default' });
    expect(plan?.text).toBe(
      '+ create web-0: spec.replicas is 1.\n! SecretMissing: The Secret keys does not exist. Create it: agentctl create secret generic keys --from-literal=KEY=...\n',
    );
  });

  test('is refused for an object that would be', async () => {
    const wrong = apis.plans.plan([agent('web', 'default', { replicas: -1 })]);
    await expect(wrong).rejects.toMatchObject({ code: 'Invalid' });
  });

  test('of a Policy alone tells of the agents that name it', async () => {
    await house.user.create('Policy', plain('Policy', 'p', 'default', { spec: {} }) as New<never>);
    await house.agent('web', {}, { policyRef: { name: 'p' } });
    await house.ready('web-0');
    const plans = await apis.plans.plan([plain('Policy', 'p', 'default', { spec: { priority: 3 } })]);
    expect(plans.map((plan) => plan.agent.name)).toEqual(['web']);
  });
});

test('the status counts agents, instances and places, and says why a Runtime is not ready', async () => {
  await house.agent('web');
  await house.ready('web-0');
  await house.within(2_000, () => isReady('web'));
  const online = await apis.controller.status();
  expect(online).toMatchObject({
    pid: 7,
    agents: { total: 1, ready: 1 },
    instances: { Ready: 1 },
    runtimes: [{ name: 'engine', ready: true, running: 1, queued: 0 }],
  });
  expect(online.runtimes[0]).not.toHaveProperty('message');
  house.engine.offline = true;
  await house.within(5_000, () => house.phase('web-0') === 'Unknown');
  expect((await apis.controller.status()).runtimes[0]).toMatchObject({
    ready: false,
    message: 'the fake engine is offline',
  });
});

test('volumes are purged only once their agent has gone or is going', async () => {
  const template = {
    volumes: [{ name: 'data', named: { perInstance: false } }],
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  };
  await house.agent('web', {}, { template });
  await house.ready('web-0');
  const key = { namespace: 'default', name: 'web' };
  const volumes = [{ runtime: 'engine', name: 'default_web_data' }];
  expect(await apis.volumes.volumes(key)).toEqual(volumes);
  await expect(apis.volumes.purge(key)).rejects.toMatchObject({ code: 'Conflict' });
  await house.user.delete('Agent', key);
  await house.until(() => house.controller.cache.agents.get('default/web') === undefined);
  expect(await apis.volumes.purge(key)).toEqual(volumes);
  expect(await apis.volumes.volumes(key)).toEqual([]);
});
