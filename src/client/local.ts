import { type AnyObject, type Kind, type Kinds, keyOf, type New, type ObjectKey } from '../api/objects.ts';
import { TimeSlice } from '../platform/clock.ts';
import type { AnyResource, RegistryWriteOptions } from '../registry/object.ts';
import type { Registry } from '../registry/registry.ts';
import type {
  DeleteOptions,
  List,
  ListOptions,
  Patch,
  Resources,
  WatchEvent,
  WatchOptions,
} from './resources.ts';

/**
 * A client in the registry's own process. `fieldManager` is the default manager of writes. Input is copied as JSON, as
 * it would be over HTTP, so the caller may change it afterwards.
 *
 * The registry accepts only objects that match a kind's schema, and the types are generated from the same schema. That
 * justifies the casts.
 */
export class LocalClient implements Resources {
  readonly #registry: Registry;
  readonly #fieldManager: string;
  readonly #slice = new TimeSlice();

  constructor(registry: Registry, fieldManager: string) {
    this.#registry = registry;
    this.#fieldManager = fieldManager;
  }

  async get<K extends Kind>(kind: K, key: ObjectKey): Promise<Kinds[K]> {
    return typed(await this.#registry.get(kind, key));
  }

  list<K extends Kind>(kind: K, options?: ListOptions): Promise<List<Kinds[K]>> {
    return this.#registry.list(kind, options) as Promise<List<unknown>> as Promise<List<Kinds[K]>>;
  }

  watch<K extends Kind>(kind: K, options: WatchOptions): AsyncIterable<WatchEvent<Kinds[K]>> {
    const events: AsyncIterable<unknown> = this.#registry.watch(kind, options);
    return events as AsyncIterable<WatchEvent<Kinds[K]>>;
  }

  async create<K extends Kind>(
    kind: K,
    object: New<Kinds[K]>,
    options?: RegistryWriteOptions,
  ): Promise<Kinds[K]> {
    return typed(await this.#registry.create(kind, {}, copy(object), this.#by(options)));
  }

  async update<K extends Kind>(kind: K, object: Kinds[K], options?: RegistryWriteOptions): Promise<Kinds[K]> {
    const sent = options?.subresource === 'status' ? statusOf(object) : object;
    return typed(await this.#registry.update(kind, keyOf(object), copy(sent), this.#by(options)));
  }

  async patch<K extends Kind>(
    kind: K,
    key: ObjectKey,
    patch: Patch,
    options?: RegistryWriteOptions,
  ): Promise<Kinds[K]> {
    await this.#slice.next();
    const copied = copy(patch);
    if (options?.subresource !== 'scale')
      return typed(await this.#registry.patch(kind, key, copied, this.#by(options)));
    await this.#registry.patchScale(kind, key, copied, this.#by(options));
    return this.get(kind, key);
  }

  async delete<K extends Kind>(kind: K, key: ObjectKey, options?: DeleteOptions): Promise<Kinds[K]> {
    return typed(await this.#registry.delete(kind, key, options));
  }

  #by(options: RegistryWriteOptions = {}): RegistryWriteOptions {
    return { ...options, fieldManager: options.fieldManager ?? this.#fieldManager };
  }
}

const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value));

/** Returns the parts of an object that a write of its status uses. */
function statusOf(object: AnyObject): object {
  const { apiVersion, kind, metadata } = object;
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    apiVersion,
    kind,
    metadata: { name, namespace, uid, resourceVersion },
    ...('status' in object ? { status: object.status } : {}),
  };
}

const typed = <T>(object: AnyResource): T => object as unknown as T;
