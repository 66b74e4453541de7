import { AgentctlError, type Backoff, retryOf } from '../api/errors.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { alwaysLeader, type LeaderElection } from './leadership.ts';
import { runWorkers, WorkQueue } from './queue.ts';

/** Brings the objects of one kind to their desired state. */
export interface Reconciler<K extends string = string> {
  /** Unique. Names its keys in the log and in meters. */
  readonly name: string;
  /** Most keys that it reconciles at once, so that it leaves workers to the others. */
  readonly workers: number;
  /** The waits after failures, unless the error names its own. By default 50 ms to a minute. */
  readonly backoff?: Backoff;
  /** Registers the sources: handlers that add the keys of what changed. Called once, before anything starts. */
  watch?(keys: Keys<K>): void;
  /** Returns the keys of all objects: each is reconciled when the manager starts. */
  all?(): Iterable<K>;
  /**
   * The desired state follows from the key alone, never from what added it. A key is reconciled once at a time. A throw
   * is retried as `retryOf` says.
   */
  reconcile(key: K, context: ReconcileContext): Promise<Requeue | undefined>;
}

/** The key is added again at an instant, if nothing adds it before. */
export interface Requeue {
  requeueAt?: number | undefined;
}

export interface ReconcileContext {
  /** Aborted when the manager stops. */
  signal: AbortSignal;
}

/** Adds keys of one reconciler to the queue. */
export interface Keys<K extends string = string> {
  add(key: K): void;
  /** Adds the key at an instant. If it already has a delay, the earlier one wins. */
  addAt(key: K, instant: number): void;
  addAfter(key: K, milliseconds: number): void;
  /** Adds the keys of all objects. */
  addAll(): void;
}

/** What cannot succeed until the object changes. It is logged and counted, and not retried. */
export class TerminalError extends AgentctlError<'Terminal'> {
  constructor(message: string, options: { cause?: unknown; remedy?: string } = {}) {
    super('Terminal', message, { ...options, retry: 'Never' });
    this.name = 'TerminalError';
  }
}

/** What cannot succeed before an instant, without a backoff. */
export class RetryAfter extends AgentctlError<'RetryAfter'> {
  constructor(at: number, message: string, options: { cause?: unknown } = {}) {
    super('RetryAfter', message, { ...options, retry: { at } });
    this.name = 'RetryAfter';
  }
}

export type ReconcileResult = 'Succeeded' | 'Requeued' | 'Failed' | 'Terminal';

/**
 * Where meters plug in. The calls are synchronous, at the end of each reconcile, and must be cheap. Times are
 * milliseconds. For the depth of the queue, a meter asks `Manager.depths` when it is read.
 */
export interface ManagerMeter {
  /** `waited`: from when the key was ready until its work began. `took`: the work. */
  reconciled(reconciler: string, result: ReconcileResult, waited: number, took: number): void;
  /** A failed key will be tried again. */
  retried(reconciler: string): void;
}

const noMeter: ManagerMeter = { reconciled: () => {}, retried: () => {} };

export interface ManagerDeps {
  clock: Clock;
  log: Log;
  /** Size of the worker pool. */
  workers: number;
  leader?: LeaderElection | undefined;
  meter?: ManagerMeter | undefined;
  /** Returns a number from 0 to 1, so that things that failed together are not retried together. */
  spread?: () => number;
}

/**
 * Runs reconcilers over one queue and one pool of workers. A key that fails blocks no other key: the failure is logged
 * once while its cause stays the same, counted, and retried.
 */
export class Manager {
  readonly #deps: ManagerDeps;
  readonly #queue: WorkQueue;
  readonly #reconcilers = new Map<string, Reconciler>();
  readonly #causes = new Map<string, string>();
  readonly #abort = new AbortController();
  readonly #context: ReconcileContext = { signal: this.#abort.signal };
  #working: Promise<void> = Promise.resolve();

  constructor(deps: ManagerDeps) {
    this.#deps = deps;
    this.#queue = new WorkQueue(deps.clock);
  }

  /** Returns the keys of the reconciler that is, or will be, registered under a name. */
  keys<K extends string>(name: string): Keys<K> {
    const queue = this.#queue;
    const prefix = `${name}/`;
    return {
      add: (key) => queue.add(prefix + key),
      addAt: (key, instant) => queue.addAt(prefix + key, instant),
      addAfter: (key, milliseconds) => queue.addAfter(prefix + key, milliseconds),
      addAll: () => {
        for (const key of this.#reconcilers.get(name)?.all?.() ?? []) queue.add(prefix + key);
      },
    };
  }

  register<K extends string>(reconciler: Reconciler<K>): void {
    const { name, workers } = reconciler;
    if (this.#reconcilers.has(name)) throw new Error(`two reconcilers are named ${name}`);
    // The queue holds the keys of a reconciler under its name, so it gets back only what `keys` took in.
    this.#reconcilers.set(name, reconciler as Reconciler<string>);
    this.#queue.limit(name, workers);
    reconciler.watch?.(this.keys<K>(name));
  }

  /** Call this when the caches are synced. */
  start(): void {
    this.#working = runWorkers(this.#queue, this.#deps.workers, (key) => this.#work(key));
    for (const name of this.#reconcilers.keys()) this.keys(name).addAll();
  }

  /** Refuses new keys, and resolves when nothing is in work or ready. */
  async stop(): Promise<void> {
    this.#queue.shutDown();
    this.#abort.abort();
    await this.#working;
  }

  /** Returns how many keys of each reconciler are ready and wait for a worker. */
  depths(): ReadonlyMap<string, number> {
    return new Map([...this.#reconcilers.keys()].map((name) => [name, this.#queue.depth(name)]));
  }

  async #work(item: string): Promise<void> {
    const { clock, leader = alwaysLeader, meter = noMeter } = this.#deps;
    if (!(await leader.elected(this.#abort.signal))) return;
    const slash = item.indexOf('/');
    const name = item.slice(0, slash);
    const began = clock.now();
    const result = await this.#reconcile(name, item.slice(slash + 1), item);
    meter.reconciled(name, result, this.#queue.waited(item), clock.now() - began);
  }

  async #reconcile(name: string, key: string, item: string): Promise<ReconcileResult> {
    try {
      const { requeueAt } = (await this.#reconcilers.get(name)?.reconcile(key, this.#context)) ?? {};
      this.#succeeded(item);
      if (requeueAt === undefined) return 'Succeeded';
      this.#queue.addAt(item, requeueAt);
      return 'Requeued';
    } catch (error) {
      return this.#failed(name, item, error);
    }
  }

  #succeeded(item: string): void {
    this.#queue.forget(item);
    if (this.#causes.delete(item))
      this.#deps.log.info({ key: item }, 'a reconcile failed earlier, and now succeeded');
  }

  #failed(name: string, item: string, error: unknown): ReconcileResult {
    const { log, meter = noMeter, spread = Math.random } = this.#deps;
    if (this.#abort.signal.aborted) {
      log.debug({ err: error, key: item }, 'a reconcile was interrupted by the stop');
      return 'Failed';
    }
    const retry = retryOf(error);
    const cause = error instanceof Error ? error.message : String(error);
    if (this.#causes.get(item) !== cause) {
      const what =
        retry === 'Never'
          ? 'a reconcile failed; it waits for a change'
          : 'a reconcile failed; it is tried again';
      if (error instanceof AgentctlError) log.warn({ err: error, key: item }, what);
      else log.error({ err: error, key: item }, what);
    }
    this.#causes.set(item, cause);
    if (retry === 'Never') {
      this.#queue.forget(item);
      return 'Terminal';
    }
    if (typeof retry === 'object' && 'at' in retry) {
      this.#queue.forget(item);
      this.#queue.addAt(item, retry.at);
    } else
      this.#queue.retry(item, retry === 'Backoff' ? this.#reconcilers.get(name)?.backoff : retry, spread());
    meter.retried(name);
    return 'Failed';
  }
}
