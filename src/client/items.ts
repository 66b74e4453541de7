import type { KindInfo } from '../api/kinds.ts';
import type { AnyObject } from '../api/objects.ts';

/** The objects of a list. On Kubernetes' wire a list names their kind once, and each of them does not. */
export const itemsOf = (info: KindInfo, { items }: { items: readonly AnyObject[] }): AnyObject[] =>
  items.map((item) => ({ ...item, apiVersion: info.apiVersion, kind: info.kind }) as AnyObject); // of that kind
