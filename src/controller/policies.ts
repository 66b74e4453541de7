import { type Agent, type AnyObject, keyText, type PolicySpec } from '../api/objects.ts';
import type { Author } from '../plan/allow.ts';
import type { Missing } from '../plan/world.ts';
import { authorFor } from './author.ts';
import type { Cache } from './cache.ts';

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
