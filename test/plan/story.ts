/** Plays a World forward, event by event, with every action succeeding unless a test says otherwise. */
import type { InstanceStatus } from '../../src/api/objects.ts';
import type { Action, Plan, PlannedEvent } from '../../src/plan/action.ts';
import { carriedOut, granted, written } from '../../src/plan/forecasting.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import type { World } from '../../src/plan/world.ts';
import { type House, happen, houseOf, runnable, type WorldEvent } from '../simulation/simulation.ts';
import { second, type WorldOptions, worldOf } from './worlds.ts';

export class Story {
  house: House;
  readonly actions: Action[] = [];
  readonly events: PlannedEvent[] = [];

  constructor(world: World) {
    this.house = houseOf(world);
  }

  /** An Agent that was just applied, played until its instances are Ready. */
  static ready(options: WorldOptions = {}): Story {
    const story = new Story(worldOf({ instances: [], revisions: [], ...options }));
    story.rest().pass(second).forget();
    return story;
  }

  get world(): World {
    return this.house.world;
  }

  get plan(): Plan {
    return reconcile(this.world);
  }

  status(at = 0): InstanceStatus {
    return this.world.instances[at]?.object.status ?? {};
  }

  get did(): string[] {
    return this.actions.map(({ id }) => id);
  }

  get told(): string[] {
    return this.events.map(({ reason }) => reason);
  }

  forget(): this {
    this.actions.length = 0;
    this.events.length = 0;
    return this;
  }

  /** Changes the World, as an observe would find it changed. */
  set(change: Partial<World> | ((world: World) => Partial<World>)): this {
    const change_ = typeof change === 'function' ? change(this.world) : change;
    this.house = { ...this.house, world: { ...this.world, ...change_ } };
    return this;
  }

  happen(...events: WorldEvent[]): this {
    for (const event of events) this.house = happen(this.house, event);
    return this;
  }

  /** Writes one plan, and carries its actions out. */
  step(): this {
    const { plan, world } = this;
    this.events.push(...plan.events);
    this.actions.push(...plan.actions);
    let next = granted(written(world, plan), plan);
    for (const action of runnable(plan)) next = carriedOut(next, action);
    return this.set(next);
  }

  /** Writes one plan, and carries nothing out: the controller ended in between. */
  crash(): this {
    const { plan, world } = this;
    this.events.push(...plan.events);
    return this.set(written(world, plan));
  }

  /** Steps until nothing is left to do at this instant. */
  rest(): this {
    for (let round = 0; round < 30; round++) {
      const { plan } = this;
      this.step();
      if (plan.actions.length === 0 && plan.wants.length === 0) return this;
    }
    throw new Error('the plans never end');
  }

  /** Lets time pass, and rests each time that the planner wants to look again. */
  pass(ms: number): this {
    const until = this.world.now + ms;
    this.rest();
    for (let at = this.plan.wakeAt; at !== undefined && at <= until; at = this.plan.wakeAt) {
      this.set({ now: at });
      this.rest();
    }
    this.set({ now: until });
    return this.rest();
  }
}
