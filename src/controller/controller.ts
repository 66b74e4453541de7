import { hostname } from 'node:os';
import {
  type Agent,
  type AnyObject,
  keyText,
  type PolicySpec,
  type Runtime,
  type Secret,
} from '../api/objects.ts';
import type { Fleet } from '../client/fleet.ts';
import { Recorder } from '../client/recorder.ts';
import type { Resources } from '../client/resources.ts';
import type { Asking } from '../conversations/ports.ts';
import { Talk } from '../conversations/talk.ts';
import type { Journal } from '../messages/journal.ts';
import type { Author } from '../plan/allow.ts';
import { type Clock, endsWithin } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Log } from '../platform/log.ts';
import type { Parser } from '../sources/parsing/parser.ts';
import { Admission } from './admission.ts';
import { AgentReconciler } from './agent-reconciler.ts';
import { authorFor, makerAuthor } from './author.ts';
import { Cache } from './cache.ts';
import { Calls, limited } from './calls.ts';
import { fleetFor } from './fleet.ts';
import { Images } from './images.ts';
import { Inputs } from './inputs.ts';
import { McpServers } from './mcp-server.ts';
import { Notifier } from './notify.ts';
import { Observer } from './observe.ts';
import { Orphans } from './orphans.ts';
import { Prober } from './prober.ts';
import { runWorkers, WorkQueue } from './queue.ts';
import { type MakeDriver, RuntimeReconciler } from './runtime-reconciler.ts';
import type { Sources } from './syncs/record.ts';
import { SyncReconciler } from './syncs/sync-reconciler.ts';

/** Workers mostly wait: for an engine, for the start of a program, or for the shared scan of all processes. */
const workers = 64;
/** One key for the whole fleet, because admission is serial. */
const admissionKey = 'admission/fleet';
/** Milliseconds. A Runtime's status contains counts; the delay makes a burst of starts one write. */
const runtimeDelay = 250;
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
  /** Returns whether the disk of the state folder is full. */
  diskFull?: (() => boolean) | undefined;
  version: string;
  clock: Clock;
  ids: Ids;
  log: Log;
}

/** The reconcilers and their work queue. A client of the API, with one session to each Runtime. */
export class Controller {
  readonly cache: Cache;
  readonly runtimes: RuntimeReconciler;
  readonly admission: Admission;
  readonly agents: AgentReconciler;
  readonly observer: Observer;
  readonly recorder: Recorder;
  readonly talk: Talk;
  readonly syncs: SyncReconciler;
  readonly #queue: WorkQueue;
  readonly #prober: Prober;
  readonly #abort = new AbortController();
  readonly #log: Log;
  readonly #clock: Clock;
  #working: Promise<void> = Promise.resolve();

  constructor(options: ControllerOptions) {
    const { clock, ids, log, resources, storeId, version, defaultPolicy } = options;
    this.#log = log;
    this.#clock = clock;
    this.#queue = new WorkQueue(clock);
    const enqueueAgent = (key: string): void => this.#queue.add(`agent/${key}`);
    const enqueueRuntime = (name: string): void => this.#queue.addAfter(`runtime/${name}`, runtimeDelay);
    const images = new Images(clock, log, () => this.#enqueueAll());
    this.cache = new Cache(resources, clock, log);
    this.recorder = new Recorder(resources, clock, ids, log);
    this.admission = new Admission({
      cache: this.cache,
      clock,
      enqueueAgent,
      enqueueRuntime,
      enqueueRuntimeAt: (name, at) => this.#queue.addAt(`runtime/${name}`, at),
    });
    this.#prober = new Prober(clock, (uid) => {
      for (const { metadata, spec } of this.cache.instances.byIndex('uid', uid)) {
        enqueueAgent(`${metadata.namespace}/${spec.agentName}`);
      }
    });
    this.runtimes = new RuntimeReconciler({
      ...options,
      cache: this.cache,
      admission: this.admission,
      orphans: new Orphans(resources, clock, log),
      recorder: this.recorder,
      enqueueAgent,
      enqueueRuntime,
      ended: (session) => images.forget(session),
    });
    const runtimeFor = (hasImage: boolean): string | undefined => this.cache.defaultRuntime(hasImage);
    const calls = new Calls(clock, { atOnce: 32, rate: 20, burst: 100 });
    const fleet = (from: Agent, instance: Asking): Fleet =>
      limited(
        fleetFor(
          {
            talk: this.talk,
            resources,
            streams: this.talk,
            parser: options.parsers.agents,
            runtimeFor,
            author: makerAuthor(this.cache, from, instance),
          },
          from,
          instance,
        ),
        calls,
        instance.uid,
      );
    const mcp = new McpServers({
      ...options,
      fleet,
      whose: (uid) => {
        const [instance] = this.cache.instances.byIndex('uid', uid);
        const { namespace, name = '' } = { ...instance?.metadata, name: instance?.spec.agentName };
        const agent = this.cache.agents.get(keyText({ namespace, name }));
        return agent === undefined || instance?.spec.agentUID !== agent.metadata.uid
          ? undefined
          : { instance, agent };
      },
      seen: (run) => this.talk.toolsSeen(run),
      onChange: (handler) => {
        const changed = { added: handler, updated: handler, deleted: handler };
        this.cache.instances.addHandler(changed);
        this.cache.agents.addHandler(changed);
      },
      places: {
        get: (host) => {
          const { marks } = this.talk.talkState;
          const port = marks.get(`mcp/port/${host}`);
          return port === undefined ? undefined : { port, epoch: marks.get(`mcp/epoch/${host}`) ?? 0 };
        },
        set: async (host, { port, epoch }) => {
          const { marks, writer } = this.talk.talkState;
          const entries = [
            { name: `mcp/port/${host}`, at: port },
            { name: `mcp/epoch/${host}`, at: epoch },
          ];
          await writer.write(entries.map((entry) => ({ type: 'Mark', ...entry })));
          for (const { name, at } of entries) marks.set(name, at);
        },
      },
    });
    this.talk = new Talk({
      fleet,
      tools: mcp,
      ...options,
      cache: this.cache,
      recorder: this.recorder,
      driver: (runtime) => this.runtimes.session(runtime)?.driver,
      policy: (agent) => {
        const policy = this.observer.policyOf(agent);
        return 'missing' in policy ? defaultPolicy : policy;
      },
      enqueue: (key, at) => (at === undefined ? enqueueAgent(key) : this.#queue.addAt(`agent/${key}`, at)),
    });
    this.syncs = new SyncReconciler({
      ...options,
      parser: options.parsers.syncs,
      cache: this.cache,
      recorder: this.recorder,
    });
    this.observer = new Observer({
      cache: this.cache,
      runtimes: this.runtimes,
      admission: this.admission,
      inputs: new Inputs(options.key),
      images,
      prober: this.#prober,
      talk: this.talk,
      inFlight: (uid) => this.agents.inFlight(uid),
      version,
      defaultPolicy,
    });
    this.agents = new AgentReconciler({
      resources,
      cache: this.cache,
      runtimes: this.runtimes,
      observer: this.observer,
      admission: this.admission,
      prober: this.#prober,
      talk: this.talk,
      recorder: this.recorder,
      clock,
      log,
      storeId,
      version,
      signal: this.#abort.signal,
      enqueue: (key, { at } = {}) =>
        at === undefined ? this.#queue.add(`agent/${key}`) : this.#queue.addAt(`agent/${key}`, at),
    });
    const notifier = new Notifier({
      policyOf: (about) => this.#policyOf(about),
      mayRunHere: (namespace, author) => this.cache.mayRunHere(namespace, author),
      refused: (about, newEvent) => this.recorder.recordEvent(about, newEvent),
      findInput: (namespace) => this.cache.findInput(namespace),
      host: hostname(),
      clock,
      log,
    });
    this.recorder.onEvent((about, newEvent) => notifier.notify(about, newEvent));
    this.cache.onChange(enqueueAgent);
    const recount = (): void => {
      if (this.admission.waiting > 0) this.#queue.add(admissionKey);
    };
    this.cache.instances.addHandler({
      added: recount,
      updated: recount,
      deleted: ({ metadata }) => {
        this.#prober.forget(metadata.uid);
        recount();
      },
    });
    const onRuntime = ({ metadata }: Runtime): void => {
      this.#queue.add(`runtime/${metadata.name}`);
      recount();
    };
    // The default Runtime of Agents without runtimeRef depends on all Runtimes.
    const onChosen = (): void => this.#enqueueAll();
    this.cache.runtimes.addHandler({
      added: onChosen,
      updated: (before, now) => {
        onRuntime(now);
        if (before.metadata.generation !== now.metadata.generation) onChosen();
      },
      deleted: (last) => {
        this.admission.forgetRuntime(last.metadata.uid);
        onRuntime(last);
        onChosen();
      },
    });
    const onSecret = ({ metadata }: Secret): void => {
      for (const user of this.cache.runtimes.byIndex('secret', keyText(metadata))) onRuntime(user);
    };
    this.cache.secrets.addHandler({
      added: onSecret,
      updated: (_, now) => onSecret(now),
      deleted: onSecret,
    });
  }

  /** Resolves when the caches are synced and the workers run. */
  async start(): Promise<void> {
    for (const informer of this.cache.all()) informer.start(this.#abort.signal);
    await Promise.all(this.cache.all().map(({ synced }) => synced));
    this.talk.start();
    this.#working = runWorkers(this.#queue, workers, (key) => this.#work(key));
    this.#enqueueAll();
    this.runtimes.watchDisk();
    await this.syncs.start();
  }

  /**
   * Stops the controller, but no agent. Waits for actions in progress, with a time limit. Each action was recorded
   * before it began, so the next controller finds out what came of it.
   */
  async stop(): Promise<void> {
    this.#queue.shutDown();
    const synced = this.syncs.stop();
    const settled = this.#working
      .then(() => this.agents.settle())
      .then(() => synced)
      .then(() => this.recorder.flush());
    if (!(await endsWithin(this.#clock, stopBound, settled)))
      this.#log.warn(
        { seconds: stopBound / 1_000 },
        'actions are still in progress; the next controller continues them',
      );
    const probed = this.#prober.stop();
    await this.talk.stop();
    this.#abort.abort();
    await endsWithin(this.#clock, probesBound, probed);
    await this.runtimes.stop();
  }

  /** Stops every instance and starts none again while this controller runs. */
  drain(): void {
    this.observer.draining = true;
    this.#enqueueAll();
  }

  #enqueueAll(): void {
    for (const { metadata } of this.cache.runtimes.list()) this.#queue.add(`runtime/${metadata.name}`);
    for (const { metadata } of this.cache.agents.list())
      this.#queue.add(`agent/${metadata.namespace}/${metadata.name}`);
  }

  /** A key that throws is retried later and blocks no other key. */
  async #work(key: string): Promise<void> {
    const slash = key.indexOf('/');
    const [kind, name] = [key.slice(0, slash), key.slice(slash + 1)];
    try {
      if (key === admissionKey) this.admission.recount();
      else if (kind === 'agent') await this.agents.reconcile(name);
      else await this.runtimes.reconcile(name);
      this.#queue.forget(key);
    } catch (error) {
      this.#log.error({ err: error, key }, 'a reconcile failed; it is tried again');
      this.#queue.retry(key);
    }
  }

  #policyOf(about: AnyObject): { spec: PolicySpec; author: Author | undefined } | undefined {
    const name =
      about.kind === 'Instance'
        ? about.spec.agentName
        : about.kind === 'Agent'
          ? about.metadata.name
          : undefined;
    const agent =
      name === undefined ? undefined : this.cache.agents.get(`${about.metadata.namespace}/${name}`);
    if (agent === undefined) return undefined;
    const spec = this.observer.policyOf(agent);
    if ('missing' in spec) return undefined;
    const { namespace } = agent.metadata;
    const { policy, policyRef } = agent.spec;
    const shared =
      policyRef === undefined
        ? undefined
        : this.cache.policies.get(keyText({ namespace, name: policyRef.name }));
    const source = policy === undefined ? shared : agent;
    return { spec, author: source === undefined ? undefined : authorFor(source) };
  }
}
