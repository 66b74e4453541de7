import { ApiError } from '../api/errors.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { ObjectKey } from '../api/objects.ts';
import { withDefaults } from '../api/shape.ts';
import { type Store, StoreError } from '../store/store.ts';
import { type AnyResource, decodeRow, encode, prefixOf, revisionOf, storeKey } from './object.ts';

/** Called after an object was written or removed, to do what follows from it. */
export interface Followers {
  written(key: string, object: AnyResource): void;
  removed(key: string, object: AnyResource): void;
}

/** A cache of this many objects, those read or written last. Larger objects than mostCharacters are not cached. */
const remembered = 2_000;
const mostCharacters = 16_384;

/**
 * Objects in the store. Writes are compare-and-swap, and the caller handles the store's StoreError Conflict. Returned
 * objects are shared and must not be changed.
 */
export class Records {
  readonly owners = new OwnerIndex();
  readonly store: Store;
  #followers: Followers | undefined;
  /** The cache by key, with the most recently used last. A key that is being written is not in it. */
  readonly #recent = new Map<string, AnyResource>();
  /** For each key the newest pending read, unless a write has overtaken it. */
  readonly #reads = new Map<string, object>();

  constructor(store: Store) {
    this.store = store;
  }

  /**
   * Reads all objects once. Builds the index of owners, fills in defaults that are newer than an object, and calls
   * `followers` for each object, so that they finish what the last process left undone.
   */
  async start(infos: readonly KindInfo[], followers: Followers): Promise<void> {
    const objects: [string, AnyResource][] = [];
    for (const info of infos) {
      const { rows } = await this.store.list(prefixOf(info));
      for (const row of rows) {
        const object = decodeRow(row);
        const whole = withDefaults(info.schema, object);
        objects.push([row.key, whole === object ? object : await this.write(info, whole, object)]);
      }
    }
    for (const [key, object] of objects) this.owners.set(key, object);
    this.#followers = followers;
    for (const [key, object] of objects) followers.written(key, object);
  }

  async read(info: KindInfo, key: ObjectKey): Promise<AnyResource | undefined> {
    const at = storeKey(info, key);
    const known = this.#recent.get(at);
    if (known !== undefined) {
      this.#recent.delete(at);
      this.#recent.set(at, known);
      return known;
    }
    const read = {};
    this.#reads.set(at, read);
    const row = await this.store.get(at);
    const isNewest = this.#reads.get(at) === read;
    if (isNewest) this.#reads.delete(at);
    const object = row === undefined ? undefined : decodeRow(row);
    if (isNewest && row !== undefined && object !== undefined) this.#remember(at, object, row.value);
    return object;
  }

  /** Returns the object at this revision if it is in the cache. */
  at(key: string, revision: number): AnyResource | undefined {
    const known = this.#recent.get(key);
    return known !== undefined && revisionOf(known) === revision ? known : undefined;
  }

  /** Replaces `before`, or creates the object. Returns it with its new resourceVersion. */
  async write(info: KindInfo, object: AnyResource, before: AnyResource | undefined): Promise<AnyResource> {
    const key = storeKey(info, object.metadata);
    const expected = before === undefined ? 0 : revisionOf(before);
    const text = encode(object);
    this.#forget(key);
    const revision = await this.store.put(key, text, expected).catch(rethrown);
    const written = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    this.#forget(key);
    this.#remember(key, written, text);
    this.owners.set(key, written);
    this.#followers?.written(key, written);
    return written;
  }

  /** Returns the object with the revision of its removal. */
  async remove(info: KindInfo, object: AnyResource): Promise<AnyResource> {
    const key = storeKey(info, object.metadata);
    this.#forget(key);
    const revision = await this.store.delete(key, revisionOf(object)).catch(rethrown);
    const removed = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    this.#forget(key);
    this.owners.delete(key, removed);
    this.#followers?.removed(key, removed);
    return removed;
  }

  #remember(key: string, object: AnyResource, text: string): void {
    if (text.length > mostCharacters) return;
    this.#recent.set(key, object);
    if (this.#recent.size <= remembered) return;
    for (const oldest of this.#recent.keys()) {
      this.#recent.delete(oldest);
      return;
    }
  }

  /** Removes the key from the cache, and makes sure that a pending read does not add an old value. */
  #forget(key: string): void {
    this.#recent.delete(key);
    this.#reads.delete(key);
  }
}

function rethrown(error: unknown): never {
  if (error instanceof StoreError && error.code === 'Full') {
    throw new ApiError(
      'InternalError',
      'nothing was written, because the disk with the state folder is full: free some space and try again',
      { cause: error },
    );
  }
  throw error;
}

/**
 * Repeats a read-change-write until no other write came in between. `attempt` must throw another error for what must
 * not be retried.
 */
export async function retried<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof StoreError && error.code === 'Conflict')) throw error;
    }
  }
}

/** Which objects exist, and which depend on which, by uid. Garbage collection uses it. Updated at every write. */
export class OwnerIndex {
  readonly #keys = new Map<string, string>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #owners = new Map<string, readonly string[]>();

  set(key: string, { metadata }: AnyResource): void {
    this.#keys.set(metadata.uid, key);
    this.#unlink(key);
    const owners = (metadata.ownerReferences ?? []).map(({ uid }) => uid);
    if (owners.length === 0) return;
    this.#owners.set(key, owners);
    for (const uid of owners) {
      const dependents = this.#dependents.get(uid);
      if (dependents === undefined) this.#dependents.set(uid, new Set([key]));
      else dependents.add(key);
    }
  }

  delete(key: string, { metadata }: AnyResource): void {
    this.#keys.delete(metadata.uid);
    this.#unlink(key);
  }

  exists(uid: string): boolean {
    return this.#keys.has(uid);
  }

  keyOf(uid: string): string | undefined {
    return this.#keys.get(uid);
  }

  /** Returns the keys of the objects that name this uid as an owner. */
  dependents(uid: string): string[] {
    return [...(this.#dependents.get(uid) ?? [])];
  }

  #unlink(key: string): void {
    for (const uid of this.#owners.get(key) ?? []) {
      const dependents = this.#dependents.get(uid);
      dependents?.delete(key);
      if (dependents?.size === 0) this.#dependents.delete(uid);
    }
    this.#owners.delete(key);
  }
}
