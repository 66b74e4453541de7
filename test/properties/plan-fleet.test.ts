import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Instance } from '../../src/api/objects.ts';
import type { Action, Want } from '../../src/plan/action.ts';
import { admit, occupancy } from '../../src/plan/admit.ts';
import { carriedOut, written } from '../../src/plan/forecasting.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import type { World } from '../../src/plan/world.ts';
import { agentOf, policyOf, runtimeOf, worldOf } from '../plan/worlds.ts';
import { happen, houseOf, runnable, type WorldEvent } from '../simulation/simulation.ts';

/** Several Agents on one Runtime that takes fewer instances than they want. */
class Fleet {
  worlds: World[];
  grants: ReadonlySet<string> = new Set();
  readonly wants = new Map<number, readonly Want[]>();
  readonly #most: number;
  readonly #starting: number | undefined;

  constructor(
    agents: readonly { replicas: number; priority: number }[],
    most: number,
    starting: number | undefined,
  ) {
    this.#most = most;
    this.#starting = starting;
    this.worlds = agents.map(({ replicas, priority }, at) => ({
      ...worldOf({
        agent: agentOf({ replicas }, { name: `agent${at}`, uid: `agent-${at}`, finalizers: [] }),
        instances: [],
        revisions: [],
      }),
      policy: policyOf({ priority, backoff: { schedule: ['1s'] }, stop: { gracePeriod: '1s' } }),
    }));
  }

  get instances(): Instance[] {
    return this.worlds.flatMap(({ instances }) => instances.map(({ object }) => object));
  }

  get held(): { held: number; starting: number } {
    return occupancy(this.instances).get('docker') ?? { held: 0, starting: 0 };
  }

  get up(): number {
    return this.worlds
      .flatMap(({ instances }) =>
        instances.flatMap(({ observed }) => (observed === 'Unknown' ? [] : observed)),
      )
      .filter(({ state }) => state === 'Running').length;
  }

  admit(): void {
    const { spec } = runtimeOf({
      maxConcurrent: this.#most,
      ...(this.#starting === undefined ? {} : { maxStarting: this.#starting }),
    });
    const { grants } = admit({
      now: this.worlds[0]?.now ?? 0,
      runtimes: [{ name: 'docker', spec, ...this.held }],
      wants: [...this.wants.values()].flat(),
      grants: this.grants,
    });
    this.grants = grants;
  }

  /** Plans for one Agent, and writes it; of the actions the first `done` succeed. Tells whether there was anything. */
  step(at: number, done = Number.POSITIVE_INFINITY): boolean {
    const seen = this.worlds[at];
    if (seen === undefined) return false;
    const world = { ...seen, grants: this.grants };
    const plan = reconcile(world);
    const claimed = new Set(plan.actions.flatMap((one) => (one.type === 'Start' ? [one.uid] : [])));
    let next = written(world, plan);
    const actions: Action[] = runnable(plan).slice(0, done);
    for (const action of actions) next = carriedOut(next, action);
    this.worlds = this.worlds.map((one, index) => (index === at ? next : one));
    this.wants.set(at, plan.wants);
    this.grants = new Set([...this.grants].filter((uid) => !claimed.has(uid)));
    this.admit();
    return plan.actions.length > 0;
  }

  happen(at: number, event: WorldEvent): void {
    this.worlds = this.worlds.map((one, index) => (index === at ? happen(houseOf(one), event).world : one));
  }

  pass(ms: number): void {
    this.worlds = this.worlds.map((one) => ({ ...one, now: one.now + ms }));
  }

  settle(): boolean {
    for (let round = 0; round < 60; round++) {
      const before = this.grants.size;
      const moved = this.worlds.map((_, at) => this.step(at)).some(Boolean);
      if (!moved && this.grants.size === 0 && before === 0) return true;
    }
    return false;
  }
}

type Event =
  | { is: 'Step'; at: number; done: number }
  | { is: 'Pass'; ms: number }
  | { is: 'Exit' | 'Suspend' | 'Resume' | 'Delete' | 'Image'; at: number };

const at = fc.nat(3);
const events: fc.Arbitrary<Event> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ is: fc.constant('Step' as const), at, done: fc.nat(3) }) },
  {
    weight: 3,
    arbitrary: fc.record({ is: fc.constant('Pass' as const), ms: fc.constantFrom(1, 1000, 60_000) }),
  },
  { weight: 4, arbitrary: fc.record({ is: fc.constantFrom('Exit' as const, 'Image' as const), at }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constantFrom('Suspend' as const, 'Resume' as const), at }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('Delete' as const), at }) },
);

function apply(fleet: Fleet, event: Event) {
  switch (event.is) {
    case 'Step':
      fleet.step(event.at, event.done);
      return;
    case 'Pass':
      return fleet.pass(event.ms);
    case 'Exit':
      return fleet.happen(event.at, { is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 });
    case 'Image':
      return fleet.happen(event.at, { is: 'Image', image: 'web:2' });
    case 'Suspend':
    case 'Resume':
      return fleet.happen(event.at, { is: 'Spec', spec: { suspend: event.is === 'Suspend' } });
    case 'Delete':
      return fleet.happen(event.at, { is: 'Delete' });
  }
}

describe('a Runtime that takes only so many', () => {
  test('never has more, whatever happens and wherever the controller stops, and never keeps a place for nobody', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ replicas: fc.nat(3), priority: fc.nat(2) }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.option(fc.integer({ min: 1, max: 2 }), { nil: undefined }),
        fc.array(events, { maxLength: 60 }),
        (agents, most, starting, story) => {
          const fleet = new Fleet(agents, most, starting);
          const look = (): void => {
            expect(fleet.held.held + fleet.grants.size).toBeLessThanOrEqual(most);
            expect(fleet.up).toBeLessThanOrEqual(most);
          };
          for (const event of story) {
            apply(fleet, event);
            look();
          }
          expect(fleet.settle()).toBe(true);
          fleet.pass(600_000);
          expect(fleet.settle()).toBe(true);
          look();
          expect(fleet.up).toBe(fleet.held.held);
          const waiting = [...fleet.wants.values()].flat().length;
          if (waiting > 0 && starting === undefined) expect(fleet.held.held).toBe(most);
        },
      ),
      { numRuns: Number(process.env.PROPERTY_RUNS ?? 300) },
    );
  });
});
