import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Plan } from '../../src/plan/action.ts';
import { contextOf } from '../../src/plan/context.ts';
import { partsOf, reconcile } from '../../src/plan/reconcile.ts';
import type { World } from '../../src/plan/world.ts';
import { withEngine } from '../engines/engine.ts';
import { buildTestImage } from '../engines/image.ts';
import { policyOf } from '../plan/worlds.ts';
import { Fleet } from '../simulation/fleet.ts';
import { dockerGround, fakeGround, type Ground, podGround, processGround } from '../simulation/grounds.ts';

type Command =
  | { is: 'Apply'; version: string; replicas: number; minReady: string; policy: ReturnType<typeof policyOf> }
  | { is: 'Scale'; replicas: number }
  | { is: 'Suspend'; suspend: boolean }
  | { is: 'Resume' | 'RolloutRestart' | 'Pass' | 'NewController' | 'Delete' }
  | { is: 'Move'; runtime: string }
  | { is: 'Completes' | 'Fails' | 'Killed' | 'Paused' | 'Vanishes'; at: number }
  /** The controller goes down after so many actions of its plan; how the last of them ended is never written down. */
  | { is: 'Crash'; done: number };

const policies = fc
  .record({
    on: fc.constantFrom('Always', 'Always', 'OnFailure', 'Never'),
    maxRestarts: fc.constantFrom({}, {}, { maxRestarts: 1 }),
    schedule: fc.constantFrom(['0s'], ['50ms', '200ms']),
    maxUnavailable: fc.integer({ min: 1, max: 3 }),
    strategy: fc.constantFrom('Rolling', 'Rolling', 'OnDelete'),
    autoRevert: fc.boolean(),
    gracePeriod: fc.constantFrom('3s', '3s', '0s'),
  })
  .map((one) =>
    policyOf({
      restart: { on: one.on as 'Always', ...one.maxRestarts },
      backoff: { schedule: [...one.schedule], jitter: 0, resetAfter: '300ms' },
      update: {
        strategy: one.strategy as 'Rolling',
        maxUnavailable: one.maxUnavailable,
        autoRevert: one.autoRevert,
        progressDeadline: '500ms',
      },
      stop: { gracePeriod: one.gracePeriod },
    }),
  );

const replicas = fc.integer({ min: 0, max: 3 });
const apply: fc.Arbitrary<Command> = fc.record({
  is: fc.constant('Apply' as const),
  version: fc.constantFrom('A', 'B', 'C'),
  // The longer one is beyond the progressDeadline: an update to it is reverted where the policy says so.
  minReady: fc.constantFrom('100ms', '100ms', '1s'),
  replicas: fc.integer({ min: 1, max: 3 }),
  policy: policies,
});
const simple = fc.constantFrom<Command[]>(
  { is: 'Resume' },
  { is: 'RolloutRestart' },
  { is: 'NewController' },
  { is: 'Delete' },
  { is: 'Suspend', suspend: true },
  { is: 'Suspend', suspend: false },
  { is: 'Move', runtime: 'one' },
  { is: 'Move', runtime: 'two' },
);
const commands: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: apply },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('Scale' as const), replicas }) },
  { weight: 5, arbitrary: simple },
  { weight: 4, arbitrary: fc.constant<Command>({ is: 'Pass' }) },
  {
    weight: 6,
    arbitrary: fc.record({
      is: fc.constantFrom('Completes' as const, 'Fails', 'Killed', 'Paused', 'Vanishes'),
      at: fc.nat(2),
    }),
  },
  { weight: 4, arbitrary: fc.record({ is: fc.constant('Crash' as const), done: fc.nat(3) }) },
);

async function carry(fleet: Fleet, command: Command, count: number): Promise<void> {
  switch (command.is) {
    case 'Apply': {
      const template = { env: [{ name: 'VERSION', value: command.version }] };
      const { replicas, policy, minReady } = command;
      return fleet.apply({ replicas, policy, minReady, revisionHistoryLimit: 1, template });
    }
    case 'Scale':
      return fleet.change({ replicas: command.replicas });
    case 'Suspend':
      return fleet.change({ suspend: command.suspend });
    case 'Resume':
      return fleet.annotate('agentctl.dev/resume', `${count}`);
    case 'RolloutRestart':
      return fleet.annotate('agentctl.dev/restartedAt', new Date(count * 1000).toISOString());
    case 'Move':
      return fleet.move(command.runtime);
    case 'Delete':
      return fleet.delete();
    case 'NewController':
      return fleet.restart();
    case 'Pass':
      return fleet.pass(4_000);
    case 'Crash': {
      const world = await fleet.observe();
      if (world !== undefined) await fleet.step(world, reconcile(world), command.done, true);
      return fleet.restart();
    }
    default:
      return fleet.happens(command.at, command.is);
  }
}

/** One plan, with what must hold of every plan. */
function planOf(world: World) {
  const plan = reconcile(world);
  const created = plan.actions.flatMap((one) => (one.type === 'CreateInstance' ? [one.name] : []));
  const names = [...world.instances.map(({ object }) => object.metadata.name), ...created];
  expect(plan.verdicts.map(({ instance }) => instance).toSorted()).toEqual(names.toSorted());
  expect(reconcile(structuredClone(world))).toEqual(plan);
  if (plan.wakeAt !== undefined) expect(plan.wakeAt).toBeGreaterThan(world.now);
  return plan;
}

/** Carries out plans until nothing is left to do at this instant. */
async function settle(fleet: Fleet): Promise<void> {
  for (let round = 0; round < 30; round += 1) {
    const world = await fleet.observe();
    if (world === undefined) {
      expect(await fleet.containers()).toEqual([]);
      return;
    }
    const plan = planOf(world);
    if (plan.actions.length === 0 && plan.wants.length === 0 && !writes(world, plan))
      return expectRest(world, plan);
    await fleet.step(world, plan);
    await expectNoDoubles(fleet);
  }
  throw new Error('it never comes to rest');
}

async function expectNoDoubles(fleet: Fleet): Promise<void> {
  const up = (await fleet.containers()).filter(({ state }) => state === 'Running' || state === 'Paused');
  expect(new Set(up.map(({ instance }) => instance)).size).toBe(up.length);
}

const writes = (world: World, plan: Plan): boolean =>
  !isDeepStrictEqual(plan.status, world.agent.status) ||
  world.instances.some(
    ({ object }) => !isDeepStrictEqual(plan.instances.get(object.metadata.name), object.status),
  );

/** Nothing is left to do, nor to tell: all is where it should be, or waits for an instant or for its user. */
function expectRest(world: World, plan: Plan): void {
  expect(plan.events).toEqual([]);
  const context = contextOf(world);
  let running = 0;
  for (const { draft, desire } of partsOf(context)) {
    const { view } = draft;
    const { status = {} } = view.object;
    const up = view.observed !== 'Unknown' && view.observed.some(({ state }) => /Running|Paused/.test(state));
    const { is } = desire;
    // What is on its way down, or up, has a next instant.
    if (status.phase === 'Stopping') expect(plan.wakeAt).toBeDefined();
    else if (is === 'Running' && up) running += 1;
    else if (is === 'Running') expect(awaits(status, plan.wakeAt), JSON.stringify(status)).toBe(true);
    else expect(up, JSON.stringify(status)).toBe(false);
  }
  expect(running).toBeLessThanOrEqual(world.agent.spec.replicas);
}

const awaits = (
  { phase, backoffUntil = '' }: NonNullable<World['instances'][number]['object']['status']>,
  wakeAt: number | undefined,
): boolean =>
  phase === 'Failed' ||
  phase === 'Completed' ||
  (phase === 'BackOff' && wakeAt !== undefined && wakeAt <= Date.parse(backoffUntil));

interface Size {
  runs: number;
  commands: number;
  /** Milliseconds after which no further run begins. */
  limit: number;
  /** Its stories cannot be shrunk. */
  isReal?: boolean;
}

/** Plays command after command; some are let come to rest, others meet the next in the middle. */
async function play(ground: Ground, story: readonly (readonly [Command, boolean])[]): Promise<void> {
  await using fleet = await Fleet.open(ground);
  for (const [count, [command, rests]] of story.entries()) {
    await carry(fleet, command, count);
    if (rests) await settle(fleet);
  }
  await settle(fleet);
}

function stories(open: () => Ground, { runs, commands: most, limit, isReal = false }: Size): Promise<void> {
  const began = performance.now();
  return fc.assert(
    fc.asyncProperty(
      apply,
      fc.array(fc.tuple(commands, fc.boolean()), { minLength: 3, maxLength: most }),
      async (first, rest) => {
        // fast-check's own limit would not wait for what a story leaves to clean up.
        if (performance.now() - began < limit) await play(open(), [[first, true], ...rest]);
      },
    ),
    { numRuns: Number(process.env.PROPERTY_RUNS ?? runs), endOnFailure: isReal },
  );
}

const title = 'whatever happens, each action does what the model says, and the fleet comes to rest';

describe('fake', () => {
  test(title, () => stories(() => fakeGround(), { runs: 150, commands: 20, limit: 15_000 }), 60_000);
});

describe('a fake that starts nothing again', () => {
  test(title, () => stories(podGround, { runs: 100, commands: 20, limit: 15_000 }), 60_000);
});

describe.runIf(process.platform === 'linux')('process', () => {
  test(title, () => stories(processGround, { isReal: true, runs: 10, commands: 10, limit: 12_000 }), 60_000);
});

await withEngine('docker', (engine) => {
  describe('docker', () => {
    beforeAll(() => buildTestImage(engine), 120_000);
    test(
      title,
      () => stories(() => dockerGround(engine), { isReal: true, runs: 4, commands: 8, limit: 12_000 }),
      60_000,
    );
  });
});
