import type { VirtualKind } from './kinds.ts';
import type { Kinds, ObjectKey } from './objects.ts';

/** What requests to the API and their answers have, for clients and servers. */
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
  /** The answer is at least as new as this; it is always the current state. */
  resourceVersion?: string | undefined;
}

export interface WatchOptions {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  /** Absent: the watch starts with an ADDED for each existing object. */
  resourceVersion?: string | undefined;
  allowWatchBookmarks?: boolean | undefined;
  signal: AbortSignal;
}

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; object: { metadata: { resourceVersion: string } } };

export interface WriteOptions {
  dryRun?: boolean | undefined;
  /** The writer, for managedFields. */
  fieldManager?: string | undefined;
  fieldValidation?: 'Strict' | 'Warn' | 'Ignore' | undefined;
  /** Server-side apply: takes over fields of other managers instead of a Conflict. */
  force?: boolean | undefined;
  /**
   * Only within the process: the author, if that is somebody who is not trusted to act as the controller's user (see
   * author.ts). Over HTTP, the server sets it.
   */
  author?: string | undefined;
}

export interface DeleteOptions {
  dryRun?: boolean | undefined;
  preconditions?: { uid?: string | undefined; resourceVersion?: string | undefined } | undefined;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  /** Only within the process: a finalizer to remove together with the deletion, if nothing else keeps the object. */
  lastFinalizer?: string | undefined;
}

export type Patch =
  /** RFC 7386. */
  | { type: 'merge'; body: object }
  /** RFC 6902. */
  | { type: 'json'; body: readonly object[] }
  /** Server-side apply. */
  | { type: 'apply'; body: object };

/** Formats a sum for people: `?` if nothing was reported, `1200+?` if some turns did not report. */
export const reported = (known: string | number | undefined, unreported = 0): string =>
  known === undefined ? '?' : `${known}${unreported > 0 ? '+?' : ''}`;

/** Formats amounts by currency: `0.25 USD + 1 EUR`. Undefined if there are none. */
export function costText(cost: Readonly<Record<string, number>> = {}): string | undefined {
  const costs = Object.entries(cost).map(([currency, amount]) => `${Number(amount.toFixed(6))} ${currency}`);
  return costs.length === 0 ? undefined : costs.join(' + ');
}

export type VirtualObject = Kinds[VirtualKind];
export type VirtualChange = 'ADDED' | 'MODIFIED' | 'DELETED';

/** The last object of a page. */
export interface Position {
  uid: string;
  /** Its creationTimestamp, in milliseconds. */
  createdAt: number;
}

/**
 * Objects that the API serves but the store does not have. An object's resourceVersion is the revision of its last
 * change. Listeners are called synchronously, so `get`, `list` and the listeners always agree.
 */
export interface VirtualKinds {
  get(kind: VirtualKind, key: ObjectKey): VirtualObject | undefined;
  /**
   * Lists objects, newest first, from all namespaces if none is given. `after` continues behind that object, or behind
   * its creation time if it is gone. `fields` are required texts by field path, such as `spec.conversation`. It is a
   * hint that saves reads: other objects may be returned too. Objects may be read lazily, so iterate at once, before
   * anything else happens.
   */
  list(
    kind: VirtualKind,
    namespace?: string,
    after?: Position,
    fields?: ReadonlyMap<string, string>,
  ): Iterable<VirtualObject>;
  /**
   * Returns the revision of the last change to any of these kinds. It grows with each change and never falls, not even
   * over a restart.
   */
  revision(): number;
  /**
   * Calls the listener at each change. A deleted object has its last state, with the revision of its deletion. Returns
   * a function that ends the calls.
   */
  onChange(listener: (kind: VirtualKind, type: VirtualChange, object: VirtualObject) => void): () => void;
}

/** Returns the objects behind `after`, as in `list`. */
export function following<T extends VirtualObject>(all: readonly T[], after?: Position): readonly T[] {
  if (after === undefined) return all;
  const found = all.findIndex(({ metadata }) => metadata.uid === after.uid);
  if (found !== -1) return all.slice(found + 1);
  const older = all.findIndex(({ metadata }) => Date.parse(metadata.creationTimestamp) < after.createdAt);
  return older === -1 ? [] : all.slice(older);
}
