import type { ObjectKey } from '../api/objects.ts';

export const ownRoot = '/apis/subresources.agentctl.dev/v1';

/** What stands below an object, in the controller's own group. */
export const below = (plural: string, key: ObjectKey, what: string): string =>
  `${ownRoot}/namespaces/${encodeURIComponent(key.namespace ?? 'default')}/${plural}/${encodeURIComponent(key.name)}/${what}`;

/** What stands in a namespace, or in all of them. */
export const among = (plural: string, namespace: string | undefined): string =>
  `${ownRoot}/${namespace === undefined ? '' : `namespaces/${encodeURIComponent(namespace)}/`}${plural}`;
