import { createHash } from 'node:crypto';
import { kindInfo } from '../../api/kinds.ts';
import { type AnyObject, keyOf, keyText, type Sync } from '../../api/objects.ts';
import { applied } from '../../client/compare-objects.ts';
import { identity, type Member } from '../../client/write-objects.ts';
import type { Cache } from '../cache.ts';

type Digested = Member & { digest: string };

/**
 * Objects that were found as the manifests say, so that the server is not asked again. For each object: a digest of its
 * manifest, and a digest of what an apply of this Sync could change. One Known belongs to one Sync, so the field
 * manager is always the same. Kept in memory only.
 */
export class Known {
  readonly #digests = new Map<string, { manifest: string; live: string }>();
  /** Digests of stored objects. Read objects never change, so each is digested once. */
  readonly #ofLive = new WeakMap<AnyObject, string>();

  get size(): number {
    return this.#digests.size;
  }

  note(member: Digested, live: AnyObject, fieldManager: string): void {
    this.#digests.set(identity(member), {
      manifest: member.digest,
      live: this.#digestOf(live, fieldManager),
    });
  }

  /** Returns whether the object is the same as when its manifest was last found applied. */
  isAsIt(id: string, live: AnyObject | undefined, fieldManager: string): boolean {
    return live !== undefined && this.#digests.get(id)?.live === this.#digestOf(live, fieldManager);
  }

  #digestOf(live: AnyObject, fieldManager: string): string {
    const known = this.#ofLive.get(live) ?? digest(applied(live, { fieldManager }));
    this.#ofLive.set(live, known);
    return known;
  }

  isSame(member: Digested): boolean {
    return this.#digests.get(identity(member))?.manifest === member.digest;
  }

  has(id: string): boolean {
    return this.#digests.has(id);
  }

  forget(id: string): void {
    this.#digests.delete(id);
  }

  ids(): Iterable<string> {
    return this.#digests.keys();
  }
}

export const digest = (value: unknown): string =>
  createHash('sha1').update(JSON.stringify(value)).digest('base64');

/**
 * Returns a digest of the parts of the spec that decide which manifests are applied, and where. If it changes, they are
 * applied again.
 */
export function specDigest({ spec: { source, targetNamespace, allowedKinds } }: Sync): string {
  const { secretRef: _, webhook: __, ...git } = source.git ?? {};
  return digest({ git, directory: source.directory, targetNamespace, allowedKinds });
}

/** The objects that a Sync can apply, from the controller's cache, by `identity`. */
export class Live {
  readonly #informers: ReturnType<typeof informersOf>;

  constructor(cache: Cache) {
    this.#informers = informersOf(cache);
  }

  get(id: string): AnyObject | undefined {
    const [kind, namespace = '', name = ''] = id.split('/');
    const found = this.#informers.find(([known]) => known === kind);
    return found?.[1].get(keyText(namespace === '' ? { name } : { namespace, name }));
  }

  of(member: Pick<Member, 'info' | 'key'>): AnyObject | undefined {
    return this.get(identity(member));
  }

  /** Returns how many objects of a namespace are not being deleted. */
  held(namespace: string): number {
    let count = 0;
    for (const [, informer] of this.#informers) {
      for (const { metadata } of informer.list())
        if (metadata.namespace === namespace && metadata.deletionTimestamp === undefined) count += 1;
    }
    return count;
  }

  /**
   * Registers a handler that gets each changed object before and after: undefined before its creation or after its
   * deletion.
   */
  onChange(changed: (id: string, before: AnyObject | undefined, now: AnyObject | undefined) => void): void {
    const id = (object: AnyObject): string => identity({ info: kindInfo(object.kind), key: keyOf(object) });
    const handler = {
      added: (object: AnyObject): void => changed(id(object), undefined, object),
      updated: (before: AnyObject, now: AnyObject): void => changed(id(now), before, now),
      deleted: (last: AnyObject): void => changed(id(last), last, undefined),
    };
    for (const [, informer] of this.#informers) informer.addHandler(handler);
  }
}

const informersOf = (cache: Cache) =>
  [
    ['Agent', cache.agents],
    ['Policy', cache.policies],
    ['Secret', cache.secrets],
    ['ConfigMap', cache.configMaps],
    ['Runtime', cache.runtimes],
    ['Namespace', cache.namespaces],
    ['Sync', cache.syncs],
  ] as const;
