import { withDefaults } from '../api/defaults.ts';
import { ApiError } from '../api/errors.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { ObjectKey } from '../api/objects.ts';
import { type Store, StoreError } from '../store/store.ts';
import { type AnyResource, decodeRow, encode, prefixOf, revisionOf, storeKey } from './object.ts';
import { OwnerIndex } from './owners.ts';

/** Called after an object was written or removed, so that what follows from it is done. */
export interface Followers {
  written(key: string, object: AnyResource): void;
  removed(key: string, object: AnyResource): void;
}

/** Objects that were read or written last, and need not be read again; each of so many characters at most. */
const remembered = 2_000;
const mostCharacters = 16_384;

/**
 * Objects in the store. Writes are compare and swap; the store's StoreError Conflict is for the caller. Nobody changes
 * an object that it hands out: it is the same one for all.
 */
export class Records {
  readonly owners = new OwnerIndex();
  readonly store: Store;
  #followers: Followers | undefined;
  /** By key, those used last at the end. A key that is being written is not in it. */
  readonly #recent = new Map<string, AnyResource>();
  /** The newest read of each key that is under way, and that no write has overtaken. */
  readonly #reads = new Map<string, object>();

  constructor(store: Store) {
    this.store = store;
  }

  /**
   * Reads all objects once: for the index of owners; to fill in defaults that are newer than an object; and so that
   * whoever follows finishes what the last process left undone.
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

  /** The object at that revision, where it is at hand. */
  at(key: string, revision: number): AnyResource | undefined {
    const known = this.#recent.get(key);
    return known !== undefined && revisionOf(known) === revision ? known : undefined;
  }

  /** In place of `before`, or anew. Answers the object with its new resourceVersion. */
  async write(info: KindInfo, object: AnyResource, before: AnyResource | undefined): Promise<AnyResource> {
    const key = storeKey(info, object.metadata);
    const expected = before === undefined ? 0 : revisionOf(before);
    const text = encode(object);
    this.#forget(key);
    const revision = await this.store.put(key, text, expected).catch(told);
    const written = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    this.#forget(key);
    this.#remember(key, written, text);
    this.owners.set(key, written);
    this.#followers?.written(key, written);
    return written;
  }

  /** Answers the object with the revision of its removal. */
  async remove(info: KindInfo, object: AnyResource): Promise<AnyResource> {
    const key = storeKey(info, object.metadata);
    this.#forget(key);
    const revision = await this.store.delete(key, revisionOf(object)).catch(told);
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

  /** What is read of it by now may be old. */
  #forget(key: string): void {
    this.#recent.delete(key);
    this.#reads.delete(key);
  }
}

function told(error: unknown): never {
  if (error instanceof StoreError && error.reason === 'Full') {
    throw new ApiError(
      'InternalError',
      'nothing was written, because the disk with the state folder is full: free some space and try again',
      { cause: error },
    );
  }
  throw error;
}

/** Runs a read-change-write until no other write came in between; `attempt` itself refuses what must not be retried. */
export async function retried<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof StoreError && error.reason === 'Conflict')) throw error;
    }
  }
}
