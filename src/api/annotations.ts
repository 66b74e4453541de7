import type { ObjectKey, ObjectMeta, SyncSpec } from './objects.ts';

/** Every annotation, label and finalizer of agentctl. */

/**
 * On an object: its author, if that is somebody who is not trusted to act as the controller's user on this host:
 * `token:NAME` of a role below admin, or `agent:NAME`. Absent: the local user or an admin. Only the registry sets it.
 */
export const authorAnnotation = 'agentctl.dev/author';

export const authorOf = ({ metadata }: { metadata: Pick<ObjectMeta, 'annotations'> }): string | undefined =>
  metadata.annotations?.[authorAnnotation];

/** On a Revision: the field manager that last wrote its spec. */
export const changedByAnnotation = 'agentctl.dev/changed-by';

/** On a Runtime: a new value lets it remove many orphans at once. */
export const collectAnnotation = 'agentctl.dev/collect-orphans';

/** On an Agent: its deletion also deletes its volumes. */
export const purgeAnnotation = 'agentctl.dev/purge';

/** On an Agent: a new value restarts its instances (`rollout restart`). */
export const restartedAtAnnotation = 'agentctl.dev/restartedAt';

/** On an Agent or a Runtime: a new value ends a backoff, a failure or an open breaker (`resume`). */
export const resumeAnnotation = 'agentctl.dev/resume';

/** On an Agent: the Revision that autoRevert rolled back last, and when. Written together with the earlier spec. */
export const revertedAnnotation = 'agentctl.dev/reverted';

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

/** On what belongs to an Agent: Instances, Revisions, messages, and everything that a driver creates in an engine. */
export const agentLabel = 'agentctl.dev/agent';
export const ordinalLabel = 'agentctl.dev/ordinal';

/** Labels on everything that a driver creates in an engine. */
export const labels = {
  store: 'agentctl.dev/store',
  namespace: 'agentctl.dev/namespace',
  agent: agentLabel,
  instance: 'agentctl.dev/instance',
  uid: 'agentctl.dev/instance-uid',
  ordinal: ordinalLabel,
  run: 'agentctl.dev/run',
  revision: 'agentctl.dev/revision',
  version: 'agentctl.dev/controller-version',
} as const;

/** Blocks the deletion of an Agent until no Runtime has anything left of it. */
export const finalizer = 'agentctl.dev/instances';

/** Blocks the deletion of an Instance until its container or process is stopped and removed. */
export const instanceFinalizer = 'agentctl.dev/run';

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
