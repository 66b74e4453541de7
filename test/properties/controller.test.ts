import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isApiError } from '../../src/api/errors.ts';
import { DriverError } from '../../src/drivers/driver.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import { House } from '../controller/house.ts';
import type { FakeDriver } from '../fakes/driver.ts';

type Command =
  | { is: 'Patch'; name: string; body: object }
  | { is: 'Delete'; name: string }
  | { is: 'Exit' | 'Vanish' | 'Pause'; at: number }
  | { is: 'Fail'; method: string; sort: DriverError['kind'] }
  | { is: 'Pass'; ms: number }
  | { is: 'Online' | 'Offline' | 'EngineRestart' | 'ControllerRestart' };

const places = 4;
const name = fc.constantFrom('a', 'b');
const patches = fc.oneof(
  fc.record({ spec: fc.record({ replicas: fc.nat(3) }) }),
  fc.record({ spec: fc.record({ suspend: fc.boolean() }) }),
  fc.constantFrom('1', '2', '3').map((value) => ({
    spec: { template: { env: [{ name: 'VERSION', value }] } },
  })),
  fc.nat(999).map((at) => ({
    metadata: { annotations: { 'agentctl.dev/restartedAt': new Date(at).toISOString() } },
  })),
);
const commands: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ is: fc.constant('Patch' as const), name, body: patches }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('Delete' as const), name }) },
  {
    weight: 6,
    arbitrary: fc.record({ is: fc.constantFrom('Exit' as const, 'Exit', 'Vanish', 'Pause'), at: fc.nat(3) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      is: fc.constant('Fail' as const),
      method: fc.constantFrom('create', 'restart', 'signal', 'kill', 'remove', 'list', 'inspect'),
      sort: fc.constantFrom('Retryable', 'NotStartable', 'Offline'),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ is: fc.constant('Pass' as const), ms: fc.constantFrom(10, 1_000, 9_000, 70_000) }),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Command[]>(
      { is: 'Online' },
      { is: 'Offline' },
      { is: 'EngineRestart' },
      { is: 'ControllerRestart' },
    ),
  },
);

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A driver that takes its time: what it does, and what it answers, come some turns after the question. */
const slow =
  (count: number) =>
  (driver: FakeDriver): FakeDriver => ({
    ...driver,
    async create(spec) {
      await turns(count);
      const observed = await driver.create(spec);
      await turns(count);
      return observed;
    },
    async restart(ref, spec) {
      await turns(count);
      const observed = await driver.restart(ref, spec);
      await turns(count);
      return observed;
    },
    async list() {
      const found = await driver.list();
      await turns(count);
      return found;
    },
    async inspect(ref) {
      const found = await driver.inspect(ref);
      await turns(count);
      return found;
    },
  });

async function carry(house: House, command: Command): Promise<void> {
  const { engine, user } = house;
  const containers = [...engine.containers.values()];
  switch (command.is) {
    case 'Patch':
      await user
        .patch('Agent', { namespace: 'default', name: command.name }, { type: 'merge', body: command.body })
        .catch(unlessGone);
      return;
    case 'Delete':
      await user.delete('Agent', { namespace: 'default', name: command.name }).catch(unlessGone);
      return;
    case 'Fail':
      return engine.failNext(command.method, new DriverError(command.sort, 'Broken', 'It is broken.'));
    case 'Pass':
      return house.clock.advance(command.ms);
    case 'Online':
    case 'Offline':
      engine.offline = command.is === 'Offline';
      return;
    case 'EngineRestart':
      return engine.restart();
    case 'ControllerRestart':
      return house.restart();
    default: {
      const one = containers[command.at];
      if (one === undefined) return;
      if (command.is === 'Vanish') engine.vanish(one.ref);
      else if (command.is === 'Exit') engine.end(one.ref, { code: 1 });
      else if (one.state === 'Running') engine.pause(one.ref);
    }
  }
}

function unlessGone(error: unknown): undefined {
  if (!isApiError(error, 'NotFound')) throw error;
}

/** No Instance runs twice, and no more run than the Runtime has places. */
function expectSound({ engine }: House): void {
  const up = [...engine.containers.values()].filter(({ state }) => state === 'Running' || state === 'Paused');
  const uids = up.map(({ spec }) => spec?.identity.instance);
  expect(new Set(uids).size, `up: ${uids.join(', ')}`).toBe(uids.length);
  expect(up.length).toBeLessThanOrEqual(places);
}

const settings = {
  replicas: 2,
  suspend: false,
  policy: { backoff: { schedule: ['1s', '20s'], jitter: 0 }, stop: { gracePeriod: '3s' } },
} as const;

const template = { env: [{ name: 'VERSION', value: '1' }] };

const makeAgent = (house: House, one: string) => house.agent(one, {}, { ...settings, template } as never); // the registry adds the defaults

/** Asks for the agent as it was at first; one that is being deleted is made anew after that. */
async function ask(house: House, one: string): Promise<void> {
  const key = { namespace: 'default', name: one };
  const body = { spec: { ...settings, template } };
  for (let seconds = 0; seconds < 600; seconds += 1) {
    const agent = await house.user.patch('Agent', key, { type: 'merge', body }).catch(unlessGone);
    if (agent === undefined) return void (await makeAgent(house, one));
    if (agent.metadata.deletionTimestamp === undefined) return;
    expectSound(house);
    house.clock.advance(1_000);
    await turns(50);
  }
  throw new Error(`the deletion of ${one} never ends`);
}

/** All is well again, and asked for anew: then everything is to run, and nothing more is to be done. */
async function expectRecovery(house: House): Promise<void> {
  house.engine.offline = false;
  for (const one of house.engine.containers.values()) {
    if (one.state !== 'Paused') continue;
    one.state = 'Running'; // by its user: the controller leaves alone what somebody paused
    house.engine.notify(one);
  }
  for (const one of ['a', 'b']) await ask(house, one);
  const wanted = ['a-0', 'a-1', 'b-0', 'b-1'];
  const resting = (): boolean => {
    expectSound(house);
    const { agents, instances } = house.controller.cache;
    return (
      [...house.engine.containers.values()].every(({ state }) => state === 'Running') &&
      agents.list().length === 2 &&
      instances.list().length === wanted.length &&
      wanted.every((one) => house.phase(one) === 'Ready') &&
      agents.list().every((agent) => {
        const { actions, drift, wants } = reconcile(
          house.controller.observer.observe(agent, house.clock.now()),
        );
        return actions.length + drift.length + wants.length === 0;
      })
    );
  };
  await house.within(600_000, resting, 1_000);
}

test('whatever happens, nothing runs twice, and all runs again once it can', async () => {
  const story = fc.array(fc.tuple(commands, fc.nat(60)), { maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(story, fc.constantFrom(0, 3, 25), async (steps, delay) => {
      await using house = await House.open({ wrap: slow(delay), runtime: { maxConcurrent: places } });
      for (const one of ['a', 'b']) await makeAgent(house, one);
      for (const [command, count] of steps) {
        await carry(house, command);
        for (let turn = 0; turn < count; turn += 1) {
          expectSound(house);
          await turns(1);
        }
      }
      await expectRecovery(house);
      for (const one of ['a', 'b']) await house.user.delete('Agent', { namespace: 'default', name: one });
      await house.within(60_000, () => house.controller.cache.agents.list().length === 0, 1_000);
      expect([...house.engine.containers.keys()]).toEqual([]);
      expect((await house.user.list('Instance')).items).toEqual([]);
    }),
    { numRuns: Number(process.env.PROPERTY_RUNS ?? 60) },
  );
}, 60_000);
