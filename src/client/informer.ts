import { isApiError } from '../api/errors.ts';
import { type Kind, type Kinds, keyText } from '../api/objects.ts';
import { type Clock, sleep } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Resources, WatchEvent } from './resources.ts';

export interface Handler<T> {
  added(object: T): void;
  updated(before: T, now: T): void;
  deleted(last: T): void;
}

export interface InformerDeps {
  resources: Resources;
  clock: Clock;
  log: Log;
}

const retryAfter = 1_000;

/**
 * A cache of all objects of a kind: lists once, then watches. If the watch cannot continue, it lists again and emits
 * the differences. So the final state is never missed, but intermediate states may be.
 */
export class Informer<K extends Kind> {
  /** Resolves after the first list. */
  readonly synced: Promise<void>;
  readonly #kind: K;
  readonly #deps: InformerDeps;
  readonly #objects = new Map<string, Kinds[K]>();
  readonly #handlers: Handler<Kinds[K]>[] = [];
  readonly #indexes = new Map<
    string,
    { of: (object: Kinds[K]) => readonly string[]; keys: Map<string, Set<string>> }
  >();
  /**
   * The version up to which list and watch are complete: an object up to this version that is not in the cache does not
   * exist.
   */
  #seen = '';
  #onSynced = (): void => {};

  constructor(kind: K, deps: InformerDeps) {
    this.#kind = kind;
    this.#deps = deps;
    this.synced = new Promise((resolve) => {
      this.#onSynced = resolve;
    });
  }

  /** Call before start. */
  addIndex(name: string, of: (object: Kinds[K]) => readonly string[]): void {
    this.#indexes.set(name, { of, keys: new Map() });
  }

  addHandler(handler: Handler<Kinds[K]>): void {
    this.#handlers.push(handler);
  }

  /** The key is `namespace/name`, or the name of a cluster-scoped object. */
  get(key: string): Kinds[K] | undefined {
    return this.#objects.get(key);
  }

  list(): Kinds[K][] {
    return [...this.#objects.values()];
  }

  byIndex(name: string, value: string): Kinds[K][] {
    const keys = this.#indexes.get(name)?.keys.get(value) ?? [];
    return [...keys].flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Adds the result of an own write, unless something newer is known. */
  observeWrite(object: Kinds[K]): void {
    // A late result must not bring back an object that was deleted since.
    if (this.#objects.has(keyText(object.metadata)) || newer(object.metadata.resourceVersion, this.#seen))
      this.#put(object);
  }

  start(signal: AbortSignal): void {
    void this.#run(signal);
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#list();
        this.#onSynced();
        await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isApiError(error, 'Expired')) continue;
        this.#deps.log.warn({ err: error, kind: this.#kind }, 'a watch was lost; listing again');
        await sleep(this.#deps.clock, retryAfter, signal);
      }
    }
  }

  async #list(): Promise<void> {
    const { items, metadata } = await this.#deps.resources.list(this.#kind);
    const found = new Set<string>();
    for (const object of items) {
      found.add(keyText(object.metadata));
      this.#put(object);
    }
    for (const [key, object] of this.#objects) {
      if (!found.has(key) && newer(metadata.resourceVersion, object.metadata.resourceVersion))
        this.#remove(key);
    }
    this.#seen = metadata.resourceVersion;
  }

  /** Returns when the server ends the watch; the next watch continues from the last version. */
  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const before = this.#seen;
      const options = { resourceVersion: before, allowWatchBookmarks: true, signal };
      const events: AsyncIterable<WatchEvent<Kinds[K]>> = this.#deps.resources.watch(this.#kind, options);
      for await (const event of events) {
        if (event.type === 'DELETED') this.#delete(event.object);
        else if (event.type !== 'BOOKMARK') this.#put(event.object);
        this.#seen = event.object.metadata.resourceVersion;
      }
      // Waits, so that a server that ends every watch immediately is not called in a loop.
      if (this.#seen === before) await sleep(this.#deps.clock, retryAfter, signal);
    }
  }

  #put(object: Kinds[K]): void {
    const key = keyText(object.metadata);
    const known = this.#objects.get(key);
    if (known !== undefined && !newer(object.metadata.resourceVersion, known.metadata.resourceVersion))
      return;
    // The name was reused for another object, and the deletion of the first one was missed.
    if (known !== undefined && known.metadata.uid !== object.metadata.uid) this.#remove(key);
    const before = this.#objects.get(key);
    this.#index(key, before, object);
    this.#objects.set(key, object);
    for (const handler of this.#handlers) {
      if (before === undefined) handler.added(object);
      else handler.updated(before, object);
    }
  }

  /** Keeps a newer object with the same name. */
  #delete(last: Kinds[K]): void {
    const key = keyText(last.metadata);
    if (this.#objects.get(key)?.metadata.uid === last.metadata.uid) this.#remove(key);
  }

  #remove(key: string): void {
    const last = this.#objects.get(key);
    if (last === undefined) return;
    this.#index(key, last, undefined);
    this.#objects.delete(key);
    for (const handler of this.#handlers) handler.deleted(last);
  }

  #index(key: string, before: Kinds[K] | undefined, now: Kinds[K] | undefined): void {
    for (const { of, keys } of this.#indexes.values()) {
      for (const value of before === undefined ? [] : of(before)) {
        const set = keys.get(value);
        set?.delete(key);
        if (set?.size === 0) keys.delete(value);
      }
      for (const value of now === undefined ? [] : of(now)) {
        const set = keys.get(value) ?? new Set();
        keys.set(value, set.add(key));
      }
    }
  }
}

/** resourceVersions are decimal counts of the store's writes (KEP-5504 makes them comparable in Kubernetes too). */
const newer = (a: string, b: string): boolean => a.length > b.length || (a.length === b.length && a > b);
