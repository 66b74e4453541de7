import { kindInfo } from '../api/kinds.ts';
import type { Kind, ObjectKey } from '../api/objects.ts';

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** Of a collection, or with `name` of one object; `namespace` of a cluster-scoped kind is left out. */
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

/** What is absent is left out; true is written as Kubernetes does. */
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

/** What stands below an object, in the controller's own group. */
export const below = (plural: string, key: ObjectKey, what: string): string =>
  `${ownRoot}/namespaces/${encodeURIComponent(key.namespace ?? 'default')}/${plural}/${encodeURIComponent(key.name)}/${what}`;

/** What stands in a namespace, or in all of them. */
export const among = (plural: string, namespace: string | undefined): string =>
  `${ownRoot}/${namespace === undefined ? '' : `namespaces/${encodeURIComponent(namespace)}/`}${plural}`;
