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

export interface InformerParts {
  resources: Resources;
  clock: Clock;
  log: Log;
}

const retryAfter = 1_000;
const rememberedDeletions = 1_000;

/**
 * A cache of all objects of a kind: listed once, then watched. When the watch cannot go on it lists again and tells
 * the differences, so the final state is never lost; states in between may be.
 */
export class Informer<K extends Kind> {
  /** Resolves after the first list. */
  readonly synced: Promise<void>;
  readonly #kind: K;
  readonly #parts: InformerParts;
  readonly #objects = new Map<string, Kinds[K]>();
  readonly #handlers: Handler<Kinds[K]>[] = [];
  readonly #indexes = new Map<
    string,
    { of: (object: Kinds[K]) => readonly string[]; keys: Map<string, Set<string>> }
  >();
  /** The versions at which the newest deletions happened: an older answer must not bring an object back. */
  readonly #deleted = new Map<string, string>();
  #onSynced = (): void => {};

  constructor(kind: K, parts: InformerParts) {
    this.#kind = kind;
    this.#parts = parts;
    this.synced = new Promise((resolve) => {
      this.#onSynced = resolve;
    });
  }

  /** To be called before start. */
  addIndex(name: string, of: (object: Kinds[K]) => readonly string[]): void {
    this.#indexes.set(name, { of, keys: new Map() });
  }

  addHandler(handler: Handler<Kinds[K]>): void {
    this.#handlers.push(handler);
  }

  /** `namespace/name`, or the name of a cluster-scoped object. */
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

  /** Takes in the answer of a write of one's own, unless something newer is known. */
  observeWrite(object: Kinds[K]): void {
    this.#put(object);
  }

  start(signal: AbortSignal): void {
    void this.#run(signal);
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const from = await this.#list();
        this.#onSynced();
        await this.#watch(from, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isApiError(error, 'Expired')) continue;
        this.#parts.log.warn({ err: error, kind: this.#kind }, 'a watch was lost; listing again');
        await sleep(this.#parts.clock, retryAfter, signal);
      }
    }
  }

  async #list(): Promise<string> {
    const { items, metadata } = await this.#parts.resources.list(this.#kind);
    const found = new Set<string>();
    for (const object of items) {
      found.add(keyText(object.metadata));
      this.#put(object);
    }
    for (const [key, object] of this.#objects) {
      if (!found.has(key) && newer(metadata.resourceVersion, object.metadata.resourceVersion))
        this.#remove(key);
    }
    return metadata.resourceVersion;
  }

  /** Ends when the server ends the watch: it goes on from the last version that was seen. */
  async #watch(from: string, signal: AbortSignal): Promise<void> {
    for (let version = from; !signal.aborted; ) {
      const options = { resourceVersion: version, allowWatchBookmarks: true, signal };
      const events: AsyncIterable<WatchEvent<Kinds[K]>> = this.#parts.resources.watch(this.#kind, options);
      for await (const event of events) {
        version = event.object.metadata.resourceVersion;
        if (event.type === 'BOOKMARK') continue;
        if (event.type === 'DELETED') this.#delete(event.object);
        else this.#put(event.object);
      }
    }
  }

  #put(object: Kinds[K]): void {
    const key = keyText(object.metadata);
    const before = this.#objects.get(key);
    if (before !== undefined && !newer(object.metadata.resourceVersion, before.metadata.resourceVersion))
      return;
    if (before === undefined && !newer(object.metadata.resourceVersion, this.#deleted.get(key) ?? '')) return;
    this.#index(key, before, object);
    this.#objects.set(key, object);
    for (const handler of this.#handlers) {
      if (before === undefined) handler.added(object);
      else handler.updated(before, object);
    }
  }

  /** A name that was given anew since then stays. */
  #delete(last: Kinds[K]): void {
    const key = keyText(last.metadata);
    this.#deleted.delete(key);
    this.#deleted.set(key, last.metadata.resourceVersion);
    const oldest = this.#deleted.size > rememberedDeletions ? this.#deleted.keys().next() : undefined;
    if (oldest?.done === false) this.#deleted.delete(oldest.value);
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
