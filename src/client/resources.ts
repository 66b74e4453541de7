import { isApiError } from '../api/errors.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { AnyObject, Kind, Kinds, New, ObjectKey } from '../api/objects.ts';
import type {
  DeleteOptions,
  List,
  ListOptions,
  Patch,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from '../api/requests.ts';

export type * from '../api/requests.ts';

/**
 * The API for all clients, including the controller: over the embedded registry (local.ts) or over HTTP (http.ts).
 * Every failure is an ApiError, or UnreachableError if there is no server. Follows Kubernetes' API conventions. The
 * contract suite is test/contracts/resources.ts.
 */
export interface Resources {
  get<K extends Kind>(kind: K, key: ObjectKey): Promise<Kinds[K]>;
  list<K extends Kind>(kind: K, options?: ListOptions): Promise<List<Kinds[K]>>;
  /**
   * Yields events after `resourceVersion`. Ends when the signal aborts. Throws ApiError Expired if that version is no
   * longer kept.
   */
  watch<K extends Kind>(kind: K, options: WatchOptions): AsyncIterable<WatchEvent<Kinds[K]>>;
  create<K extends Kind>(kind: K, object: New<Kinds[K]>, options?: WriteOptions): Promise<Kinds[K]>;
  /** With metadata.resourceVersion: throws Conflict unless it is the newest version. */
  update<K extends Kind>(
    kind: K,
    object: Kinds[K],
    options?: WriteOptions & { subresource?: 'status' },
  ): Promise<Kinds[K]>;
  /** With the subresource `scale`, the patch is for an autoscaling/v1 Scale; the result is still the object. */
  patch<K extends Kind>(
    kind: K,
    key: ObjectKey,
    patch: Patch,
    options?: WriteOptions & { subresource?: 'status' | 'scale' },
  ): Promise<Kinds[K]>;
  /** Returns the object: deleted, or with its deletionTimestamp if finalizers hold it. */
  delete<K extends Kind>(kind: K, key: ObjectKey, options?: DeleteOptions): Promise<Kinds[K]>;
}

/** Returns the objects of a list. On Kubernetes' wire, a list names their kind once, and its items omit it. */
export const itemsOf = (info: KindInfo, { items }: { items: readonly AnyObject[] }): AnyObject[] =>
  items.map((item) => ({ ...item, apiVersion: info.apiVersion, kind: info.kind }) as AnyObject); // of that kind

/** Returns undefined if there is no such object. */
export async function found<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** Objects as tables: the columns and cells that `get` prints. Only the server can compute them. */
export interface Tables {
  list(kind: Kind, options?: ListOptions & IncludeObject & { name?: string | undefined }): Promise<Table>;
  /** Like Resources.watch, with one row for each event. */
  watch(kind: Kind, options: WatchOptions & IncludeObject): AsyncIterable<TableEvent>;
}

export interface IncludeObject {
  /** The object in each row. Defaults to Metadata. */
  includeObject?: 'None' | 'Metadata' | 'Object' | undefined;
}

/** `Table` of meta.k8s.io/v1. */
export interface Table {
  kind: 'Table';
  apiVersion: 'meta.k8s.io/v1';
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  columnDefinitions: readonly TableColumn[];
  rows: readonly TableRow[];
}

export interface TableColumn {
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  /** The value `name` marks the column with the object's name. */
  format: string;
  description: string;
  /** 0 is always shown, others only with `-o wide`. */
  priority: number;
}

export interface TableRow {
  cells: readonly (string | number | null)[];
  object?: AnyObject | PartialObjectMetadata;
}

export interface PartialObjectMetadata {
  kind: 'PartialObjectMetadata';
  apiVersion: 'meta.k8s.io/v1';
  metadata: AnyObject['metadata'];
}

export interface TableEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  /** Every event has the columns; a bookmark has no row. */
  object: Table;
}
