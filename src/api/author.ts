import type { ObjectMeta } from './objects.ts';

/**
 * On an object: its author, if that is somebody who is not trusted to act as the controller's user on this host:
 * `token:NAME` of a role below admin, or `agent:NAME`. Absent: the local user or an admin. Only the registry sets it.
 */
export const authorAnnotation = 'agentctl.dev/author';

export const authorOf = ({ metadata }: { metadata: Pick<ObjectMeta, 'annotations'> }): string | undefined =>
  metadata.annotations?.[authorAnnotation];
