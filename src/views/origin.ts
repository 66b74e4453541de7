import { syncAnnotations } from '../api/annotations.ts';
import type { AnyObject } from '../api/objects.ts';
import type { Lookup } from './lookup.ts';

/** Where an object comes from. */
export interface Origin {
  /** The Sync that applies it, as namespace/name. */
  sync: string;
  /** The Sync no longer exists. */
  isGone: boolean;
  /** The revision that changed it last. */
  revision?: string | undefined;
  /** Its file in the source. */
  path?: string | undefined;
}

/** Returns undefined for an object that no Sync applies. */
export async function readOrigin(lookup: Lookup, { metadata }: AnyObject): Promise<Origin | undefined> {
  const { annotations = {} } = metadata;
  const sync = annotations[syncAnnotations.sync];
  if (sync === undefined) return undefined;
  const [namespace, name] = sync.split('/');
  return {
    sync,
    isGone:
      namespace !== undefined &&
      name !== undefined &&
      (await lookup.find('Sync', { namespace, name })) === undefined,
    revision: annotations[syncAnnotations.revision],
    path: annotations[syncAnnotations.path],
  };
}
