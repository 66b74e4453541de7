import type { KindInfo } from '../api/kinds.ts';
import type { WatchEvent } from '../api/requests.ts';
import type { Cancel, Clock } from '../platform/clock.ts';
import type { Change, Keys, Store } from '../store/store.ts';
import { expired, requireReached, revisionFrom } from './commit.ts';
import { list } from './list-objects.ts';
import { type AnyResource, decode, type RegistryWatchOptions } from './object.ts';
import type { Records } from './records.ts';
import { keysOf, selection } from './selectors.ts';

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
