import { kindInfo } from '../api/kinds.ts';
import type { Policy, PolicySpec } from '../api/objects.ts';
import { withDefaults } from '../api/shape.ts';
import type { Lookup } from './lookup.ts';

export interface PolicyView extends Pick<Policy, 'kind' | 'metadata'> {
  /** The names of the agents that refer to it, sorted. */
  usedBy: readonly string[];
  rules: PolicySpec;
}

export async function readPolicy(lookup: Lookup, { kind, metadata, spec }: Policy): Promise<PolicyView> {
  const { items } = await lookup.list('Agent', { namespace: metadata.namespace });
  const users = items.filter((agent) => agent.spec.policyRef?.name === metadata.name);
  return {
    kind,
    metadata,
    usedBy: users.map((agent) => agent.metadata.name).sort(),
    rules: rulesOf(spec),
  };
}

/** Returns the rules that hold: what a policy leaves out has its default. */
export function rulesOf(given: Partial<PolicySpec> | undefined): PolicySpec {
  const schema = kindInfo('Policy').schema.properties?.spec ?? {};
  return withDefaults(schema, given ?? {}) as PolicySpec; // every field that is not optional has a default
}
