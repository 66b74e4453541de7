import { agentLabel, changedByAnnotation } from '../api/annotations.ts';
import { difference, updateClass } from '../api/difference.ts';
import { type JsonObject, pathText } from '../api/json.ts';
import { kindInfo } from '../api/kinds.ts';
import { type AgentSpec, type New, type ObjectMeta, type Revision, references } from '../api/objects.ts';
import { beginning, listed } from '../api/text.ts';
import type { Action, FieldDrift } from './action.ts';
import type { Settings } from './settings.ts';
import type { World } from './world.ts';

export interface RevisionStep {
  /** The newest Revision, if it records the current spec. */
  current: Revision | undefined;
  /** Creates a Revision of the current spec, if there is none yet. */
  create: Action | undefined;
  /** The name of the newest Revision, existing or to be created. */
  name: string;
  /** The fields in which the spec differs from the newest existing Revision. */
  fields: readonly FieldDrift[];
}

/** Records the spec in a new Revision if the newest one differs. An old spec that comes back gets a new number. */
export function revisionStep(world: World, settings: Settings): RevisionStep {
  const { agent, revisions } = world;
  const newest = revisions.at(-1);
  const fields = newest === undefined ? undefined : drift(agent.spec, newest);
  const inputs =
    settings.restartOn.includes('SecretChange') && newest !== undefined
      ? inputChanges(newest, recordedInputs(world))
      : [];
  if (newest !== undefined && fields?.length === 0 && inputs.length === 0)
    return { current: newest, create: undefined, name: newest.metadata.name, fields: [] };

  const number = (newest?.revision ?? 0) + 1;
  const name = `${agent.metadata.name}-${number}`;
  const why =
    fields === undefined
      ? `Records the first spec.`
      : `Records a changed spec: ${listed([...fields.map(driftText), ...inputs])}.`;
  const create: Action = {
    type: 'CreateRevision',
    id: `CreateRevision/${name}`,
    after: [],
    cause: 'SpecRecorded',
    message: why,
    revision: newRevision(world, name, number),
  };
  return { current: undefined, create, name, fields: fields ?? [] };
}

/** The Secrets and ConfigMaps whose data differs from what was recorded. A missing one does not count as changed. */
export const changedInputs = (world: World, recorded: Readonly<Record<string, string>>): string[] =>
  Object.entries(recordedInputs(world))
    .filter(([name, hmac]) => recorded[name] !== hmac)
    .map(([name]) => name);

/** `Secret/key changed`, or `created` if it did not exist when the inputs were recorded. */
export const inputText = (name: string, recorded: Readonly<Record<string, string>>): string =>
  `${name} ${recorded[name] === undefined ? 'created' : 'changed'}`;

/** How the Secrets and ConfigMaps differ from what a Revision recorded. One that it did not reference is added. */
export function inputChanges(
  { inputs: recorded = {}, data }: Revision,
  inputs: Readonly<Record<string, string>>,
): string[] {
  const { template } = data as RevisionData; // the controller alone writes Revisions, from a spec
  const referenced = new Set(references(template).map(({ kind, name }) => `${kind}/${name}`));
  return Object.entries(inputs)
    .filter(([name, hmac]) => recorded[name] !== hmac)
    .map(([name]) =>
      recorded[name] === undefined && !referenced.has(name) ? `${name} added` : inputText(name, recorded),
    );
}

/** The HMACs of the existing Secrets and ConfigMaps, to be compared later. */
export const recordedInputs = ({ inputs }: World): Record<string, string> =>
  Object.fromEntries(
    Object.entries(inputs).filter(
      (input): input is [string, string] => input[1] !== null && !input[0].includes('#'),
    ),
  );

function newRevision(world: World, name: string, number: number): New<Revision> {
  const { metadata, spec } = world.agent;
  const by = lastManager(metadata);
  return {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Revision',
    metadata: {
      name,
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      labels: { [agentLabel]: metadata.name },
      ...(by === undefined ? {} : { annotations: { [changedByAnnotation]: by } }),
      ownerReferences: [ownerOf(world)],
    },
    revision: number,
    data: revisionData(spec) as Record<string, unknown>, // an object of JSON values
    inputs: recordedInputs(world),
  };
}

const lastManager = ({ managedFields = [] }: ObjectMeta): string | undefined =>
  managedFields
    .filter(({ subresource, fieldsV1 }) => subresource === undefined && fieldsV1?.['f:spec'] !== undefined)
    .sort((a, b) => (a.time ?? '').localeCompare(b.time ?? ''))
    .at(-1)?.manager;

export const ownerOf = ({ agent }: World) => ({
  apiVersion: agent.apiVersion,
  kind: agent.kind,
  name: agent.metadata.name,
  uid: agent.metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
});

/**
 * Deletes the oldest Revisions beyond spec.revisionHistoryLimit, except those that an Instance runs or `keep` names.
 */
export function pruneRevisions(world: World, keep: string | undefined): Action[] {
  const limit = world.agent.spec.revisionHistoryLimit;
  if (world.revisions.length <= limit + 1) return [];
  const used = new Set(world.instances.map(({ object }) => object.status?.run?.revision));
  const old = world.revisions.slice(0, -1).filter(({ metadata }) => !used.has(metadata.name));
  return old
    .slice(0, Math.max(0, old.length - limit))
    .filter(({ metadata }) => metadata.name !== keep)
    .map(({ metadata }) =>
      deleteRevision(metadata.name, `It exceeds spec.revisionHistoryLimit (${limit}).`, []),
    );
}

export const deleteRevision = (name: string, message: string, after: readonly string[]): Action => ({
  type: 'DeleteRevision',
  id: `DeleteRevision/${name}`,
  after,
  cause: 'RevisionPruned',
  message,
  name,
});

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
