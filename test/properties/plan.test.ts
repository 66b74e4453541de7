import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InstanceStatus } from '../../src/api/objects.ts';
import { contextOf } from '../../src/plan/context.ts';
import { holdsPlace } from '../../src/plan/draft.ts';
import { written } from '../../src/plan/forecasting.ts';
import { partsOf, reconcile } from '../../src/plan/reconcile.ts';
import type { World } from '../../src/plan/world.ts';
import { exited } from '../plan/worlds.ts';
import {
  type House,
  happen,
  houseOf,
  land,
  runnable,
  settle,
  type WorldEvent,
} from '../simulation/simulation.ts';
import { beginnings, worldEvents } from './plan-worlds.ts';

/** Plays the worldEvents one after another, and looks at each World that comes out. */
function play(world: World, events: readonly WorldEvent[], look: (house: House) => void): void {
  let house = houseOf(world);
  look(house);
  for (const event of events) {
    house = happen(house, event);
    look(house);
  }
}

const stories = (look: (house: House) => void): void => {
  fc.assert(
    fc.property(beginnings, fc.array(worldEvents, { maxLength: 40 }), (world, events) =>
      play(world, events, look),
    ),
    { numRuns: Number(process.env.PROPERTY_RUNS ?? 300) },
  );
};

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) frozen(inner);
  }
  return value;
}

const ended = ({ run, lastExit }: InstanceStatus): boolean => lastExit?.run === run?.number;

/** Whether something will bring it up, or it was given up and says so. */
function awaits(
  { phase, reason = '', backoffUntil = '' }: InstanceStatus,
  wakeAt: number | undefined,
): boolean {
  switch (phase) {
    case 'Failed':
    case 'Completed':
      return true;
    case 'BackOff':
      return wakeAt !== undefined && wakeAt <= Date.parse(backoffUntil);
    case 'Pending':
    case 'Stopping':
      return (
        /^(Runtime.*|Draining)$/.test(reason) || (/^(Broken|Duplicate)$/.test(reason) && wakeAt !== undefined)
      );
    default:
      return false;
  }
}

describe('for every World that random events and actions lead to, the planner', () => {
  test('gives the same plan again, changes nothing in the World, and wakes only later', () => {
    stories(({ world }) => {
      frozen(world);
      const plan = reconcile(world);
      expect(reconcile(structuredClone(world))).toEqual(plan);
      if (plan.wakeAt !== undefined) expect(plan.wakeAt).toBeGreaterThan(world.now);
    });
  });

  test('gives exactly one verdict for every Instance', () => {
    stories(({ world }) => {
      const plan = reconcile(world);
      const created = plan.actions.flatMap((one) => (one.type === 'CreateInstance' ? [one.name] : []));
      const names = [...world.instances.map(({ object }) => object.metadata.name), ...created];
      expect(plan.verdicts.map(({ instance }) => instance).toSorted()).toEqual(names.toSorted());
    });
  });

  test('writes nothing new, and tells nothing again, once its plan is written', () => {
    stories(({ world }) => {
      const plan = reconcile(world);
      const again = reconcile(written(world, plan));
      expect(again.instances).toEqual(plan.instances);
      expect(again.status).toEqual(plan.status);
      expect(again.events).toEqual([]);
      expect(again.wakeAt).toEqual(plan.wakeAt);
    });
  });

  test('has each id once, and waits only for actions of the same plan', () => {
    stories(({ world }) => {
      const plan = reconcile(world);
      expect(new Set(plan.actions.map(({ id }) => id)).size).toBe(plan.actions.length);
      expect(runnable(plan)).toHaveLength(plan.actions.length);
    });
  });

  test('plans nothing for an Instance that an action is under way for, and keeps its place while it starts', () => {
    stories(({ world, flying }) => {
      const plan = reconcile(world);
      for (const { object } of world.instances) {
        const { name } = object.metadata;
        const action = flying.get(name);
        if (action === undefined) continue;
        expect(plan.actions.filter((one) => 'name' in one && one.name === name)).toEqual([]);
        expect(plan.wants.filter(({ instance }) => instance === name)).toEqual([]);
        const status = plan.instances.get(name);
        const starting = action.type === 'Start' && status?.run?.number === action.run && !ended(status);
        if (starting) expect(holdsPlace(status), JSON.stringify(status)).toBe(true);
      }
    });
  });

  test('counts nothing of a late exit of an earlier run', () => {
    stories(({ world }) => {
      const plan = reconcile(world);
      const late = reconcile({
        ...world,
        instances: world.instances.map((view) => {
          const run = view.object.status?.run?.number ?? 0;
          if (view.observed === 'Unknown' || run < 2) return view;
          const exit = exited(1, world.now, { ref: 'earlier', startId: 'earlier', run: run - 1 });
          return { ...view, observed: [exit, ...view.observed] };
        }),
      });
      const counts = ({ failures, lastExit, restartCount }: InstanceStatus = {}) => ({
        failures,
        lastExit,
        restartCount,
      });
      for (const [name, status] of plan.instances)
        expect(counts(late.instances.get(name))).toEqual(counts(status));
    });
  });

  test('starts each Instance once at most, and touches nothing of one whose output is still read', () => {
    stories(({ world }) => {
      const plan = reconcile(world);
      const starts = plan.actions.flatMap((one) => (one.type === 'Start' ? [one.name] : []));
      expect(new Set(starts).size).toBe(starts.length);
      for (const { object, talk, observed } of world.instances) {
        const run = object.status?.run;
        const up = observed !== 'Unknown' && observed.some(({ state }) => /Running|Paused/.test(state));
        if (talk?.state !== 'Draining' || talk.run !== run?.number || up) continue;
        if (plan.instances.get(object.metadata.name)?.run?.number !== run.number) continue; // started outside
        const touched = plan.actions.filter(
          (one) => 'name' in one && one.name === object.metadata.name && one.type !== 'Kill',
        );
        expect(touched).toEqual([]);
      }
    });
  });

  test('sends each prompt once, when it is due', () => {
    stories(({ world }) => {
      const { actions } = reconcile(world);
      const { suspend } = world.agent.spec;
      for (const action of actions) {
        if (action.type !== 'SendPrompt' && action.type !== 'SkipPrompt') continue;
        const sent = world.inbox.sent.get(action.schedule ?? '');
        expect(action.dueAt).toBeLessThanOrEqual(world.now);
        if (sent !== undefined) expect(action.dueAt).toBeGreaterThan(sent);
        if (suspend) expect(action.type).toBe('SkipPrompt');
      }
    });
  });

  test('starts nothing while a gate is held, burns no restart, and wakes when the gate opens', () => {
    stories(({ world }) => {
      const [gate] = world.gates;
      const until = gate?.until ?? Number.POSITIVE_INFINITY;
      if (gate === undefined || until <= world.now) return;
      const plan = reconcile(world);
      expect(plan.actions.filter(({ type }) => type === 'Start')).toEqual([]);
      expect(plan.wants).toEqual([]);
      if (gate.until !== undefined) expect(plan.wakeAt).toBeLessThanOrEqual(gate.until);
      for (const { object } of world.instances) {
        const { status = {} } = object;
        const next = plan.instances.get(object.metadata.name) ?? {};
        expect(next.restartTimes?.length ?? 0).toBeLessThanOrEqual(status.restartTimes?.length ?? 0);
        if (next.run?.number === status.run?.number) expect(next.run?.claimedAt).toBe(status.run?.claimedAt);
        const stopped = status.stop === undefined ? next.stop?.cause : undefined;
        expect(stopped ?? '').not.toMatch(/^(ScheduledRestart|RolloutRestart|.*(Changed|Updated|Upgraded))$/);
      }
    });
  });

  test('goes on after a gate as if there had been none', () => {
    stories(({ world }) => {
      const [{ until } = {}] = world.gates;
      if (until === undefined || until <= world.now) return;
      const after = { ...world, now: until };
      expect(reconcile(after)).toEqual(reconcile({ ...after, gates: [] }));
    });
  });

  test('comes to rest when its actions succeed, with each Instance where it should be', () => {
    stories((unsettled) => {
      const settled = settle(land(unsettled, 'Succeeded'));
      expect(settled).toBeDefined();
      if (settled === undefined) return;
      const { plan } = settled;
      const { world } = settled.house;
      const context = contextOf(world);
      let running = 0;
      for (const { draft, desire } of partsOf(context)) {
        const { view } = draft;
        const { status = {} } = view.object;
        const { is } = desire;
        if (view.observed === 'Unknown') continue;
        const up = view.observed.filter(({ state }) => state === 'Running' || state === 'Paused').length;
        // A kill or removal that failed is tried again a little later.
        const retried = /^(Kill|Remove)$/.test(status.lastOutcome?.action ?? '');
        if (retried && status.lastOutcome?.result !== 'Succeeded' && plan.wakeAt !== undefined) continue;
        expect(up).toBeLessThanOrEqual(1);
        if (is === 'Running') running += up;
        expect(holdsPlace(status), JSON.stringify(status)).toBe(up === 1);
        if (is !== 'Running' || up === 1 || context.refusal !== undefined || context.missing !== undefined)
          continue;
        if (context.gate !== undefined && status.reason === context.gate.reason) continue; // told and waked below
        expect(awaits(status, plan.wakeAt), JSON.stringify(status)).toBe(true);
      }
      expect(running).toBeLessThanOrEqual(world.agent.spec.replicas);
    });
  });
});
