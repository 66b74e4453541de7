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

/** Objects in the store. Writes are compare and swap; the store's StoreError Conflict is for the caller. */
export class Records {
  readonly owners = new OwnerIndex();
  readonly store: Store;
  #followers: Followers | undefined;

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
    const row = await this.store.get(storeKey(info, key));
    return row === undefined ? undefined : decodeRow(row);
  }

  /** In place of `before`, or anew. Answers the object with its new resourceVersion. */
  async write(info: KindInfo, object: AnyResource, before: AnyResource | undefined): Promise<AnyResource> {
    const key = storeKey(info, object.metadata);
    const expected = before === undefined ? 0 : revisionOf(before);
    const revision = await this.store.put(key, encode(object), expected).catch(told);
    const written = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    this.owners.set(key, written);
    this.#followers?.written(key, written);
    return written;
  }

  /** Answers the object with the revision of its removal. */
  async remove(info: KindInfo, object: AnyResource): Promise<AnyResource> {
    const key = storeKey(info, object.metadata);
    const revision = await this.store.delete(key, revisionOf(object)).catch(told);
    const removed = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    this.owners.delete(key, removed);
    this.#followers?.removed(key, removed);
    return removed;
  }
}

function told(error: unknown): never {
  if (error instanceof StoreError && error.reason === 'Full') {
    throw new ApiError(
      'InternalError',
      'nothing was written: the disk that holds the state folder is full; free some space and try again',
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
