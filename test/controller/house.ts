/** A whole controller over the real registry and store, with a fake engine and a clock that a test moves. */
import { finalizer } from '../../src/api/annotations.ts';
import type { Capabilities } from '../../src/api/capabilities.ts';
import { kindInfo } from '../../src/api/kinds.ts';
import type { Agent, Instance, New, PolicySpec, Runtime } from '../../src/api/objects.ts';
import { withDefaults } from '../../src/api/shape.ts';
import { LocalClient } from '../../src/client/local.ts';
import type { Resources } from '../../src/client/resources.ts';
import { Controller } from '../../src/controller/controller.ts';
import type { LeaderElection } from '../../src/controller/leadership.ts';
import type { Driver } from '../../src/drivers/driver.ts';
import type { Journal } from '../../src/messages/journal.ts';
import { openJournal } from '../../src/messages/sqlite-journal.ts';
import type { Gate } from '../../src/plan/world.ts';
import { randomIds } from '../../src/platform/ids.ts';
import { type Log, silentLog } from '../../src/platform/log.ts';
import { createRegistry } from '../../src/registry/registry.ts';
import { inPlace, type Parser } from '../../src/sources/parsing/parser.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { ManualClock } from '../fakes/clock.ts';
import { createFakeDriver, type FakeDriver } from '../fakes/driver.ts';
import { type Behaviour, FakeEngine, type FakeEngineOptions, fakeCommand } from '../fakes/engine.ts';
import { FakeSources } from '../fakes/sources.ts';

const group = 'agentctl.dev/v1';
const log = silentLog;

export interface HouseOptions {
  /** Stands between the controller and the fake driver of a Runtime. */
  wrap?: (driver: FakeDriver, runtime: Runtime) => Driver;
  runtime?: Partial<Runtime['spec']>;
  /** Of the fake driver. */
  capabilities?: Capabilities;
  /** Stands between the controller and the API. */
  client?: (client: Resources) => Resources;
  /** The controller's. */
  log?: Log;
  /** Stands between the controller and the journal. */
  journal?: (journal: Journal) => Journal;
  behave?: FakeEngineOptions['behave'];
  /** Of the manifests that Syncs follow. */
  parser?: Parser;
  diskFull?: () => boolean;
  gates?: (agent: Agent) => readonly Gate[];
  /** The house is open before it is elected. */
  leader?: LeaderElection;
}

export class House implements AsyncDisposable {
  readonly clock = new ManualClock('2026-03-02T10:00:00Z');
  readonly engine: FakeEngine;
  /** What the Syncs of this house follow. */
  readonly sources = new FakeSources();
  readonly user: LocalClient;
  readonly #store: ReturnType<typeof openStore>;
  readonly journal: Journal = openJournal(':memory:', { log });
  readonly #options: HouseOptions;
  readonly #registry: Awaited<ReturnType<typeof createRegistry>>;
  controller: Controller;
  /** Reasons of all Events so far. */
  readonly happened: string[] = [];

  static async open(options: HouseOptions = {}): Promise<House> {
    const store = openStore(':memory:', { log });
    // The clock of a House is made with it, so that the registry is given one that asks it.
    const holder: { house?: House } = {};
    const clock = { now: () => holder.house?.clock.now() ?? 0, after: () => () => {} };
    const registry = await createRegistry({
      store,
      clock,
      ids: randomIds,
      log,
      finalizers: { Agent: finalizer },
    });
    const house = new House(store, registry, options);
    holder.house = house;
    await house.user.create('Runtime', {
      apiVersion: group,
      kind: 'Runtime',
      metadata: { name: 'engine' },
      spec: { driver: 'docker', default: true, endpoint: 'unix:///fake', ...options.runtime },
    });
    const started = house.controller.start();
    if (options.leader === undefined) await started;
    return house;
  }

  private constructor(
    store: ReturnType<typeof openStore>,
    registry: Awaited<ReturnType<typeof createRegistry>>,
    options: HouseOptions,
  ) {
    this.#store = store;
    this.#registry = registry;
    this.#options = options;
    this.engine = new FakeEngine({ clock: this.clock, behave: options.behave });
    this.user = new LocalClient(registry, 'user');
    this.controller = this.#build();
  }

  #build(): Controller {
    const {
      wrap = (driver) => driver,
      client = (resources) => resources,
      journal = (kept) => kept,
    } = this.#options;
    const controller = new Controller({
      resources: client(new LocalClient(this.#registry, 'agentctl-controller')),
      journal: journal(this.journal),
      makeDriver: async (runtime) =>
        wrap(createFakeDriver(this.engine, this.#store.id, this.#options.capabilities), runtime),
      sources: this.sources,
      parsers: { syncs: this.#options.parser ?? inPlace, agents: inPlace },
      defaultPolicy: withDefaults(kindInfo('Policy').schema.properties?.spec ?? {}, {}) as PolicySpec, // all have defaults
      key: new Uint8Array(32),
      storeId: this.#store.id,
      version: '1.0.0',
      clock: this.clock,
      ids: randomIds,
      log: this.#options.log ?? log,
      diskFull: this.#options.diskFull,
      gates: this.#options.gates,
      leader: this.#options.leader,
    });
    controller.recorder.onEvent((_, { reason }) => this.happened.push(reason));
    return controller;
  }

  /** Ends the controller as an orderly stop does, and starts a new one over the same store and engine. */
  async restart(whileDown: () => unknown = () => {}): Promise<void> {
    await this.controller.stop();
    await whileDown();
    this.controller = this.#build();
    await this.controller.start();
  }

  /** As `restart`, of a controller that was killed: whoever stands around it lets it do nothing any more. */
  async replace(): Promise<void> {
    const { controller } = this;
    // It is dead: nobody hears what it says.
    controller.conversations.stop().catch(() => {});
    controller.stop().catch(() => {});
    this.controller = this.#build();
    await this.controller.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.controller.stop();
    await this.#store.close();
  }

  agent(name: string, program: Behaviour = {}, spec: New<Agent>['spec'] = {}): Promise<Agent> {
    const template = { image: 'test-image:1', command: fakeCommand(program), ...spec?.template };
    const body = { apiVersion: group, kind: 'Agent', metadata: { name }, spec: { ...spec, template } };
    return this.user.patch('Agent', { namespace: 'default', name }, { type: 'apply', body });
  }

  instance(name: string): Instance | undefined {
    return this.controller.cache.instances.get(`default/${name}`);
  }

  /** Gives everything that is under way its turn, often enough that nothing is left of it. */
  async rest(): Promise<void> {
    for (let turn = 0; turn < 500; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Gives everything that is under way its turn until the condition holds; the clock stands still. */
  async until(condition: () => boolean): Promise<void> {
    for (let turn = 0; turn < 2_000; turn += 1) {
      if (condition()) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const phases = this.controller.cache.instances
      .list()
      .map(({ metadata, status }) => `${metadata.name} ${status?.phase} ${status?.reason}`);
    throw new Error(
      `it never came about; instances: ${phases.join(', ')}; calls: ${this.engine.calls.join(', ')}`,
    );
  }

  /** Moves the clock in small steps until the condition holds; answers how far. */
  async within(milliseconds: number, condition: () => boolean, step = 100): Promise<number> {
    for (let passed = 0; ; passed += step) {
      for (let turn = 0; turn < 50; turn += 1) {
        if (condition()) return passed;
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (passed >= milliseconds) break;
      this.clock.advance(step);
    }
    await this.until(condition);
    return milliseconds;
  }

  /** Resolves when the API has done all that follows from the writes so far. */
  settled(): Promise<void> {
    return this.#registry.settled();
  }

  phase(name: string): string | undefined {
    return this.instance(name)?.status?.phase;
  }

  ready(name: string): Promise<number> {
    return this.within(5_000, () => this.phase(name) === 'Ready');
  }

  refOf(name: string): string {
    return this.instance(name)?.status?.run?.ref ?? '';
  }
}
