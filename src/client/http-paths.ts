import { kindInfo } from '../api/kinds.ts';
import type { Kind, ObjectKey } from '../api/objects.ts';

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Returns the path of a collection, or with `name` of one object; the `namespace` of a cluster-scoped kind is ignored.
 */
export function pathOf(
  kind: Kind,
  at: { namespace?: string | undefined; name?: string | undefined; subresource?: string | undefined },
  query: Query = {},
): string {
  const { group, apiVersion, namespaced, plural } = kindInfo(kind);
  const root = `${group === '' ? '/api' : '/apis'}/${apiVersion}`;
  const namespace =
    !namespaced || (at.namespace === undefined && at.name === undefined)
      ? []
      : ['namespaces', at.namespace ?? 'default'];
  const rest = [at.name, at.subresource].filter((part) => part !== undefined);
  return withQuery([root, ...[...namespace, plural, ...rest].map(encodeURIComponent)].join('/'), query);
}

/** Omits absent values; writes true as Kubernetes does. */
export function withQuery(path: string, query: Query): string {
  const text = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== false && value !== '')
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    .join('&');
  return text === '' ? path : `${path}?${text}`;
}

export const timeOf = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : new Date(at).toISOString();

export const ownRoot = '/apis/subresources.agentctl.dev/v1';

/** Returns a path below an object, in the controller's own group. */
export const below = (plural: string, key: ObjectKey, what: string): string =>
  `${ownRoot}/namespaces/${encodeURIComponent(key.namespace ?? 'default')}/${plural}/${encodeURIComponent(key.name)}/${what}`;

/** Returns a path in a namespace, or in all namespaces. */
export const among = (plural: string, namespace: string | undefined): string =>
  `${ownRoot}/${namespace === undefined ? '' : `namespaces/${encodeURIComponent(namespace)}/`}${plural}`;
