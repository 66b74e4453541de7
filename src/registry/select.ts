import { parseFieldSelector, parseLabelSelector } from '../api/selector.ts';
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
