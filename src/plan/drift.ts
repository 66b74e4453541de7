import { beginning } from '../api/cut.ts';
import { difference, updateClass } from '../api/difference.ts';
import { kindInfo } from '../api/kinds.ts';
import type { AgentSpec, Revision } from '../api/objects.ts';
import { pathText } from '../api/path.ts';
import type { JsonObject } from '../api/schema.ts';
import type { FieldDrift } from './action.ts';

/** What no Revision holds: it says how many and when, not what. */
const outside = ['replicas', 'suspend', 'policy', 'policyRef', 'revisionHistoryLimit'] as const;

export type RevisionData = Omit<AgentSpec, (typeof outside)[number]>;

/** What a Revision records of a spec. */
export function revisionData(spec: AgentSpec): RevisionData {
  const { replicas: _, suspend: _1, policy: _2, policyRef: _3, revisionHistoryLimit: _4, ...data } = spec;
  return data;
}

const compared = new WeakMap<AgentSpec, WeakMap<Revision, readonly FieldDrift[]>>();

/**
 * The fields in which the spec differs from what the Revision recorded. Defaults on either side never show. Remembered
 * for each pair: neither object is ever changed in place.
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

/** As in `spec.template.image: "a" -> "b"`. */
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
