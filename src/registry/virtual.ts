import { isVirtual, kindInfo, type VirtualKind } from '../api/kinds.ts';
import type { List } from '../api/requests.ts';
import { isObject } from '../api/schema.ts';
import type { Position, VirtualKinds } from '../api/virtual.ts';
import type { Clock } from '../platform/clock.ts';
import { badRequest, notFound } from './errors.ts';
import { defaultNamespace } from './namespaces.ts';
import type { AnyResource } from './object.ts';
import type { RegistryListOptions } from './options.ts';
import type { Registry } from './registry.ts';
import { equalities, selection } from './select.ts';
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

/** The newest first, as things are now, whatever resourceVersion is asked for. How many are left is not counted. */
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

/** The last object of a page: new ones that come meanwhile stand before it, and move nothing. */
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
