import { hostname } from 'node:os';
import type { Agent, PolicySpec } from '../api/objects.ts';
import { Recorder } from '../client/recorder.ts';
import type { Resources } from '../client/resources.ts';
import { Conversations } from '../conversations/conversations.ts';
import type { Journal } from '../messages/journal.ts';
import type { Gate } from '../plan/world.ts';
import { type Clock, endsWithin } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Log } from '../platform/log.ts';
import { type Meters, noMeters } from '../platform/meters.ts';
import type { Parser } from '../sources/parsing/parser.ts';
import { Admission, agentKeyOf } from './admission.ts';
import { AgentReconciler } from './agent-reconciler.ts';
import { AgentTools } from './agent-tools.ts';
import { Cache } from './cache.ts';
import { countPhases, managerMeter } from './controller-meters.ts';
import { Flights } from './flights.ts';
import { Images } from './image-updates.ts';
import { type LeaderElection, Leadership } from './leadership.ts';
import { type Keys, Manager } from './manager.ts';
import { Notifier } from './notify.ts';
import { Observer } from './observer.ts';
import { OrphanReconciler, Orphans } from './orphan-reconciler.ts';
import { Policies } from './policies.ts';
import { Prober } from './prober.ts';
import { Inputs } from './runspec.ts';
import { type MakeDriver, RuntimeReconciler } from './runtime-reconciler.ts';
import { SyncReconciler } from './syncs/sync-reconciler.ts';
import type { Sources } from './syncs/sync-records.ts';

/** So many that Syncs, orphans and images at their limits, whose hosts may not answer, leave 64 to the others. */
const workers = 112;
/** Milliseconds. A Runtime's status contains counts; the delay makes a burst of starts one write. */
const runtimeDelay = 250;
const driverEffects = ['create', 'restart', 'signal', 'kill', 'remove'] as const;
const stopBound = 10_000;
const probesBound = 2_000;

export interface ControllerOptions {
  resources: Resources;
  journal: Journal;
  makeDriver: MakeDriver;
  sources: Sources;
  /** Parsers for the manifests of Syncs, and for those that agents write. Their creator closes them. */
  parsers: { syncs: Parser; agents: Parser };
  defaultPolicy: PolicySpec;
  /** HMAC key for the Secrets recorded in Revisions. */
  key: Uint8Array;
  storeId: string;
  /** Returns what may hold the starts and messages of an Agent, apart from its quota. */
  gates?: ((agent: Agent) => readonly Gate[]) | undefined;
  /** Returns whether the disk of the state folder is full. */
  diskFull?: (() => boolean) | undefined;
  version: string;
  clock: Clock;
  ids: Ids;
  log: Log;
  leader?: LeaderElection | undefined;
  meters?: Meters | undefined;
}

/** The reconcilers and what they share. A client of the API, with one session to each Runtime. */
export class Controller {
  readonly cache: Cache;
  readonly policies: Policies;
  readonly admission: Admission;
  readonly runtimes: RuntimeReconciler;
  readonly flights: Flights;
  readonly observer: Observer;
  readonly recorder: Recorder;
  readonly conversations: Conversations;
  readonly syncs: SyncReconciler;
  readonly leadership: Leadership;
  readonly #manager: Manager;
  readonly #agentKeys: Keys;
  readonly #runtimeKeys: Keys;
  readonly #prober: Prober;
  readonly #abort = new AbortController();
  readonly #log: Log;
  readonly #clock: Clock;
  #stopped: Promise<void> | undefined;

  /** Each part uses only parts above it. */
  constructor(options: ControllerOptions) {
    const { clock, ids, log, meters = noMeters, parsers } = options;
    this.#log = log;
    this.#clock = clock;
    this.leadership = new Leadership(options.leader);
    const resources = this.leadership.fence(options.resources, ['create', 'update', 'patch', 'delete']);
    const journal = this.leadership.fence(options.journal, ['commit', 'prune']);
    const makeDriver: MakeDriver = async (runtime) =>
      this.leadership.fence(await options.makeDriver(runtime), driverEffects);
    this.#manager = new Manager({ ...options, workers, meter: managerMeter(meters) });
    meters.queueDepth.read(() =>
      Array.from(this.#manager.depths(), ([reconciler, depth]) => [{ reconciler }, depth]),
    );
    const [agentKeys, runtimeKeys] = [this.#manager.keys('agent'), this.#manager.keys('runtime')];
    this.#agentKeys = agentKeys;
    this.#runtimeKeys = runtimeKeys;
    const enqueueAgent = (key: string): void => agentKeys.add(key);
    const enqueueRuntime = (name: string): void => runtimeKeys.addAfter(name, runtimeDelay);
    const enqueue = (key: string, at = 0): void => agentKeys.addAt(key, at);

    const cache = new Cache(resources, clock, log);
    meters.instances.read(() => countPhases(cache.instances.list()));
    const recorder = new Recorder(resources, clock, ids, log);
    const policies = new Policies(cache, options.defaultPolicy);
    const images = new Images(clock, this.#manager.keys('images'), () => this.#addAll());
    const prober = new Prober(
      clock,
      (uid) => {
        for (const instance of cache.instances.byIndex('uid', uid)) enqueueAgent(agentKeyOf(instance));
      },
      meters,
    );
    const admission = new Admission({
      cache,
      clock,
      enqueueAgent,
      enqueueRuntime,
      enqueueRuntimeAt: (name, at) => runtimeKeys.addAt(name, at),
    });
    const shared = {
      ...options,
      resources,
      journal,
      makeDriver,
      meters,
      cache,
      recorder,
      policies,
      images,
      prober,
      admission,
    };
    const orphans = new OrphanReconciler({
      ...shared,
      orphans: new Orphans(resources, clock, log),
      keys: this.#manager.keys('orphans'),
      enqueueRuntime,
    });
    const runtimes = new RuntimeReconciler({
      ...shared,
      orphans,
      enqueueAgent,
      enqueueRuntime,
      ended: (session) => images.forget(session),
    });
    const conversations = new Conversations({
      ...shared,
      tools: (talk) => new AgentTools({ ...shared, talk, parser: parsers.agents }),
      driver: (runtime) => runtimes.session(runtime)?.driver,
      policy: (agent) => policies.orDefault(agent),
      enqueue,
    });
    const flights = new Flights({ ...shared, signal: this.#abort.signal, enqueue });
    const observer = new Observer({
      ...shared,
      runtimes,
      conversations,
      flights,
      inputs: new Inputs(options.key),
    });
    const agents = new AgentReconciler({ ...shared, runtimes, conversations, flights, observer, enqueue });
    const syncs = new SyncReconciler({
      ...shared,
      parser: parsers.syncs,
      keys: this.#manager.keys('sync'),
    });
    const notifier = new Notifier({
      policyOf: (about) => policies.withAuthor(about),
      mayRunHere: (namespace, author) => cache.mayRunHere(namespace, author),
      refused: (about, newEvent) => recorder.recordEvent(about, newEvent),
      findInput: (namespace) => cache.findInput(namespace),
      host: hostname(),
      clock,
      log,
    });
    recorder.onEvent((about, newEvent) => notifier.notify(about, newEvent));
    for (const reconciler of [agents, admission, runtimes, orphans, syncs, images])
      this.#manager.register(reconciler);

    this.cache = cache;
    this.recorder = recorder;
    this.policies = policies;
    this.admission = admission;
    this.runtimes = runtimes;
    this.conversations = conversations;
    this.flights = flights;
    this.observer = observer;
    this.syncs = syncs;
    this.#prober = prober;
  }

  /** Resolves when the caches are synced: then it can be read, also while it waits to lead. */
  async synced(): Promise<void> {
    await Promise.all(this.cache.all().map(({ synced }) => synced));
  }

  /**
   * Resolves when the caches are synced, this process leads and the workers run, or when it is stopped before. It writes
   * nothing until it leads, and stops when it leads no more.
   */
  async start(): Promise<void> {
    for (const informer of this.cache.all()) informer.start(this.#abort.signal);
    await this.synced();
    if (!(await this.leadership.won(this.#abort.signal))) return;
    this.leadership.lost?.addEventListener('abort', () => this.#resign(), { once: true });
    this.conversations.start();
    const tidied = this.syncs.tidy();
    this.#manager.start();
    this.runtimes.watchDisk();
    await tidied;
  }

  /**
   * Stops the controller, but no agent. Waits for actions in progress, with a time limit. Each action was recorded
   * before it began, so the next controller finds out what came of it.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.syncs.stop();
    const settled = this.#manager
      .stop()
      .then(() => this.flights.settle())
      .then(() => this.syncs.close())
      .then(() => this.recorder.flush());
    if (!(await endsWithin(this.#clock, stopBound, settled)))
      this.#log.warn(
        { seconds: stopBound / 1_000 },
        'actions are still in progress; the next controller continues them',
      );
    const probed = this.#prober.stop();
    await this.conversations.stop();
    this.#abort.abort();
    await endsWithin(this.#clock, probesBound, probed);
    await this.runtimes.stop();
  }

  #resign(): void {
    this.#log.warn({}, 'another controller leads now; this one stops');
    // Without its sessions, calls to drivers that are in progress are cancelled.
    Promise.all([this.runtimes.stop(), this.stop()]).catch((error: unknown) =>
      this.#log.error({ err: error }, 'the controller did not stop'),
    );
  }

  /** Stops every instance and starts none again while this controller runs. */
  drain(): void {
    this.observer.draining = true;
    this.#addAll();
  }

  #addAll(): void {
    this.#runtimeKeys.addAll();
    this.#agentKeys.addAll();
  }
}
