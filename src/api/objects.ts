import type { AgentSpec, Kinds, ObjectMeta } from './gen/types.gen.ts';
import { isObject, type JsonObject } from './json.ts';

export type * from './gen/types.gen.ts';
export type Kind = keyof Kinds;
export type AnyObject = Kinds[Kind];

type Partially<T> = T extends readonly (infer Item)[]
  ? Partially<Item>[]
  : T extends object
    ? { [Key in keyof T]?: Partially<T[Key]> | undefined }
    : T;

/** What a client sends: fields with defaults and fields of the server are optional. */
export type New<T extends { metadata: ObjectMeta }> = Partially<
  Omit<T, 'apiVersion' | 'kind' | 'metadata'>
> & {
  apiVersion: string;
  kind: string;
  metadata: Partially<ObjectMeta>;
};

/** Identifies one object. `namespace` is absent for cluster-scoped kinds. */
export interface ObjectKey {
  namespace?: string | undefined;
  name: string;
}

export const keyOf = (object: { metadata: ObjectMeta }): ObjectKey => ({
  ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
  name: object.metadata.name,
});

/** Whether its deletion was requested. Finalizers keep it for now, and later changes are lost with it. */
export const isTerminating = ({
  metadata,
}: {
  metadata: { deletionTimestamp?: string | undefined };
}): boolean => metadata.deletionTimestamp !== undefined;

export const keyText = (key: ObjectKey): string =>
  key.namespace === undefined ? key.name : `${key.namespace}/${key.name}`;

/** A reference of an Agent's template to a Secret or ConfigMap, or to one key of it. */
export interface Reference {
  kind: 'Secret' | 'ConfigMap';
  name: string;
  /** Absent: the whole object. */
  key?: string | undefined;
  optional: boolean;
  /** The field with the reference, for example `spec.template.env[KEY]`. */
  field: string;
}

type Template = AgentSpec['template'];

/** Returns all references of a template, in its order. */
export function references({ env = [], envFrom = [], files = [], volumes = [] }: Template): Reference[] {
  const found: Reference[] = [];
  type Named = Omit<Reference, 'kind' | 'field'>;
  const add = (field: string, secret: Named | undefined, configMap: Named | undefined): void => {
    if (secret !== undefined) found.push({ kind: 'Secret', ...secret, field });
    if (configMap !== undefined) found.push({ kind: 'ConfigMap', ...configMap, field });
  };
  for (const { name, valueFrom } of env)
    add(`spec.template.env[${name}]`, valueFrom?.secretKeyRef, valueFrom?.configMapKeyRef);
  for (const [index, { secretRef, configMapRef }] of envFrom.entries())
    add(`spec.template.envFrom[${index}]`, secretRef, configMapRef);
  for (const { path, secretKeyRef, configMapKeyRef } of files)
    add(`spec.template.files[${path}]`, secretKeyRef, configMapKeyRef);
  for (const { name, secret, configMap } of volumes) {
    const ofSecret = secret && { name: secret.secretName, optional: secret.optional };
    const ofConfigMap = configMap && { name: configMap.name, optional: configMap.optional };
    add(`spec.template.volumes[${name}]`, ofSecret, ofConfigMap);
  }
  return found;
}

/** The fields that the server sets. `get -o yaml` shows them, but a manifest cannot know them. */
const serverFields = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
  'managedFields',
] as const;

/**
 * Returns the object without the fields that the server sets, and the names of the removed fields. With resourceVersion
 * or uid, the manifest could be applied only until somebody changes or recreates the object.
 */
export function withoutServerFields<T extends { metadata: object; status?: unknown }>(
  object: T,
): { object: T; dropped: string[] } {
  const { status, ...rest } = object;
  const metadata = Object.entries(object.metadata);
  const isServers = (name: string): boolean => serverFields.some((field) => field === name);
  const dropped = [
    ...metadata
      .filter(([name, value]) => isServers(name) && isSaid(value))
      .map(([name]) => `metadata.${name}`),
    ...(isSaid(status) ? ['status'] : []),
  ];
  const kept = Object.fromEntries(metadata.filter(([name]) => !isServers(name)));
  return { object: { ...rest, metadata: kept } as T, dropped }; // the removed fields are optional in T
}

/** Go programs write `creationTimestamp: null` and `status: {}` for unset fields. */
const isSaid = (value: unknown): boolean =>
  value !== undefined && value !== null && !(isObject(value) && isEmpty(value));

const isEmpty = (value: JsonObject): boolean => Object.keys(value).length === 0;

/** For example `metadata.uid and metadata.resourceVersion are set by the server, and ignored`. */
export const droppedText = (dropped: readonly string[]): string =>
  `${dropped.join(', ')} ${dropped.length === 1 ? 'is' : 'are'} set by the server, and ignored here: remove ${dropped.length === 1 ? 'it' : 'them'} from the manifest`;

/** Returns a Secret as it is stored, with stringData encoded into data. It is not validated yet. */
export function withEncodedData<T extends object>(secret: T & { stringData?: unknown; data?: unknown }): T {
  const { stringData, data, ...rest } = secret;
  if (typeof stringData !== 'object' || stringData === null) return secret;
  const encoded = Object.entries(stringData).map(([key, value]) => [
    key,
    typeof value === 'string' ? Buffer.from(value).toString('base64') : value,
  ]);
  return {
    ...rest,
    data: { ...(data as object | undefined), ...Object.fromEntries(encoded) },
  } as unknown as T; // only the two fields differ
}
