import { ApiError } from '../api/errors.ts';
import { type KindInfo, kindInfo, kinds } from '../api/kinds.ts';
import type { Kind, ObjectKey } from '../api/objects.ts';
import type { List, Patch } from '../api/requests.ts';
import { parseTime } from '../api/time.ts';
import { type Clock, TimeSlice } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Log } from '../platform/log.ts';
import { type Store, StoreError } from '../store/store.ts';
import { remove, removeCollection } from './delete-object.ts';
import { Collector } from './garbage-collector.ts';
import { list, type ResourceEvent, watch } from './list-watch.ts';
import {
  type AnyResource,
  decodeRow,
  prefixOf,
  type RegistryDeleteOptions,
  type RegistryListOptions,
  type RegistryWatchOptions,
  type RegistryWriteOptions,
} from './object.ts';
import { Records } from './records.ts';
import { type Context, defaultNamespace } from './registry-context.ts';
import { patchScale, readScale, type Scale, updateScale } from './scale-subresource.ts';
import { apply } from './server-side-apply.ts';
import { notFound, readOnly } from './status-errors.ts';
import { create, patchInPlace, update } from './write-object.ts';

/**
 * The operations of an API server on objects, by Kubernetes' API conventions, over a Store. Every failure is an
 * ApiError. Bodies are what a client sent, not yet validated. `key` is what the request's URL says. The body supplies
 * what it leaves out.
 */
export interface Registry {
  get(kind: Kind, key: ObjectKey): Promise<AnyResource>;
  list(kind: Kind, options?: RegistryListOptions): Promise<List<AnyResource>>;
  watch(kind: Kind, options: RegistryWatchOptions): AsyncGenerator<ResourceEvent>;
  create(
    kind: Kind,
    key: Partial<ObjectKey>,
    body: unknown,
    options?: RegistryWriteOptions,
  ): Promise<AnyResource>;
  update(kind: Kind, key: ObjectKey, body: unknown, options?: RegistryWriteOptions): Promise<AnyResource>;
  /** Not for `scale`: see patchScale. */
  patch(kind: Kind, key: ObjectKey, patch: Patch, options?: RegistryWriteOptions): Promise<AnyResource>;
  /** Returns the object's last state, or the object with its deletionTimestamp if something keeps it. */
  delete(kind: Kind, key: ObjectKey, options?: RegistryDeleteOptions): Promise<AnyResource>;
  deleteCollection(
    kind: Kind,
    listOptions: RegistryListOptions,
    options?: RegistryDeleteOptions,
  ): Promise<List<AnyResource>>;
  scale(kind: Kind, key: ObjectKey): Promise<Scale>;
  updateScale(kind: Kind, key: ObjectKey, body: unknown, options?: RegistryWriteOptions): Promise<Scale>;
  patchScale(kind: Kind, key: ObjectKey, patch: Patch, options?: RegistryWriteOptions): Promise<Scale>;
  /**
   * Removes Events that were last seen over an hour before `now`. Keeps at most the newest `most` of each namespace,
   * 5,000 by default.
   */
  expireEvents(now: number, most?: number): Promise<void>;
  /** Resolves when everything that follows from the writes so far is done: dependents deleted, namespaces emptied. */
  settled(): Promise<void>;
  /** Stops all retries. Does not close the store, which belongs to the caller. */
  close(): void;
}

/**
 * Creates the namespace `default` if it is missing, and finishes interrupted deletions. A new object of a kind in
 * `finalizers` is created with that finalizer, so that its controller need not add it.
 */
export async function createRegistry(parts: {
  store: Store;
  clock: Clock;
  ids: Ids;
  log: Log;
  finalizers?: Partial<Record<Kind, string>>;
}): Promise<Registry> {
  const { store, clock, ids, log, finalizers = {} } = parts;
  const records = new Records(store);
  const context: Context = { records, clock, ids, log, slice: new TimeSlice(), finalizers };
  const collector = new Collector(context);
  await records.start(
    kinds.filter(({ stored }) => stored),
    collector,
  );
  const namespaces = kindInfo('Namespace');
  if ((await records.read(namespaces, { name: defaultNamespace })) === undefined)
    await create(context, namespaces, { name: defaultNamespace }, {}, { fieldManager: 'agentctl' });

  return {
    async get(kind, key) {
      const object = await records.read(readable(kind), key);
      if (object === undefined) throw notFound(kindInfo(kind), key.name);
      return object;
    },
    list: async (kind, options = {}) => list(records, readable(kind), options),
    watch: (kind, options) => watch(records, clock, readable(kind), options),
    create: async (kind, key, body, options = {}) => create(context, writable(kind), key, body, options),
    update: async (kind, key, body, options = {}) =>
      update(context, withSubresource(kind, options), key, body, options),
    async patch(kind, key, patch, options = {}) {
      const info = withSubresource(kind, options);
      return patch.type === 'apply'
        ? apply(context, info, key, patch.body, options)
        : patchInPlace(context, info, key, patch, options);
    },
    delete: async (kind, key, options = {}) => remove(context, writable(kind), key, options),
    deleteCollection: async (kind, listOptions, options = {}) =>
      removeCollection(context, writable(kind), listOptions, options),
    scale: async (kind, key) => readScale(context, scalable(kind), key),
    updateScale: async (kind, key, body, options = {}) =>
      updateScale(context, scalable(kind), key, body, options),
    patchScale: async (kind, key, patch, options = {}) =>
      patchScale(context, scalable(kind), key, patch, options),
    expireEvents: (now, most) => expireEvents(records, now, most),
    settled: () => collector.settled(),
    close: () => collector.close(),
  };
}

const noSuchResource = (): ApiError =>
  new ApiError('NotFound', 'the server could not find the requested resource');

/** withVirtual serves the kinds that are not in the store. */
function readable(kind: Kind): KindInfo {
  const info = kindInfo(kind);
  if (!info.stored) throw noSuchResource();
  return info;
}

function writable(kind: Kind): KindInfo {
  const info = kindInfo(kind);
  if (!info.stored) throw readOnly(info);
  return info;
}

function withSubresource(kind: Kind, { subresource }: RegistryWriteOptions): KindInfo {
  const info = writable(kind);
  if (subresource === 'status' && !info.subresources.status) throw noSuchResource();
  return info;
}

function scalable(kind: Kind): KindInfo {
  const info = writable(kind);
  if (info.subresources.scale === undefined) throw noSuchResource();
  return info;
}

/** Like kube-apiserver's --event-ttl. */
const lifetime = 60 * 60 * 1000;

/** Limit for a namespace. A busy fleet records far more Events within an hour. */
const mostEvents = 5_000;

function lastSeen({ metadata, lastTimestamp, eventTime }: AnyResource): number {
  const times = [lastTimestamp, eventTime, metadata.creationTimestamp].map((time) =>
    typeof time === 'string' ? (parseTime(time) ?? 0) : 0,
  );
  return Math.max(...times);
}

/** Removes Events that were last seen over an hour ago, and all but the newest `most` of each namespace. */
async function expireEvents(records: Records, now: number, most = mostEvents): Promise<void> {
  const info = kindInfo('Event');
  const { rows } = await records.store.list(prefixOf(info));
  const events = rows.map((row) => {
    const event = decodeRow(row);
    return { event, seen: lastSeen(event), revision: row.modRevision };
  });
  const old = [...Map.groupBy(events, ({ event }) => event.metadata.namespace).values()].flatMap((all) =>
    all
      .toSorted((one, other) => other.seen - one.seen || other.revision - one.revision)
      .filter(({ seen }, place) => place >= most || now - seen > lifetime),
  );
  await Promise.all(old.map(({ event }) => records.remove(info, event).catch(seenAgain)));
}

/** Ignores an Event that was updated meanwhile, or is gone already. */
function seenAgain(error: unknown): void {
  if (!(error instanceof StoreError && error.code === 'Conflict')) throw error;
}
