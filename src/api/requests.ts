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
