import type { VirtualKind } from './kinds.ts';
import type { Kinds, ObjectKey } from './objects.ts';

export type VirtualObject = Kinds[VirtualKind];
export type VirtualChange = 'ADDED' | 'MODIFIED' | 'DELETED';

/** The last object of a page. */
export interface Position {
  uid: string;
  /** Its creationTimestamp, in milliseconds. */
  createdAt: number;
}

/**
 * Objects that the API serves but the store does not have. An object's resourceVersion is the revision of its last
 * change. Listeners are called synchronously, so `get`, `list` and the listeners always agree.
 */
export interface VirtualKinds {
  get(kind: VirtualKind, key: ObjectKey): VirtualObject | undefined;
  /**
   * Lists objects, newest first, from all namespaces if none is given. `after` continues behind that object, or behind
   * its creation time if it is gone. `fields` are required texts by field path, such as `spec.conversation`. It is a
   * hint that saves reads: other objects may be returned too. Objects may be read lazily, so iterate at once, before
   * anything else happens.
   */
  list(
    kind: VirtualKind,
    namespace?: string,
    after?: Position,
    fields?: ReadonlyMap<string, string>,
  ): Iterable<VirtualObject>;
  /**
   * Returns the revision of the last change to any of these kinds. It grows with each change and never falls, not even
   * over a restart.
   */
  revision(): number;
  /**
   * Calls the listener at each change. A deleted object has its last state, with the revision of its deletion. Returns
   * a function that ends the calls.
   */
  onChange(listener: (kind: VirtualKind, type: VirtualChange, object: VirtualObject) => void): () => void;
}

/** Returns the objects behind `after`, as in `list`. */
export function following<T extends VirtualObject>(all: readonly T[], after?: Position): readonly T[] {
  if (after === undefined) return all;
  const found = all.findIndex(({ metadata }) => metadata.uid === after.uid);
  if (found !== -1) return all.slice(found + 1);
  const older = all.findIndex(({ metadata }) => Date.parse(metadata.creationTimestamp) < after.createdAt);
  return older === -1 ? [] : all.slice(older);
}
