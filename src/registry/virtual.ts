import { isVirtual, kindInfo, type VirtualKind } from '../api/kinds.ts';
import type { List } from '../api/requests.ts';
import { isObject } from '../api/schema.ts';
import type { VirtualKinds } from '../api/virtual.ts';
import type { Clock } from '../platform/clock.ts';
import { badRequest, notFound } from './errors.ts';
import { defaultNamespace } from './namespaces.ts';
import type { AnyResource } from './object.ts';
import type { RegistryListOptions } from './options.ts';
import type { Registry } from './registry.ts';
import { selection } from './select.ts';
import { resource, VirtualFeed } from './virtual-watch.ts';

export type { VirtualKinds } from '../api/virtual.ts';

/** Serves these kinds from where their objects are, and passes all else on. What writes to them, the registry refuses. */
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

/** The newest first, as things are now, whatever resourceVersion is asked for. */
function list(virtual: VirtualKinds, kind: VirtualKind, options: RegistryListOptions): List<AnyResource> {
  const { limit = 0, continue: token = '' } = options;
  const selected = selection(options);
  const revision = virtual.revision();
  const all = virtual.list(kind, options.namespace).map(resource).sort(newestFirst);
  const rest = token === '' ? all : all.slice(firstAfter(all, readPage(token)));
  const items = selected === undefined ? rest : rest.filter(selected);
  const page = limit > 0 ? items.slice(0, limit) : items;
  const last = page.at(-1);
  const remainingItemCount = items.length - page.length;
  return {
    items: page,
    metadata: {
      resourceVersion: String(revision),
      ...(remainingItemCount === 0 || last === undefined
        ? {}
        : { continue: writePage(last), remainingItemCount }),
    },
  };
}

/** Seconds are all that a creationTimestamp tells: within one, the order stays as it was given. */
const newestFirst = ({ metadata: one }: AnyResource, { metadata: other }: AnyResource): number =>
  one.creationTimestamp < other.creationTimestamp
    ? 1
    : one.creationTimestamp > other.creationTimestamp
      ? -1
      : 0;

/** The last object of a page: new ones that come meanwhile stand before it, and move nothing. */
interface Page {
  uid: string;
  at: string;
}

const writePage = ({ metadata: { uid, creationTimestamp } }: AnyResource): string =>
  Buffer.from(JSON.stringify({ uid, at: creationTimestamp } satisfies Page)).toString('base64url');

function readPage(token: string): Page {
  try {
    const page: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (isObject(page) && typeof page.uid === 'string' && typeof page.at === 'string')
      return { uid: page.uid, at: page.at };
  } catch (error) {
    throw badRequest('continue key is not valid: list again without it', error);
  }
  throw badRequest('continue key is not valid: list again without it');
}

/** Where that object has gone meanwhile: before all that are older. */
function firstAfter(all: readonly AnyResource[], { uid, at }: Page): number {
  const found = all.findIndex(({ metadata }) => metadata.uid === uid);
  if (found !== -1) return found + 1;
  const older = all.findIndex(({ metadata }) => metadata.creationTimestamp < at);
  return older === -1 ? all.length : older;
}
