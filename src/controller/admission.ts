import { type Instance, keyText, type Runtime } from '../api/objects.ts';
import type { ActionType, Outcome, Want } from '../plan/action.ts';
import { admit, type RuntimeLoad } from '../plan/admit.ts';
import { type Breaker, breakerEvent, closed, halfOpensAt, nextBreaker } from '../plan/breaker.ts';
import type { Place } from '../plan/world.ts';
import type { Clock } from '../platform/clock.ts';
import type { Cache } from './cache.ts';

export const resumeAnnotation = 'agentctl.dev/resume';

export interface AdmissionDeps {
  cache: Cache;
  clock: Clock;
  enqueueAgent: (key: string) => void;
  enqueueRuntime: (name: string) => void;
  enqueueRuntimeAt: (name: string, at: number) => void;
}

/**
 * Shares out the places of all Runtimes. Fleet-wide and serial: each call runs the pure `admit` over everything that
 * waits, without a pause in between. A grant is kept from when it is given until its claim has been written or lost.
 */
export class Admission {
  grants: ReadonlySet<string> = new Set();
  places: ReadonlyMap<string, Place> = new Map();
  readonly #deps: AdmissionDeps;
  /** By agent: those that wait, and those whose grant is being claimed. */
  readonly #wants = new Map<string, readonly Want[]>();
  /** By uid of the Runtime: one that is made anew under the same name begins anew. */
  readonly #breakers = new Map<string, { breaker: Breaker; resumedAt: string | undefined }>();
  /** By uid of the Runtime: the Agent whose start failed last, if none has succeeded since. */
  readonly #lastFailed = new Map<string, string>();

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  /** Takes in what an agent wants beside the grants that it is about to use; answers whether it stands differently now. */
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

  /** The claims of an agent have been written or lost: only what it still wants counts from here on. */
  settled(key: string, wants: readonly Want[]): void {
    if (wants.length > 0) this.#wants.set(key, wants);
    else if (!this.#wants.delete(key)) return;
    this.#admit(key);
  }

  /** How many agents wait for a place, or are about to take one. */
  get waiting(): number {
    return this.#wants.size;
  }

  /** A place may have come free: an instance ended, a Runtime's limits changed, a breaker closed. */
  recount(): void {
    if (this.waiting > 0) this.#admit(undefined);
  }

  forget(key: string): void {
    this.settled(key, []);
  }

  /** The Runtime is gone. */
  forgetRuntime(uid: string): void {
    this.#breakers.delete(uid);
    this.#lastFailed.delete(uid);
  }

  /** Counts a start for its Runtime's breaker. `agent` is the key of the Agent whose start it was. */
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

  /** What a Runtime's status tells. Takes in its stored breaker, the resume annotation and the passing of time. */
  of(runtime: Runtime): { running: number; queued: number; breaker: Breaker; resumedAt?: string } {
    const { name, uid } = runtime.metadata;
    const resume = runtime.metadata.annotations?.[resumeAnnotation];
    const known = this.#breaker(runtime);
    // A value is honoured once; that it is taken away asks for nothing.
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

/** The key of the Agent that an Instance belongs to. */
export const agentKeyOf = ({ metadata, spec }: Instance): string =>
  keyText({ namespace: metadata.namespace, name: spec.agentName });
