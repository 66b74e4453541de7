import { kindInfo } from '../../api/kinds.ts';
import { type AnyObject, keyOf, keyText } from '../../api/objects.ts';
import { identity, type Member } from '../../client/write-objects.ts';
import type { Cache } from '../cache.ts';

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
