import { facts } from '../api/gen/kinds.gen.ts';
import type { Kind } from '../api/objects.ts';

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

const places = new Map(facts.map((fact) => [fact.kind as Kind, fact]));

/** Of a collection, or with `name` of one object; `namespace` of a cluster-scoped kind is left out. */
export function pathOf(
  kind: Kind,
  at: { namespace?: string | undefined; name?: string | undefined; subresource?: string | undefined },
  query: Query = {},
): string {
  const fact = places.get(kind);
  if (fact === undefined) throw new Error(`no kind ${kind}`);
  const root = fact.group === '' ? `/api/${fact.version}` : `/apis/${fact.group}/${fact.version}`;
  const namespace =
    !fact.namespaced || (at.namespace === undefined && at.name === undefined)
      ? []
      : ['namespaces', at.namespace ?? 'default'];
  const rest = [at.name, at.subresource].filter((part) => part !== undefined);
  return withQuery([root, ...[...namespace, fact.plural, ...rest].map(encodeURIComponent)].join('/'), query);
}

/** What is absent is left out; true is written as Kubernetes does. */
export function withQuery(path: string, query: Query): string {
  const text = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== false && value !== '')
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    .join('&');
  return text === '' ? path : `${path}?${text}`;
}
