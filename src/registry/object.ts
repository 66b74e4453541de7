import type { KindInfo } from '../api/kinds.ts';
import type { ObjectKey, ObjectMeta } from '../api/objects.ts';
import type { DeleteOptions, ListOptions, WatchOptions, WriteOptions } from '../api/requests.ts';
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

export type Subresource = 'status' | 'scale';

export interface RegistryWriteOptions extends WriteOptions {
  subresource?: Subresource | undefined;
  /** Takes what the client should be told though the write succeeds: the Warning headers of an answer. */
  warn?: ((warning: string) => void) | undefined;
  /** Told where the write makes a new object, as an apply may: the answer is 201 then. */
  onCreated?: (() => void) | undefined;
}

export interface RegistryListOptions extends ListOptions {
  /** `Exact` lists as of that resourceVersion; else it may be newer. */
  resourceVersionMatch?: 'Exact' | 'NotOlderThan' | undefined;
}

export interface RegistryWatchOptions extends WatchOptions {
  /** First an ADDED for each object that is there, then a bookmark that says so (annotation k8s.io/initial-events-end). */
  sendInitialEvents?: boolean | undefined;
}

export type RegistryDeleteOptions = DeleteOptions;
