import type { KindInfo } from '../api/kinds.ts';
import { parseFieldSelector, parseLabelSelector, readFieldSelector } from '../api/selector.ts';
import type { Keys } from '../store/store.ts';
import { type AnyResource, prefixOf, storeKey } from './object.ts';

export interface Selectors {
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

/** Undefined where everything is selected. Throws ApiError BadRequest for what is no selector. */
export function selection({
  labelSelector = '',
  fieldSelector = '',
}: Selectors): ((object: AnyResource) => boolean) | undefined {
  if (labelSelector === '' && fieldSelector === '') return undefined;
  const labels = parseLabelSelector(labelSelector);
  const fields = ofRelated(parseFieldSelector(fieldSelector), fieldSelector);
  return (object) => labels(object.metadata.labels) && fields(object);
}

/** An Event is found by the object that it is related to as by the one that it is about: those of an Instance at its Agent. */
function ofRelated(
  selects: (object: unknown) => boolean,
  fieldSelector: string,
): (object: AnyResource) => boolean {
  const about = readFieldSelector(fieldSelector).filter(({ path }) => path[0] === 'involvedObject');
  if (about.length === 0 || about.some(({ equal }) => !equal)) return selects;
  return (object) =>
    selects(object) ||
    (object.related !== undefined && selects({ ...object, involvedObject: object.related }));
}

/** What fields must be, by their paths, for an object to be selected. Throws ApiError BadRequest. */
export const equalities = ({ fieldSelector = '' }: Selectors): ReadonlyMap<string, string> =>
  new Map(
    readFieldSelector(fieldSelector)
      .filter(({ equal }) => equal)
      .map(({ path, value }) => [path.join('.'), value]),
  );

/**
 * The keys of the store that can hold what is selected. `metadata.name` and `metadata.namespace` narrow them: one named
 * object is one key, so it costs the same among ten objects and among ten thousand.
 */
export function keysOf(info: KindInfo, options: Selectors & { namespace?: string | undefined }): Keys {
  const fields = equalities(options);
  const name = fields.get('metadata.name');
  const namespace = info.namespaced ? (options.namespace ?? fields.get('metadata.namespace')) : undefined;
  const isOne = name !== undefined && (namespace !== undefined || !info.namespaced);
  return isOne ? { only: storeKey(info, { namespace, name }) } : prefixOf(info, namespace);
}
