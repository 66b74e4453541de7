import { type Kind, type Kinds, keyOf } from '../api/objects.ts';
import type { AnyResource } from '../registry/object.ts';
import type { Registry } from '../registry/registry.ts';
import type { List, Resources, WatchEvent, WriteOptions } from './resources.ts';

/**
 * A client in the registry's own process. `fieldManager` is who writes, unless a call says otherwise. What goes in is
 * copied as JSON, as it would be on its way over HTTP: the caller may go on to change it.
 */
export function localResources(registry: Registry, { fieldManager }: { fieldManager: string }): Resources {
  const asWriter = <T extends WriteOptions>(options: T | undefined): T & WriteOptions =>
    ({ fieldManager, ...options }) as T & WriteOptions; // the same options and a manager
  return {
    get: async (kind, key) => typed(kind, await registry.get(kind, key)),
    list: async (kind, options) => typedList(kind, await registry.list(kind, options)),
    watch: (kind, options) => typedEvents(kind, registry.watch(kind, options)),
    create: async (kind, object, options) =>
      typed(kind, await registry.create(kind, {}, copy(object), asWriter(options))),
    update: async (kind, object, options) =>
      typed(kind, await registry.update(kind, keyOf(object), copy(object), asWriter(options))),
    async patch(kind, key, patch, options) {
      const { subresource } = options ?? {};
      const copied = copy(patch);
      if (subresource !== 'scale')
        return typed(kind, await registry.patch(kind, key, copied, asWriter(options)));
      await registry.patchScale(kind, key, copied, asWriter(options));
      return typed(kind, await registry.get(kind, key));
    },
    delete: async (kind, key, options) => typed(kind, await registry.delete(kind, key, options)),
  };
}

const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value));

/** The registry lets only objects of the kind's schema in, and the types are written from the same schema. */
const typed = <K extends Kind>(_kind: K, object: AnyResource): Kinds[K] => object as unknown as Kinds[K];

const typedList = <K extends Kind>(_kind: K, list: List<AnyResource>): List<Kinds[K]> =>
  list as unknown as List<Kinds[K]>; // as above

async function* typedEvents<K extends Kind>(
  _kind: K,
  events: AsyncIterable<WatchEvent<AnyResource>>,
): AsyncGenerator<WatchEvent<Kinds[K]>> {
  yield* events as AsyncIterable<unknown> as AsyncIterable<WatchEvent<Kinds[K]>>; // as above
}
