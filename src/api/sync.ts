import type { ObjectKey, SyncSpec } from './objects.ts';

/** Annotations that a Sync leaves on what it applies, and those by which it is asked for something. */
export const syncAnnotations = {
  /** On an object: the Sync that applies it, as namespace/name. */
  sync: 'agentctl.dev/sync',
  /** On an object: the revision that changed it last. */
  revision: 'agentctl.dev/sync-revision',
  /** On an object: its file in the source. */
  path: 'agentctl.dev/sync-path',
  /** On an object: `disabled` keeps it when its manifest goes. */
  prune: 'agentctl.dev/prune',
  /** On a Sync: any new value asks for one look now, even while it is suspended. See `takingOver`. */
  requested: 'agentctl.dev/sync-requested',
  /** On a Sync: when a webhook last told of a push (RFC 3339). */
  webhook: 'agentctl.dev/webhook-received',
  /** On a Sync: the revision that may delete more than maxPrunePercent. */
  approved: 'agentctl.dev/approved-revision',
} as const;

/** A request that ends so takes over what others apply, as an apply with --force-conflicts does: once. */
export const takingOver = ' force-conflicts';

/** Who owns the fields that a Sync applies (server-side apply's field manager). */
export const syncManager = ({ namespace = 'default', name }: ObjectKey): string =>
  `sync/${namespace}/${name}`;

/** The Sync of such a manager. */
export function syncOfManager(manager: string): { namespace: string; name: string } | undefined {
  const [, namespace, name] = /^sync\/([^/]+)\/([^/]+)$/.exec(manager) ?? [];
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

/** `main@3f1c2a90b1d2`, as people read it. A folder's revision is `sha256:` and a hash. */
export function revisionText(revision: string, reference?: string): string {
  const short = revision.startsWith('sha256:') ? revision.slice(0, 19) : revision.slice(0, 12);
  const name = reference?.replace(/^refs\/(heads|tags)\//, '');
  return name === undefined || name === '' ? short : `${name}@${short}`;
}

/** Whether the source is a folder of the controller's host. */
export const readsHost = ({ source }: SyncSpec): boolean =>
  source.directory !== undefined || source.git?.url.toLowerCase().startsWith('file:') === true;
