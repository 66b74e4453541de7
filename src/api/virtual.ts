import type { VirtualKind } from './kinds.ts';
import type { Kinds, ObjectKey } from './objects.ts';

export type VirtualObject = Kinds[VirtualKind];
export type VirtualChange = 'ADDED' | 'MODIFIED' | 'DELETED';

/**
 * Objects that are read over the API, and kept elsewhere than in the store. An object's resourceVersion is the revision
 * of its last change. All is told at once: what a listener has been told, get and list show, and the other way round.
 */
export interface VirtualKinds {
  get(kind: VirtualKind, key: ObjectKey): VirtualObject | undefined;
  /** The newest first. Without a namespace: of all. */
  list(kind: VirtualKind, namespace?: string): readonly VirtualObject[];
  /** Of the last change, over all these kinds. It grows with each change, and never falls, not over a restart either. */
  revision(): number;
  /** A deletion's object is as it last was, with the revision of its deletion. Answers how to end it. */
  onChange(listener: (kind: VirtualKind, type: VirtualChange, object: VirtualObject) => void): () => void;
}
