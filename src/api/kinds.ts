/** The only list of kinds. A new one is a file in schemas/ and a place in `applyOrder`. */
import { facts } from './gen/kinds.gen.ts';
import { schemaTexts } from './gen/schemas.gen.ts';
import type { Kind } from './objects.ts';
import type { JsonSchema } from './schema.ts';

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

/** Read over the API, and not in the store: those whose schema names its verbs. */
export type VirtualKind = Extract<(typeof facts)[number], { verbs: readonly string[] }>['kind'];

export interface KindInfo {
  /** '' for Kubernetes' core group. */
  readonly group: string;
  readonly version: string;
  /** `group/version`, or `version` alone for the core group. */
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  /** What may be asked of its objects. */
  readonly verbs: readonly Verb[];
  /** Whether its objects are in the store; else see src/api/virtual.ts. */
  readonly stored: boolean;
  readonly subresources: { readonly status: boolean; readonly scale?: ScalePaths };
  /** Columns of a table, without the name, which is always the first. */
  readonly columns: readonly Column[];
  /** Structural, no $ref; x-agentctl-* extensions are still in it. Parsed when first asked for; do not change it. */
  readonly schema: JsonSchema;
}

/** JSON paths, as in `.spec.replicas`. */
interface ScalePaths {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath: string;
}

/** As a CRD's additionalPrinterColumns: priority 0 is always shown, above 0 only by `-o wide`. */
export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly priority: number;
}

/** The order in which a set is written; deleted in the opposite one. */
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

/** By what a document says of itself. */
export function kindOf(apiVersion: string, kind: string): KindInfo | undefined {
  const info = byKind.get(kind);
  return info?.apiVersion === apiVersion ? info : undefined;
}

/** By what a user types: plural, singular, short name or kind, in any case, also as `agents.agentctl.dev` or `agents.v1.agentctl.dev`. */
export function findKind(word: string): KindInfo | undefined {
  const [name = '', ...rest] = word.toLowerCase().split('.');
  const info = byWord.get(name);
  if (info === undefined || rest.length === 0) return info;
  const group = rest.join('.');
  return group === info.group || group === `${info.version}.${info.group}` ? info : undefined;
}

/** By what a URL says. */
export const kindByPlural = (group: string, version: string, plural: string): KindInfo | undefined =>
  kinds.find((info) => info.group === group && info.version === version && info.plural === plural);

/** Every word that `findKind` takes without a group, for completion and suggestions. */
export const kindWords = (): string[] => [...byWord.keys()];
