import { beginning } from '../api/cut.ts';
import { difference, updateClass } from '../api/difference.ts';
import { kindInfo } from '../api/kinds.ts';
import type { AgentSpec, Revision } from '../api/objects.ts';
import { pathText } from '../api/path.ts';
import type { JsonObject } from '../api/schema.ts';
import type { FieldDrift } from './action.ts';

/** Not part of a Revision: these fields say how many instances run and when, not what they run. */
const outside = ['replicas', 'suspend', 'policy', 'policyRef', 'revisionHistoryLimit'] as const;

export type RevisionData = Omit<AgentSpec, (typeof outside)[number]>;

/** Returns the part of a spec that a Revision records. */
export function revisionData(spec: AgentSpec): RevisionData {
  const { replicas: _, suspend: _1, policy: _2, policyRef: _3, revisionHistoryLimit: _4, ...data } = spec;
  return data;
}

const compared = new WeakMap<AgentSpec, WeakMap<Revision, readonly FieldDrift[]>>();

/**
 * Returns the fields in which the spec differs from the Revision. A default that one side leaves out is no difference.
 * Cached for each pair, because neither object is ever changed in place.
 */
export function drift(spec: AgentSpec, revision: Revision): readonly FieldDrift[] {
  let bySpec = compared.get(spec);
  if (bySpec === undefined) {
    bySpec = new WeakMap();
    compared.set(spec, bySpec);
  }
  let found = bySpec.get(revision);
  if (found === undefined) {
    found = compare(revision.data, spec);
    bySpec.set(revision, found);
  }
  return found;
}

/** For example `spec.template.image: "a" -> "b"`. */
export const driftText = ({ field, before, after }: FieldDrift): string =>
  `${field}: ${valueText(before)} -> ${valueText(after)}`;

function valueText(value: unknown): string {
  if (value === undefined) return 'absent';
  const text = JSON.stringify(value);
  return text.length <= 200 ? text : `${beginning(text, 197)}...`;
}

function compare(before: JsonObject, spec: AgentSpec): FieldDrift[] {
  const { schema } = kindInfo('Agent');
  const specSchema = schema.properties?.spec ?? {};
  const was = { ...before };
  for (const field of outside) delete was[field];
  return difference(specSchema, was, revisionData(spec), ['spec']).map(({ path, before, after }) => ({
    field: pathText(path),
    before,
    after,
    update: updateClass(schema, path),
  }));
}
