import type { Kind, Kinds, New, ObjectKey } from '../api/objects.ts';

/**
 * The API as its clients see it, the controller included: over the embedded registry (local.ts) or over HTTP (http.ts).
 * Every failure is an ApiError, or UnreachableError where there is no server. Semantics are Kubernetes' API conventions.
 * The contract suite is test/contracts/resources.ts.
 */
export interface Resources {
  get<K extends Kind>(kind: K, key: ObjectKey): Promise<Kinds[K]>;
  list<K extends Kind>(kind: K, options?: ListOptions): Promise<List<Kinds[K]>>;
  /** From `resourceVersion` on; ends when the signal aborts; throws ApiError Expired when that version is no longer kept. */
  watch<K extends Kind>(kind: K, options: WatchOptions): AsyncIterable<WatchEvent<Kinds[K]>>;
  create<K extends Kind>(kind: K, object: New<Kinds[K]>, options?: WriteOptions): Promise<Kinds[K]>;
  /** With metadata.resourceVersion: Conflict unless it is the newest. */
  update<K extends Kind>(
    kind: K,
    object: Kinds[K],
    options?: WriteOptions & { subresource?: 'status' },
  ): Promise<Kinds[K]>;
  patch<K extends Kind>(
    kind: K,
    key: ObjectKey,
    patch: Patch,
    options?: WriteOptions & { subresource?: 'status' | 'scale' },
  ): Promise<Kinds[K]>;
  /** Answers the object: gone, or with its deletionTimestamp where finalizers hold it. */
  delete<K extends Kind>(kind: K, key: ObjectKey, options?: DeleteOptions): Promise<Kinds[K]>;
}

export interface List<T> {
  items: T[];
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
}

export interface ListOptions {
  /** Absent: all namespaces. */
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  limit?: number | undefined;
  continue?: string | undefined;
  resourceVersion?: string | undefined;
}

export interface WatchOptions {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  /** Absent: first an ADDED for each object that is there. */
  resourceVersion?: string | undefined;
  allowWatchBookmarks?: boolean | undefined;
  signal: AbortSignal;
}

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; object: { metadata: { resourceVersion: string } } };

export interface WriteOptions {
  dryRun?: boolean | undefined;
  /** Who writes, for managedFields. */
  fieldManager?: string | undefined;
  fieldValidation?: 'Strict' | 'Warn' | 'Ignore' | undefined;
  /** Server-side apply: take over fields of other managers instead of a Conflict. */
  force?: boolean | undefined;
}

export interface DeleteOptions {
  dryRun?: boolean | undefined;
  preconditions?: { uid?: string | undefined; resourceVersion?: string | undefined } | undefined;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
}

export type Patch =
  /** RFC 7386. */
  | { type: 'merge'; body: object }
  /** RFC 6902. */
  | { type: 'json'; body: readonly object[] }
  /** Server-side apply. */
  | { type: 'apply'; body: object };
