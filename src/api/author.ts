import type { ObjectMeta } from './objects.ts';

/**
 * On an object: who wrote it, where that is somebody whom this host does not trust with itself: `token:NAME` of a role
 * below admin, or `agent:NAME`. Absent: the local user or an admin. The registry sets it; nobody else can.
 */
export const authorAnnotation = 'agentctl.dev/author';

export const authorOf = ({ metadata }: { metadata: Pick<ObjectMeta, 'annotations'> }): string | undefined =>
  metadata.annotations?.[authorAnnotation];
