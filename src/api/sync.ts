import type { ObjectKey, SyncSpec } from './objects.ts';

/** Annotations that a Sync sets on what it applies, and annotations that request something from a Sync. */
export const syncAnnotations = {
  /** On an object: the Sync that applies it, as namespace/name. */
  sync: 'agentctl.dev/sync',
  /** On an object: the revision that changed it last. */
  revision: 'agentctl.dev/sync-revision',
  /** On an object: its file in the source. */
  path: 'agentctl.dev/sync-path',
  /** On an object: `disabled` keeps it when its manifest is removed. */
  prune: 'agentctl.dev/prune',
  /** On a Sync: a new value requests one look now, even while it is suspended. See `takingOver`. */
  requested: 'agentctl.dev/sync-requested',
  /** On a Sync: when a webhook last reported a push (RFC 3339). */
  webhook: 'agentctl.dev/webhook-received',
  /** On a Sync: the revision that may delete more than maxPrunePercent. */
  approved: 'agentctl.dev/approved-revision',
} as const;

/** A request with this suffix takes over the fields of other appliers once, like apply --force-conflicts. */
export const takingOver = ' force-conflicts';

/** Returns the field manager of a Sync (server-side apply). */
export const syncManager = ({ namespace = 'default', name }: ObjectKey): string =>
  `sync/${namespace}/${name}`;

/** Returns the Sync of such a field manager; undefined if it is another manager. */
export function syncOfManager(manager: string): { namespace: string; name: string } | undefined {
  const [, namespace, name] = /^sync\/([^/]+)\/([^/]+)$/.exec(manager) ?? [];
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

/** Formats a revision for people: `main@3f1c2a90b1d2`. The revision of a folder is `sha256:` and a hash. */
export function revisionText(revision: string, reference?: string): string {
  const short = revision.startsWith('sha256:') ? revision.slice(0, 19) : revision.slice(0, 12);
  const name = reference?.replace(/^refs\/(heads|tags)\//, '');
  return name === undefined || name === '' ? short : `${name}@${short}`;
}

/** Whether the source is a folder of the controller's host. */
export const readsHost = ({ source }: SyncSpec): boolean =>
  source.directory !== undefined || source.git?.url.toLowerCase().startsWith('file:') === true;
