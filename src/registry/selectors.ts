import type { KindInfo } from '../api/kinds.ts';
import { parseFieldSelector, parseLabelSelector, readFieldSelector } from '../api/selector.ts';
import type { Keys } from '../store/store.ts';
import { type AnyResource, prefixOf, storeKey } from './object.ts';

export interface Selectors {
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

/** Returns a predicate; undefined if everything is selected. Throws ApiError BadRequest for an invalid selector. */
export function selection({
  labelSelector = '',
  fieldSelector = '',
}: Selectors): ((object: AnyResource) => boolean) | undefined {
  if (labelSelector === '' && fieldSelector === '') return undefined;
  const labels = parseLabelSelector(labelSelector);
  const fields = ofRelated(parseFieldSelector(fieldSelector), fieldSelector);
  return (object) => labels(object.metadata.labels) && fields(object);
}

/**
 * A selector for the object of an Event also matches its related object. So an Agent's Events include those of its
 * Instances.
 */
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

/** Returns the required texts of fields, by path. Throws ApiError BadRequest. */
export const equalities = ({ fieldSelector = '' }: Selectors): ReadonlyMap<string, string> =>
  new Map(
    readFieldSelector(fieldSelector)
      .filter(({ equal }) => equal)
      .map(({ path, value }) => [path.join('.'), value]),
  );

/**
 * Returns the keys of the store that can have selected objects. `metadata.name` and `metadata.namespace` narrow them:
 * one named object is one key, so its cost does not depend on the number of objects.
 */
export function keysOf(info: KindInfo, options: Selectors & { namespace?: string | undefined }): Keys {
  const fields = equalities(options);
  const name = fields.get('metadata.name');
  const namespace = info.namespaced ? (options.namespace ?? fields.get('metadata.namespace')) : undefined;
  const isOne = name !== undefined && (namespace !== undefined || !info.namespaced);
  return isOne ? { only: storeKey(info, { namespace, name }) } : prefixOf(info, namespace);
}
