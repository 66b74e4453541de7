import { isObject } from '../api/json.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { List, WatchEvent } from '../api/requests.ts';
import { parseFieldSelector, parseLabelSelector, readFieldSelector } from '../api/selector.ts';
import type { Cancel, Clock } from '../platform/clock.ts';
import type { Change, Keys, Store } from '../store/store.ts';
import { expired, requireReached, revisionFrom } from './commit.ts';
import {
  type AnyResource,
  decode,
  decodeRow,
  prefixOf,
  type RegistryListOptions,
  type RegistryWatchOptions,
  storeKey,
} from './object.ts';
import type { Records } from './records.ts';
import { badRequest } from './status-errors.ts';

export type ResourceEvent = WatchEvent<AnyResource>;

export const bookmarkInterval = 60_000;

/**
 * An object that begins to match the selectors is sent as ADDED, and one that no longer matches as DELETED. Throws
 * ApiError Expired if the changes since resourceVersion are no longer kept.
 */
export async function* watch(
  records: Records,
  clock: Clock,
  info: KindInfo,
  options: RegistryWatchOptions,
): AsyncGenerator<ResourceEvent> {
  const { signal, namespace, sendInitialEvents } = options;
  const selected = selection(options);
  const asked = revisionFrom(options.resourceVersion);
  if (asked !== undefined) requireReached(records.store, asked);
  let since = asked ?? 0;
  if (sendInitialEvents ?? asked === undefined) {
    const { labelSelector, fieldSelector } = options;
    const { items, metadata } = await list(records, info, { namespace, labelSelector, fieldSelector });
    for (const object of items) yield { type: 'ADDED', object };
    since = Number(metadata.resourceVersion);
    if (sendInitialEvents === true && options.allowWatchBookmarks === true)
      yield bookmark(info, since, { 'k8s.io/initial-events-end': 'true' });
  } else if (asked === undefined) {
    since = records.store.revision();
  }
  yield* follow(records, clock, keysOf(info, options), since, {
    selected,
    signal,
    bookmark: options.allowWatchBookmarks === true ? (revision) => bookmark(info, revision) : undefined,
  });
}

interface Following {
  selected: ((object: AnyResource) => boolean) | undefined;
  signal: AbortSignal;
  /** Absent: the client wants no bookmarks. */
  bookmark: ((revision: number) => ResourceEvent) | undefined;
}

async function* follow(
  records: Records,
  clock: Clock,
  keys: Keys,
  from: number,
  { selected, signal, bookmark }: Following,
): AsyncGenerator<ResourceEvent> {
  let since = from;
  const { store } = records;
  const ended = new AbortController(); // a consumer that stops early also ends the store's watch
  let quiet: Quiet | undefined;
  try {
    const either = AbortSignal.any([signal, ended.signal]);
    const changes = store.watch(keys, since, either)[Symbol.asyncIterator]();
    let next = changes.next();
    for (;;) {
      quiet = bookmark === undefined ? undefined : untilQuiet(store, clock);
      const result = await (quiet === undefined ? next : Promise.race([next, quiet.revision]));
      quiet?.cancel();
      if (typeof result === 'number') {
        if (bookmark !== undefined && result > since) yield bookmark(result);
        since = Math.max(since, result);
        continue;
      }
      if (result.done === true) return;
      since = result.value.revision;
      const event = eventOf(records, result.value, selected);
      if (event !== undefined) yield event;
      next = changes.next();
    }
  } catch (error) {
    throw expired(error, since, store);
  } finally {
    quiet?.cancel();
    ended.abort();
  }
}

interface Quiet {
  revision: Promise<number>;
  cancel: Cancel;
}

/**
 * Returns the revision that a watch has reached when it has waited long enough for a change. This is the store's
 * revision at the beginning of the wait: all changes up to it have been sent.
 */
function untilQuiet(store: Store, clock: Clock): Quiet {
  const { promise: revision, resolve } = Promise.withResolvers<number>();
  const begun = store.revision();
  return { revision, cancel: clock.after(bookmarkInterval, () => resolve(begun)) };
}

function eventOf(
  records: Records,
  change: Change,
  selected: ((object: AnyResource) => boolean) | undefined,
): ResourceEvent | undefined {
  const object = records.at(change.key, change.revision) ?? decode(change.value, change.revision);
  if (selected === undefined) {
    const type = change.type === 'Delete' ? 'DELETED' : change.previous === undefined ? 'ADDED' : 'MODIFIED';
    return { type, object };
  }
  if (change.type === 'Delete') return selected(object) ? { type: 'DELETED', object } : undefined;
  const before = change.previous === undefined ? undefined : decode(change.previous, change.revision);
  const [was, is] = [before !== undefined && selected(before), selected(object)];
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object };
  return was && before !== undefined ? { type: 'DELETED', object: before } : undefined;
}

export function bookmark(
  { apiVersion, kind }: KindInfo,
  revision: number,
  annotations?: Record<string, string>,
): ResourceEvent {
  const metadata = { resourceVersion: String(revision), creationTimestamp: null };
  const object = {
    kind,
    apiVersion,
    metadata: annotations === undefined ? metadata : { ...metadata, annotations },
  };
  return { type: 'BOOKMARK', object };
}

/** The start of the next page: after this key, at this revision. */
interface Page {
  revision: number;
  after: string;
}

const version = 'meta.k8s.io/v1';

const writePage = ({ revision, after }: Page): string =>
  Buffer.from(JSON.stringify({ v: version, rv: revision, start: after })).toString('base64url');

function readPage(token: string): Page {
  try {
    const page: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (isObject(page) && page.v === version && typeof page.rv === 'number' && typeof page.start === 'string')
      return { revision: page.rv, after: page.start };
  } catch (error) {
    throw badRequest('continue key is not valid: list again without it', error);
  }
  throw badRequest('continue key is not valid: list again without it');
}

/** Throws ApiError Expired if the revision of the pages is no longer kept. */
export async function list(
  { store }: Records,
  info: KindInfo,
  options: RegistryListOptions,
): Promise<List<AnyResource>> {
  const { limit = 0, continue: token = '' } = options;
  const selected = selection(options);
  const keys = keysOf(info, options);
  const asked = revisionFrom(options.resourceVersion);
  if (token !== '' && asked !== undefined)
    throw badRequest('specifying resource version is not allowed when using continue');
  if (asked !== undefined) requireReached(store, asked);
  let page: Partial<Page> =
    token !== ''
      ? readPage(token)
      : options.resourceVersionMatch === 'Exact' && asked !== undefined
        ? { revision: asked }
        : {};
  const items: AnyResource[] = [];
  for (;;) {
    const { rows, revision, more, remaining } = await store
      .list(keys, { ...page, ...(limit > 0 ? { limit: limit - items.length } : {}) })
      .catch((error) => {
        throw expired(error, page.revision ?? 0, store);
      });
    const objects = rows.map(decodeRow);
    items.push(...(selected === undefined ? objects : objects.filter(selected)));
    const metadata = { resourceVersion: String(revision) };
    const last = rows.at(-1);
    if (!more || last === undefined) return { items, metadata };
    page = { revision, after: last.key };
    if (items.length < limit) continue;
    return {
      items,
      metadata: {
        ...metadata,
        continue: writePage({ revision, after: last.key }),
        ...(selected === undefined ? { remainingItemCount: remaining } : {}),
      },
    };
  }
}

interface Selectors {
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

/** Returns a predicate; undefined if everything is selected. Throws ApiError BadRequest for an invalid selector. */
export function selection({
  labelSelector = '',
  fieldSelector = '',
}: Selectors): ((object: AnyResource) => boolean) | undefined {
  if (labelSelector === '' && fieldSelector === '') return undefined;
  const labels = parseLabelSelector(labelSelector);
  const fields = ofRelated(parseFieldSelector(fieldSelector), fieldSelector);
  return (object) => labels(object.metadata.labels) && fields(object);
}

/**
 * A selector for the object of an Event also matches its related object. So an Agent's Events include those of its
 * Instances.
 */
function ofRelated(
  selects: (object: unknown) => boolean,
  fieldSelector: string,
): (object: AnyResource) => boolean {
  const about = readFieldSelector(fieldSelector).filter(({ path }) => path[0] === 'involvedObject');
  if (about.length === 0 || about.some(({ equal }) => !equal)) return selects;
  return (object) =>
    selects(object) ||
    (object.related !== undefined && selects({ ...object, involvedObject: object.related }));
}

/** Returns the required texts of fields, by path. Throws ApiError BadRequest. */
export const equalities = ({ fieldSelector = '' }: Selectors): ReadonlyMap<string, string> =>
  new Map(
    readFieldSelector(fieldSelector)
      .filter(({ equal }) => equal)
      .map(({ path, value }) => [path.join('.'), value]),
  );

/**
 * Returns the keys of the store that can have selected objects. `metadata.name` and `metadata.namespace` narrow them:
 * one named object is one key, so its cost does not depend on the number of objects.
 */
function keysOf(info: KindInfo, options: Selectors & { namespace?: string | undefined }): Keys {
  const fields = equalities(options);
  const name = fields.get('metadata.name');
  const namespace = info.namespaced ? (options.namespace ?? fields.get('metadata.namespace')) : undefined;
  const isOne = name !== undefined && (namespace !== undefined || !info.namespaced);
  return isOne ? { only: storeKey(info, { namespace, name }) } : prefixOf(info, namespace);
}
