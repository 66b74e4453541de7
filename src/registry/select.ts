import { parseFieldSelector, parseLabelSelector, readFieldSelector } from '../api/selector.ts';
import type { AnyResource } from './object.ts';

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
  const fields = parseFieldSelector(fieldSelector);
  return (object) => labels(object.metadata.labels) && fields(object);
}

/** What fields must be, by their paths, for an object to be selected. Throws ApiError BadRequest. */
export const equalities = ({ fieldSelector = '' }: Selectors): ReadonlyMap<string, string> =>
  new Map(
    readFieldSelector(fieldSelector)
      .filter(({ equal }) => equal)
      .map(({ path, value }) => [path.join('.'), value]),
  );
