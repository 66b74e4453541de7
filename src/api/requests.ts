/** What a request to the API can say, and the forms of its answers, for those who ask and those who answer. */
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
  /** At least as new as this; answered as things are now. */
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
  /**
   * In process alone: in whose name it is written, where that is somebody whom the host does not trust with itself (see
   * author.ts). Over HTTP it is the server that says so.
   */
  author?: string | undefined;
}

export interface DeleteOptions {
  dryRun?: boolean | undefined;
  preconditions?: { uid?: string | undefined; resourceVersion?: string | undefined } | undefined;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  /** In process alone: it is taken off with the deletion, where nothing else holds the object. */
  lastFinalizer?: string | undefined;
}

export type Patch =
  /** RFC 7386. */
  | { type: 'merge'; body: object }
  /** RFC 6902. */
  | { type: 'json'; body: readonly object[] }
  /** Server-side apply. */
  | { type: 'apply'; body: object };

/** What is known of a sum, as people read it: `?` where nothing was reported, `1200+?` where some turns did not report. */
export const reported = (known: string | number | undefined, unreported = 0): string =>
  known === undefined ? '?' : `${known}${unreported > 0 ? '+?' : ''}`;

/** Amounts by currency, as in `0.25 USD + 1 EUR`; undefined where there is none. */
export function costText(cost: Readonly<Record<string, number>> = {}): string | undefined {
  const costs = Object.entries(cost).map(([currency, amount]) => `${Number(amount.toFixed(6))} ${currency}`);
  return costs.length === 0 ? undefined : costs.join(' + ');
}
