import type { VirtualKind } from './kinds.ts';
import type { Kinds, ObjectKey } from './objects.ts';

export type VirtualObject = Kinds[VirtualKind];
export type VirtualChange = 'ADDED' | 'MODIFIED' | 'DELETED';

/** Of the object that a page has ended with. */
export interface Position {
  uid: string;
  /** Its creationTimestamp, in milliseconds. */
  createdAt: number;
}

/**
 * Objects that are read over the API, and kept elsewhere than in the store. An object's resourceVersion is the revision
 * of its last change. All is told at once: what a listener has been told, get and list show, and the other way round.
 */
export interface VirtualKinds {
  get(kind: VirtualKind, key: ObjectKey): VirtualObject | undefined;
  /**
   * The newest first, from all namespaces where none is given; those that follow this one, or are older than it where it
   * is gone. `fields`: texts that fields must be, by their paths, as in `spec.conversation`; what is otherwise need not be
   * read, and may be there. Many are read only as they are taken: whoever takes them does so at once, before anything
   * else happens.
   */
  list(
    kind: VirtualKind,
    namespace?: string,
    after?: Position,
    fields?: ReadonlyMap<string, string>,
  ): Iterable<VirtualObject>;
  /** Of the last change, over all these kinds. It grows with each change, and never falls, not over a restart either. */
  revision(): number;
  /** A deletion's object is as it last was, with the revision of its deletion. Answers how to end it. */
  onChange(listener: (kind: VirtualKind, type: VirtualChange, object: VirtualObject) => void): () => void;
}

/** As `list` has it, of all of them. */
export function following<T extends VirtualObject>(all: readonly T[], after?: Position): readonly T[] {
  if (after === undefined) return all;
  const found = all.findIndex(({ metadata }) => metadata.uid === after.uid);
  if (found !== -1) return all.slice(found + 1);
  const older = all.findIndex(({ metadata }) => Date.parse(metadata.creationTimestamp) < after.createdAt);
  return older === -1 ? [] : all.slice(older);
}
