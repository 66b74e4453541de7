/** The only list of kinds. A new kind needs a file in schemas/ and a place in `applyOrder`. */
import { facts } from './gen/kinds.gen.ts';
import { schemaTexts } from './gen/schemas.gen.ts';
import type { JsonSchema } from './json.ts';
import type { Kind } from './objects.ts';

export const verbs = [
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
] as const;
export type Verb = (typeof verbs)[number];

/** Kinds that the API serves but the store does not have. Their schemas list their verbs. */
export type VirtualKind = Extract<(typeof facts)[number], { verbs: readonly string[] }>['kind'];

export interface KindInfo {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  /** `group/version`, or only `version` for the core group. */
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  /** The verbs that the API accepts for its objects. */
  readonly verbs: readonly Verb[];
  /** Whether the store has its objects. If not, see src/api/requests.ts. */
  readonly stored: boolean;
  readonly subresources: { readonly status: boolean; readonly scale?: ScalePaths };
  /** The columns of a table, without the name, which is always first. */
  readonly columns: readonly Column[];
  /** Structural, without $ref, with the x-agentctl-* extensions. Parsed at first use. Do not change it. */
  readonly schema: JsonSchema;
}

/** JSON paths, for example `.spec.replicas`. */
interface ScalePaths {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath: string;
}

/** Like a CRD's additionalPrinterColumns: priority 0 is always shown, a higher one only with `-o wide`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly priority: number;
}

/** The order in which objects of different kinds are applied. They are deleted in the reverse order. */
export const applyOrder: readonly Kind[] = [
  'Namespace',
  'Secret',
  'ConfigMap',
  'Runtime',
  'Policy',
  'Agent',
  'Sync',
  'Revision',
  'Instance',
  'Event',
  'Conversation',
  'Message',
  'Approval',
];

const schemas = new Map<Kind, JsonSchema>();

function schemaOf(kind: Kind): JsonSchema {
  const known = schemas.get(kind);
  if (known !== undefined) return known;
  const schema: JsonSchema = JSON.parse(schemaTexts[kind]);
  schemas.set(kind, schema);
  return schema;
}

export const kinds: readonly KindInfo[] = facts
  .map(({ hasStatus, scale, ...fact }) => ({
    ...fact,
    verbs: fact.verbs ?? verbs,
    stored: fact.verbs === null,
    apiVersion: fact.group === '' ? fact.version : `${fact.group}/${fact.version}`,
    subresources: { status: hasStatus, ...(scale === null ? {} : { scale }) },
    get schema() {
      return schemaOf(fact.kind);
    },
  }))
  .sort((one, other) => applyOrder.indexOf(one.kind) - applyOrder.indexOf(other.kind));

const byKind = new Map<string, KindInfo>(kinds.map((info) => [info.kind, info]));
const byWord = new Map<string, KindInfo>();
for (const info of kinds) {
  for (const word of [info.plural, info.singular, ...info.shortNames]) byWord.set(word, info);
}

export function kindInfo(kind: Kind): KindInfo {
  const info = byKind.get(kind);
  if (info === undefined) throw new Error(`unknown kind ${kind}`);
  return info;
}

export const isVirtual = (kind: Kind): kind is VirtualKind => !kindInfo(kind).stored;

/** Finds a kind by the apiVersion and kind of a document. */
export function kindOf(apiVersion: string, kind: string): KindInfo | undefined {
  const info = byKind.get(kind);
  return info?.apiVersion === apiVersion ? info : undefined;
}

/**
 * Finds a kind by what a user types: plural, singular, short name or kind, in any case, also as `agents.agentctl.dev`
 * or `agents.v1.agentctl.dev`.
 */
export function findKind(word: string): KindInfo | undefined {
  const [name = '', ...rest] = word.toLowerCase().split('.');
  const info = byWord.get(name);
  if (info === undefined || rest.length === 0) return info;
  const group = rest.join('.');
  return group === info.group || group === `${info.version}.${info.group}` ? info : undefined;
}

/** Finds a kind by its URL. */
export const kindByPlural = (group: string, version: string, plural: string): KindInfo | undefined =>
  kinds.find((info) => info.group === group && info.version === version && info.plural === plural);

/** Returns all words that `findKind` accepts without a group, for completion and suggestions. */
export const kindWords = (): string[] => [...byWord.keys()];
