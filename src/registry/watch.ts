import type { KindInfo } from '../api/kinds.ts';
import type { WatchEvent } from '../api/requests.ts';
import type { Clock } from '../platform/clock.ts';
import type { Change } from '../store/store.ts';
import { list } from './list.ts';
import { type AnyResource, decode, prefixOf } from './object.ts';
import type { RegistryWatchOptions } from './options.ts';
import type { Records } from './records.ts';
import { selection } from './select.ts';
import { expired, requireReached, revisionFrom } from './versions.ts';

export type ResourceEvent = WatchEvent<AnyResource>;

const bookmarkInterval = 60_000;

/**
 * An object that begins to match the selectors arrives as ADDED, one that ceases to as DELETED. Throws ApiError Expired
 * where the changes since resourceVersion are no longer kept.
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
  const prefix = prefixOf(info, info.namespaced ? namespace : undefined);
  const ended = new AbortController(); // a consumer that stops early ends the store's watch too
  const either = AbortSignal.any([signal, ended.signal]);
  const changes = records.store.watch(prefix, since, either)[Symbol.asyncIterator]();
  const bookmarks = options.allowWatchBookmarks === true ? new Bookmarks(records, clock) : undefined;
  try {
    let next = changes.next();
    for (;;) {
      const result = await (bookmarks === undefined ? next : Promise.race([next, bookmarks.due()]));
      if (typeof result === 'number') {
        if (result <= since) continue;
        since = result;
        yield bookmark(info, since);
        continue;
      }
      if (result.done === true) return;
      since = result.value.revision;
      const event = eventOf(result.value, selected);
      next = changes.next();
      if (event !== undefined) yield event;
    }
  } catch (error) {
    throw expired(error, since, records.store);
  } finally {
    bookmarks?.end();
    ended.abort();
  }
}

function eventOf(
  change: Change,
  selected: ((object: AnyResource) => boolean) | undefined,
): ResourceEvent | undefined {
  const object = decode(change.value, change.revision);
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

function bookmark(
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

/**
 * Says from time to time how far a quiet watch has come. It names the revision of one interval ago: all changes up to
 * that have long been handed over, which the newest one's may not have been.
 */
class Bookmarks {
  readonly #records: Records;
  readonly #clock: Clock;
  #cancel: (() => void) | undefined;
  #due: Promise<number> | undefined;

  constructor(records: Records, clock: Clock) {
    this.#records = records;
    this.#clock = clock;
  }

  /** Resolves with a revision when the next bookmark is due; the same promise until it has. */
  due(): Promise<number> {
    this.#due ??= new Promise((resolve) => {
      const revision = this.#records.store.revision();
      this.#cancel = this.#clock.after(bookmarkInterval, () => {
        this.#due = undefined;
        resolve(revision);
      });
    });
    return this.#due;
  }

  end(): void {
    this.#cancel?.();
  }
}
