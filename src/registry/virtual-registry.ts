import { ApiError } from '../api/errors.ts';
import { isObject } from '../api/json.ts';
import { isVirtual, kindInfo, type VirtualKind } from '../api/kinds.ts';
import { keyText } from '../api/objects.ts';
import type { List, Position, VirtualChange, VirtualKinds, VirtualObject } from '../api/requests.ts';
import type { Clock } from '../platform/clock.ts';
import { revisionFrom } from './commit.ts';
import { bookmark, bookmarkInterval, equalities, type ResourceEvent, selection } from './list-watch.ts';
import {
  type AnyResource,
  type RegistryListOptions,
  type RegistryWatchOptions,
  revisionOf,
} from './object.ts';
import type { Registry } from './registry.ts';
import { defaultNamespace } from './registry-context.ts';
import { badRequest, notFound } from './status-errors.ts';

export type { VirtualKinds } from '../api/requests.ts';

/**
 * Serves the virtual kinds from their own source, and delegates everything else. The registry refuses writes to them.
 */
export function withVirtual(registry: Registry, virtual: VirtualKinds, clock: Clock): Registry {
  const feed = new VirtualFeed(virtual, clock);
  return {
    ...registry,
    async get(kind, key) {
      if (!isVirtual(kind)) return registry.get(kind, key);
      const object = virtual.get(kind, { namespace: key.namespace ?? defaultNamespace, name: key.name });
      if (object === undefined) throw notFound(kindInfo(kind), key.name);
      return resource(object);
    },
    async list(kind, options = {}) {
      return isVirtual(kind) ? list(virtual, kind, options) : registry.list(kind, options);
    },
    watch: (kind, options) => (isVirtual(kind) ? feed.watch(kind, options) : registry.watch(kind, options)),
  };
}

/**
 * Lists the current state, newest first, whatever resourceVersion is asked for. Does not count the remaining objects.
 */
function list(virtual: VirtualKinds, kind: VirtualKind, options: RegistryListOptions): List<AnyResource> {
  const { limit = 0, continue: token = '', namespace } = options;
  const selected = selection(options) ?? (() => true);
  const metadata = { resourceVersion: String(virtual.revision()) };
  const items: AnyResource[] = [];
  const after = token === '' ? undefined : readPage(token);
  for (const object of virtual.list(kind, namespace, after, equalities(options))) {
    const item = resource(object);
    if (!selected(item)) continue;
    const last = items.at(-1);
    if (limit > 0 && items.length === limit && last !== undefined)
      return { items, metadata: { ...metadata, continue: writePage(last) } };
    items.push(item);
  }
  return { items, metadata };
}

/** A page token names the last object of the page. New objects come before it, so they do not shift the next page. */
const writePage = ({ metadata: { uid, creationTimestamp } }: AnyResource): string => {
  const position: Position = { uid, createdAt: Date.parse(creationTimestamp) };
  return Buffer.from(JSON.stringify(position)).toString('base64url');
};

function readPage(token: string): Position {
  const wrong = 'continue key is not valid: list again without it';
  try {
    const page: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (isObject(page) && typeof page.uid === 'string' && typeof page.createdAt === 'number')
      return { uid: page.uid, createdAt: page.createdAt };
  } catch (error) {
    throw badRequest(wrong, error);
  }
  throw badRequest(wrong);
}

interface Change {
  type: VirtualChange;
  object: AnyResource;
}

/** Each type names its fields. AnyResource allows any field, which TypeScript does not infer. */
const resource = (object: VirtualObject): AnyResource => object as VirtualObject & AnyResource;

/**
 * Watches of objects without a stored history. A watch that missed changes gets the current objects, each once. If it
 * may have missed a deletion, it ends with ApiError Expired, so that the client lists again. Without a watcher there is
 * no subscription, so deletions are not seen then.
 */
export class VirtualFeed {
  readonly #virtual: VirtualKinds;
  readonly #clock: Clock;
  readonly #watchers = new Set<(kind: VirtualKind, change: Change) => void>();
  #unsubscribe: (() => void) | undefined;
  /** By kind: the revision of the last deletion that was seen. */
  readonly #deleted = new Map<VirtualKind, number>();
  /** The revision at the start. Nothing is known about changes before it. */
  readonly #begun: number;

  constructor(virtual: VirtualKinds, clock: Clock) {
    this.#virtual = virtual;
    this.#clock = clock;
    this.#begun = virtual.revision();
  }

  #add(queue: Queue): void {
    this.#watchers.add(queue.push);
    this.#unsubscribe ??= this.#virtual.onChange((kind, type, given) => {
      const object = resource(given);
      if (type === 'DELETED') this.#deleted.set(kind, revisionOf(object));
      for (const push of this.#watchers) push(kind, { type, object });
    });
  }

  #remove(queue: Queue): void {
    this.#watchers.delete(queue.push);
    if (this.#watchers.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  /** An object that begins to match the selectors is sent as ADDED, and one that no longer matches as DELETED. */
  async *watch(kind: VirtualKind, options: RegistryWatchOptions): AsyncGenerator<ResourceEvent> {
    const { signal, namespace, sendInitialEvents, allowWatchBookmarks = false } = options;
    const selected = selection(options) ?? (() => true);
    const asked = revisionFrom(options.resourceVersion);
    /** Keys of the objects that the client knows. */
    const known = new Set<string>();
    const eventOf = ({ type, object }: Change): ResourceEvent[] => {
      const key = keyText(object.metadata);
      const was = known.delete(key);
      if (type === 'DELETED' || !selected(object)) return was ? [{ type: 'DELETED', object }] : [];
      known.add(key);
      return [{ type: was ? 'MODIFIED' : 'ADDED', object }];
    };

    const queue = new Queue(kind, namespace);
    this.#add(queue);
    const onAbort = (): void => queue.wake();
    signal.addEventListener('abort', onAbort);
    try {
      let since = this.#virtual.revision();
      const there = Array.from(this.#virtual.list(kind, namespace, undefined, equalities(options)), resource);
      if (sendInitialEvents ?? asked === undefined) {
        for (const object of there) yield* eventOf({ type: 'ADDED', object });
        if (sendInitialEvents === true && allowWatchBookmarks)
          yield bookmark(kindInfo(kind), since, { 'k8s.io/initial-events-end': 'true' });
      } else {
        for (const object of there) if (selected(object)) known.add(keyText(object.metadata));
        queue.overflown = asked !== undefined && asked !== since;
        since = asked ?? since;
      }
      while (!signal.aborted) {
        const changes = queue.overflown ? this.#missed(kind, namespace, since) : queue.changes;
        queue.clear();
        for (const change of changes) {
          since = revisionOf(change.object);
          for (const event of eventOf(change)) {
            if (signal.aborted) return;
            yield event;
          }
        }
        if (!queue.isEmpty || signal.aborted) continue;
        const quiet = await queue.next(this.#clock, allowWatchBookmarks ? bookmarkInterval : undefined);
        if (!quiet) continue;
        since = this.#virtual.revision();
        yield bookmark(kindInfo(kind), since);
      }
    } finally {
      this.#remove(queue);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Returns the objects that changed after `since`, by revision. Throws ApiError Expired if a deletion may be missing.
   */
  #missed(kind: VirtualKind, namespace: string | undefined, since: number): Change[] {
    const current = this.#virtual.revision();
    if (since > current || since < Math.max(this.#begun, this.#deleted.get(kind) ?? 0))
      throw new ApiError('Expired', `too old resource version: ${since} (${current})`);
    return Array.from(this.#virtual.list(kind, namespace), resource)
      .map((object): Change => ({ type: 'MODIFIED', object }))
      .filter(({ object }) => revisionOf(object) > since)
      .sort((one, other) => revisionOf(one.object) - revisionOf(other.object));
  }
}

/** A watch that falls further behind reads all objects again. */
const queuedAtMost = 1_000;

class Queue {
  changes: Change[] = [];
  /** Whether changes were dropped. */
  overflown = false;
  wake = (): void => {};
  readonly #kind: VirtualKind;
  readonly #namespace: string | undefined;

  constructor(kind: VirtualKind, namespace: string | undefined) {
    this.#kind = kind;
    this.#namespace = namespace;
  }

  get isEmpty(): boolean {
    return this.changes.length === 0 && !this.overflown;
  }

  readonly push = (kind: VirtualKind, change: Change): void => {
    if (kind !== this.#kind) return;
    if (this.#namespace !== undefined && change.object.metadata.namespace !== this.#namespace) return;
    if (this.changes.length < queuedAtMost) this.changes.push(change);
    else this.overflown = true;
    this.wake();
  };

  clear(): void {
    this.changes = [];
    this.overflown = false;
  }

  /** Waits for a change or an abort. Returns whether `patience` (milliseconds) passed first. */
  next(clock: Clock, patience: number | undefined): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const cancel = patience === undefined ? undefined : clock.after(patience, () => resolve(true));
    this.wake = () => {
      cancel?.();
      resolve(false);
    };
    return promise;
  }
}
