import { authorOf } from '../api/annotations.ts';
import { capabilitiesOf } from '../api/capabilities.ts';
import {
  type Agent,
  type AgentSpec,
  type AnyObject,
  keyText,
  type PolicySpec,
  references,
} from '../api/objects.ts';
import { ownUser } from '../drivers/own-user.ts';
import { type Author, isOwn } from '../plan/allow.ts';
import type { Missing } from '../plan/world.ts';
import type { Cache } from './cache.ts';
import type { FindInput } from './runspec.ts';

/** Says which policy governs an Agent. */
export class Policies {
  /** For Agents that name none. */
  readonly defaultPolicy: PolicySpec;
  readonly #cache: Cache;

  constructor(cache: Cache, defaultPolicy: PolicySpec) {
    this.#cache = cache;
    this.defaultPolicy = defaultPolicy;
  }

  /** `overlay` returns Policies that are not applied yet. */
  of({ metadata, spec }: Agent, overlay?: (name: string) => PolicySpec | undefined): PolicySpec | Missing {
    if (spec.policy !== undefined) return spec.policy;
    if (spec.policyRef === undefined) return this.defaultPolicy;
    const { name } = spec.policyRef;
    const stored = this.#cache.policies.get(keyText({ namespace: metadata.namespace, name }));
    return overlay?.(name) ?? stored?.spec ?? { missing: name };
  }

  /** Returns the policy of an Agent, or the default while its Policy is missing. */
  orDefault(agent: Agent): PolicySpec {
    const policy = this.of(agent);
    return 'missing' in policy ? this.defaultPolicy : policy;
  }

  /** Returns the policy of an Agent or Instance, with who wrote it, or undefined if there is none. */
  withAuthor(about: AnyObject): { spec: PolicySpec; author: Author | undefined } | undefined {
    const { namespace, name: own } = about.metadata;
    const name = about.kind === 'Instance' ? about.spec.agentName : about.kind === 'Agent' ? own : undefined;
    const agent = name === undefined ? undefined : this.#cache.agents.get(keyText({ namespace, name }));
    if (agent === undefined) return undefined;
    const spec = this.of(agent);
    if ('missing' in spec) return undefined;
    const { policy, policyRef } = agent.spec;
    const shared =
      policyRef === undefined
        ? undefined
        : this.#cache.policies.get(keyText({ namespace, name: policyRef.name }));
    const source = policy === undefined ? shared : agent;
    return { spec, author: source === undefined ? undefined : authorFor(source) };
  }
}

/** Returns the author of the object, or undefined if the host trusts them. */
export function authorFor(object: Pick<AnyObject, 'kind' | 'metadata'>): Author | undefined {
  const name = authorOf(object);
  if (name === undefined) return undefined;
  const { namespace = 'default', name: own } = object.metadata;
  const flag = namespace === 'default' ? '' : ` -n ${namespace}`;
  return { name, wrote: `${object.kind.toLowerCase()}/${own}${flag}` };
}

/**
 * Returns who decides which program an Agent runs: the author of the Agent, or else the author of a Secret or ConfigMap
 * that its template reads, because that may hold the program or a variable that loads one.
 */
export function programAuthor(agent: Agent, find: FindInput): Author | undefined {
  const own = authorFor(agent);
  if (own !== undefined) return own;
  for (const { kind, name } of references(agent.spec.template)) {
    const input = find(kind, name);
    const author = input === undefined ? undefined : authorFor(input);
    if (author !== undefined) return author;
  }
  return undefined;
}

/**
 * Returns the author of Agents that an instance creates. An instance that runs as the controller's user may do what its
 * own author may. Any other instance must not act as its author, who may be an admin, and is an author of its own.
 */
export function makerAuthor(
  cache: Cache,
  maker: Agent,
  { uid, runtime }: { uid: string; runtime: string },
): string | undefined {
  const { namespace = 'default', name } = maker.metadata;
  const place = cache.runtimes.get(runtime);
  const onHost = place !== undefined && capabilitiesOf(place.spec).hostAccess === 'Direct';
  const specs = [maker.spec, recordedSpec(cache, namespace, uid)]; // the new spec may not run yet
  const isController = specs.every((spec) => spec !== undefined && runsAsController(spec));
  return onHost && isController ? programAuthor(maker, cache.findInput(namespace))?.name : `agent:${name}`;
}

const runsAsController = ({ template: { user } }: AgentSpec): boolean =>
  user === undefined || isOwn(user, ownUser());

function recordedSpec(cache: Cache, namespace: string, uid: string): AgentSpec | undefined {
  const [instance] = cache.instances.byIndex('uid', uid);
  const revision = cache.revisions.get(keyText({ namespace, name: instance?.status?.run?.revision ?? '' }));
  return revision?.data as unknown as AgentSpec | undefined; // its schema leaves the spec open
}
