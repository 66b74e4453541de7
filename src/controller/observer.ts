import type { Agent, PolicySpec, Runtime } from '../api/objects.ts';
import { parseDuration } from '../api/time.ts';
import type { Conversations } from '../conversations/conversations.ts';
import { unsupported } from '../drivers/driver-index.ts';
import { idle } from '../plan/draft.ts';
import type { Activity, InstanceView, Missing, ProbeView, RuntimeView, World } from '../plan/world.ts';
import type { Admission } from './admission.ts';
import type { Cache } from './cache.ts';
import type { Flights } from './flights.ts';
import type { Images } from './image-updates.ts';
import { type Policies, programAuthor } from './policies.ts';
import type { Prober } from './prober.ts';
import type { FindInput, Inputs } from './runspec.ts';
import type { RuntimeReconciler } from './runtime-reconciler.ts';

export interface Overlay {
  policy?: (name: string) => PolicySpec | undefined;
  runtime?: (name: string) => Runtime | undefined;
  input?: FindInput;
}

export interface ObserverDeps {
  cache: Cache;
  runtimes: RuntimeReconciler;
  admission: Admission;
  inputs: Inputs;
  images: Images;
  prober: Prober;
  conversations: Conversations;
  flights: Flights;
  policies: Policies;
  version: string;
}

/** Builds the World of one Agent from the caches. It reads nothing else, so it never waits. */
export class Observer {
  /** Treats every Agent as suspended, while `controller stop --agents` is in progress. */
  draining = false;
  readonly #deps: ObserverDeps;

  constructor(deps: ObserverDeps) {
    this.#deps = deps;
  }

  /** Returns the World of an Agent. `overlay` adds objects that are not applied yet, for a preview of the plan. */
  observe(stored: Agent, now: number, overlay: Overlay = {}): World {
    const { admission, cache, images, inputs, version } = this.#deps;
    const agent = this.draining ? { ...stored, spec: { ...stored.spec, suspend: true } } : stored;
    const policy = this.#deps.policies.of(agent, overlay.policy);
    const runtime = this.#runtime(agent, overlay);
    const found = 'missing' in runtime ? undefined : runtime.object;
    const { image } = agent.spec.template;
    const session = found === undefined ? undefined : this.#deps.runtimes.session(found.metadata.name);
    const followsImage = !('missing' in policy) && policy.restartOn.includes('ImageUpdate');
    const known = cache.findInput(agent.metadata.namespace ?? 'default');
    const find: FindInput = (kind, name) => overlay.input?.(kind, name) ?? known(kind, name);
    return {
      now,
      agent,
      policy,
      runtime,
      inputs: inputs.resolve(agent.spec.template, find),
      revisions: cache.revisionsOf(agent.metadata.uid),
      instances: cache.instancesOf(agent.metadata.uid).map((object) => this.#instance(agent, object, now)),
      grants: admission.grants,
      places: admission.places,
      imageId:
        followsImage && image !== undefined && session !== undefined
          ? images.newest(session, image, parseDuration(policy.imageInterval))
          : undefined,
      inbox: this.#deps.conversations.inbox(agent),
      gates: this.#deps.conversations.gates(agent),
      controllerVersion: version,
      unsupported: found === undefined ? [] : unsupported(found.spec, agent.spec, programAuthor(agent, find)),
    };
  }

  #runtime({ spec }: Agent, overlay: Overlay): RuntimeView | Missing {
    const { cache, runtimes } = this.#deps;
    const name = spec.runtimeRef?.name ?? cache.defaultRuntime(spec.template.image !== undefined);
    const object = name === undefined ? undefined : (overlay.runtime?.(name) ?? cache.runtimes.get(name));
    if (object === undefined) return { missing: name ?? 'a Runtime for containers' };
    return {
      object,
      capabilities: runtimes.capabilities(object),
      health: runtimes.health(object.metadata.name),
    };
  }

  #instance(agent: Agent, object: InstanceView['object'], now: number): InstanceView {
    const { cache, flights, prober, runtimes, conversations } = this.#deps;
    const { uid } = object.metadata;
    const { name } = object.spec.runtimeRef;
    const session = runtimes.session(name);
    const observed = session?.observed(uid) ?? 'Unknown';
    return {
      object,
      observed,
      runtimeMissing: observed === 'Unknown' && cache.runtimes.get(name) === undefined,
      probe: session?.driver.capabilities.nativeProbes ? nativeProbe(observed) : prober.view(uid),
      activity: conversations.activity(object) ?? untold(agent, object, now),
      talk: conversations.view(agent, object, observed),
      inFlight: flights.of(uid),
    };
  }
}

/** What the Runtime itself found of the run that is up. */
function nativeProbe(observed: InstanceView['observed']): ProbeView {
  const up = observed === 'Unknown' ? undefined : observed.find(({ state }) => state === 'Running');
  return { ready: up?.ready, live: up?.live };
}

/** The activity of an instance that had no work since it became Ready: idle since then. */
function untold({ spec }: Agent, { status }: InstanceView['object'], now: number): Activity {
  const since = status?.readySince ?? status?.run?.claimedAt;
  return idle(spec, since === undefined ? now : Date.parse(since));
}
