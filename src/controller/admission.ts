import { resumeAnnotation } from '../api/annotations.ts';
import { type Instance, keyText, type Runtime } from '../api/objects.ts';
import type { ActionType, Outcome, Want } from '../plan/action.ts';
import {
  admit,
  type Breaker,
  breakerEvent,
  closed,
  halfOpensAt,
  nextBreaker,
  type RuntimeLoad,
} from '../plan/admit.ts';
import type { Place } from '../plan/world.ts';
import type { Clock } from '../platform/clock.ts';
import type { Cache } from './cache.ts';
import type { Keys, Reconciler } from './manager.ts';

export interface AdmissionDeps {
  cache: Cache;
  clock: Clock;
  enqueueAgent: (key: string) => void;
  enqueueRuntime: (name: string) => void;
  enqueueRuntimeAt: (name: string, at: number) => void;
}

/**
 * Grants the places of all Runtimes, for the whole fleet and serially: each call runs the pure `admit` over all that
 * waits, without an `await` in between. A grant is held until its claim was written or lost.
 */
export class Admission implements Reconciler<'fleet'> {
  readonly name = 'admission';
  readonly workers = 1;
  grants: ReadonlySet<string> = new Set();
  places: ReadonlyMap<string, Place> = new Map();
  readonly #deps: AdmissionDeps;
  /** By Agent key: the wants that wait, and those whose grant is being claimed. */
  readonly #wants = new Map<string, readonly Want[]>();
  /** By uid of the Runtime, so that a Runtime created again under the same name starts with a new breaker. */
  readonly #breakers = new Map<string, { breaker: Breaker; resumedAt: string | undefined }>();
  /** By uid of the Runtime: the Agent whose start failed last. No entry after a successful start. */
  readonly #lastFailed = new Map<string, string>();

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  watch({ add }: Keys<'fleet'>): void {
    const { cache } = this.#deps;
    const changed = (): void => {
      if (this.waiting > 0) add('fleet');
    };
    cache.instances.addHandler({ added: changed, updated: changed, deleted: changed });
    cache.runtimes.addHandler({ added: () => {}, updated: changed, deleted: changed });
  }

  /** A place may be free: an instance ended, or the limits of a Runtime changed. */
  async reconcile(): Promise<undefined> {
    this.recount();
  }

  /**
   * Replaces what an Agent wants; grants that it is about to use are kept. Returns whether a want is now granted or has
   * another position in the queue.
   */
  ask(key: string, wants: readonly Want[]): boolean {
    const using = (this.#wants.get(key) ?? []).filter(
      ({ uid }) => this.grants.has(uid) && !wants.some((want) => want.uid === uid),
    );
    if (wants.length === 0) return false;
    const stood = wants.map((want) => this.#standing(want));
    this.#wants.set(key, [...wants, ...using]);
    this.#admit(key);
    return wants.some((want, at) => this.#standing(want) !== stood[at]);
  }

  /** Called when the claims of an Agent were written or lost: from now on only `wants` counts. */
  settled(key: string, wants: readonly Want[]): void {
    if (wants.length > 0) this.#wants.set(key, wants);
    else if (!this.#wants.delete(key)) return;
    this.#admit(key);
  }

  /** Number of Agents that wait for a place or are claiming one. */
  get waiting(): number {
    return this.#wants.size;
  }

  /** Called when a place may be free: an instance ended, limits of a Runtime changed, or a breaker closed. */
  recount(): void {
    if (this.waiting > 0) this.#admit(undefined);
  }

  forget(key: string): void {
    this.settled(key, []);
  }

  /** Called when the Runtime was deleted. */
  forgetRuntime(uid: string): void {
    this.#breakers.delete(uid);
    this.#lastFailed.delete(uid);
  }

  /** Counts the outcome of a start for the Runtime's breaker. `agent` is the key of the started Agent. */
  ended(runtime: Runtime, agent: string, action: ActionType, outcome: Outcome): void {
    const event = breakerEvent(action, outcome);
    if (event === undefined) return;
    const { name, uid } = runtime.metadata;
    const again = event === 'Failed' && this.#lastFailed.get(uid) === agent && this.#hasOthers(name, agent);
    if (event === 'Failed') this.#lastFailed.set(uid, agent);
    else this.#lastFailed.delete(uid);
    this.#change(runtime, again ? 'FailedAgain' : event);
  }

  #hasOthers(runtime: string, agent: string): boolean {
    return this.#deps.cache.instances
      .byIndex('runtime', runtime)
      .some((instance) => agentKeyOf(instance) !== agent);
  }

  /**
   * Returns the numbers for a Runtime's status. First applies its stored breaker, the resume annotation and the time.
   */
  of(runtime: Runtime): { running: number; queued: number; breaker: Breaker; resumedAt?: string } {
    const { name, uid } = runtime.metadata;
    const resume = runtime.metadata.annotations?.[resumeAnnotation];
    const known = this.#breaker(runtime);
    // Each value of the annotation counts once. Removing it does nothing.
    if (resume !== undefined && resume !== known.resumedAt) {
      this.#breakers.set(uid, { ...known, resumedAt: resume });
      this.#change(runtime, 'Resumed');
    } else this.#change(runtime, 'Time');
    const { breaker, resumedAt } = this.#breaker(runtime);
    const waiting = [...this.#wants.values()].flat().filter((want) => want.runtime === name);
    return {
      running: this.#load(runtime).held,
      queued: waiting.filter(({ uid }) => !this.grants.has(uid)).length,
      breaker,
      ...(resumedAt === undefined ? {} : { resumedAt }),
    };
  }

  #breaker({ metadata, status }: Runtime): { breaker: Breaker; resumedAt: string | undefined } {
    return (
      this.#breakers.get(metadata.uid) ?? {
        breaker: status?.breaker ?? closed,
        resumedAt: status?.resumedAt,
      }
    );
  }

  #change(runtime: Runtime, event: Parameters<typeof nextBreaker>[1]): void {
    const { clock, enqueueRuntime } = this.#deps;
    const { name, uid } = runtime.metadata;
    const before = this.#breaker(runtime);
    const breaker = nextBreaker(before.breaker, event, runtime.spec, clock.now());
    if (breaker === before.breaker) return;
    this.#breakers.set(uid, { ...before, breaker });
    enqueueRuntime(name);
    this.recount();
  }

  #load(runtime: Runtime): RuntimeLoad {
    const { name } = runtime.metadata;
    const { breaker } = this.#breaker(runtime);
    return { name, spec: runtime.spec, breaker, ...this.#deps.cache.load(name) };
  }

  #admit(asking: string | undefined): void {
    const { cache, clock, enqueueAgent, enqueueRuntime, enqueueRuntimeAt } = this.#deps;
    const wants = [...this.#wants.values()].flat();
    const wanted = new Set(wants.map(({ runtime }) => runtime));
    const runtimes = cache.runtimes.list().filter(({ metadata }) => wanted.has(metadata.name));
    const now = clock.now();
    const before = wants.map((want) => this.#standing(want));
    const { grants, places } = admit({
      now,
      runtimes: runtimes.map((runtime) => this.#load(runtime)),
      wants,
      grants: this.grants,
    });
    this.grants = grants;
    this.places = places;
    for (const [at, want] of wants.entries()) {
      if (this.#standing(want) === before[at]) continue;
      const key = agentKey(want, cache);
      if (key !== undefined && key !== asking) enqueueAgent(key);
    }
    for (const runtime of runtimes) {
      enqueueRuntime(runtime.metadata.name);
      const at = halfOpensAt(this.#breaker(runtime).breaker, runtime.spec, now);
      if (at !== undefined && at > now) enqueueRuntimeAt(runtime.metadata.name, at);
    }
  }

  #standing({ uid }: Want): string {
    const place = this.places.get(uid);
    return this.grants.has(uid) ? 'granted' : place === undefined ? '' : `${place.position} ${place.message}`;
  }
}

function agentKey({ uid }: Want, cache: Cache): string | undefined {
  const instance = cache.instances.byIndex('uid', uid)[0];
  return instance === undefined ? undefined : agentKeyOf(instance);
}

/** Returns the key of the Agent that an Instance belongs to. */
export const agentKeyOf = ({ metadata, spec }: Instance): string =>
  keyText({ namespace: metadata.namespace, name: spec.agentName });
