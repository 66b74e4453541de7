import type { KindInfo } from '../api/kinds.ts';
import type { ObjectKey, ObjectMeta } from '../api/objects.ts';
import type { DeleteOptions, ListOptions, WatchOptions, WriteOptions } from '../api/requests.ts';
import type { Row } from '../store/store.ts';

/** An object of any kind, as the registry handles it. Only the schema says what the fields mean. */
export interface AnyResource {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** For example `/agentctl.dev/agents/default/web`, or `/core/secrets/default/key` in the core group. */
export const prefixOf = (info: KindInfo, namespace?: string | undefined): string =>
  `/${info.group === '' ? 'core' : info.group}/${info.plural}/${namespace === undefined ? '' : `${namespace}/`}`;

export const storeKey = (info: KindInfo, key: ObjectKey): string =>
  prefixOf(info, info.namespaced ? (key.namespace ?? 'default') : undefined) + key.name;

/** Encodes an object for the store. The resourceVersion is left out: it is the revision of the row. */
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
  /** Receives warnings about a write that succeeds: the Warning headers of the answer. */
  warn?: ((warning: string) => void) | undefined;
  /** Called if the write creates an object, for example an apply. The answer is 201 then. */
  onCreated?: (() => void) | undefined;
}

export interface RegistryListOptions extends ListOptions {
  /** `Exact` lists the state at that resourceVersion. Otherwise the state may be newer. */
  resourceVersionMatch?: 'Exact' | 'NotOlderThan' | undefined;
}

export interface RegistryWatchOptions extends WatchOptions {
  /**
   * Starts with an ADDED for each existing object, and then a bookmark with the annotation k8s.io/initial-events-end.
   */
  sendInitialEvents?: boolean | undefined;
}

export type RegistryDeleteOptions = DeleteOptions;
