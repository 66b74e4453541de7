import type { KindInfo } from '../api/kinds.ts';
import type { ObjectKey, ObjectMeta } from '../api/objects.ts';
import type { Row } from '../store/store.ts';

/** An object of any kind, as the registry handles it: what a kind's fields mean is said by its schema alone. */
export interface AnyResource {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** `/agentctl.dev/agents/default/web`; of the core group `/core/secrets/default/key`. */
export const prefixOf = (info: KindInfo, namespace?: string | undefined): string =>
  `/${info.group === '' ? 'core' : info.group}/${info.plural}/${namespace === undefined ? '' : `${namespace}/`}`;

export const storeKey = (info: KindInfo, key: ObjectKey): string =>
  prefixOf(info, info.namespaced ? (key.namespace ?? 'default') : undefined) + key.name;

/** The resourceVersion is the store's revision of the row, so the text does not hold it. */
export function encode(object: AnyResource): string {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return JSON.stringify({ ...object, metadata });
}

export function decode(text: string, revision: number): AnyResource {
  const object: AnyResource = JSON.parse(text);
  object.metadata.resourceVersion = String(revision);
  return object;
}

export const decodeRow = (row: Row): AnyResource => decode(row.value, row.modRevision);

export const revisionOf = (object: AnyResource): number => Number(object.metadata.resourceVersion);
