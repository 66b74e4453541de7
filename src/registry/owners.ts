import type { AnyResource } from './object.ts';

/** Which objects exist, and which depend on which, by uid. Garbage collection uses it. Updated at every write. */
export class OwnerIndex {
  readonly #keys = new Map<string, string>();
  readonly #dependents = new Map<string, Set<string>>();
  readonly #owners = new Map<string, readonly string[]>();

  set(key: string, { metadata }: AnyResource): void {
    this.#keys.set(metadata.uid, key);
    this.#unlink(key);
    const owners = (metadata.ownerReferences ?? []).map(({ uid }) => uid);
    if (owners.length === 0) return;
    this.#owners.set(key, owners);
    for (const uid of owners) {
      const dependents = this.#dependents.get(uid);
      if (dependents === undefined) this.#dependents.set(uid, new Set([key]));
      else dependents.add(key);
    }
  }

  delete(key: string, { metadata }: AnyResource): void {
    this.#keys.delete(metadata.uid);
    this.#unlink(key);
  }

  exists(uid: string): boolean {
    return this.#keys.has(uid);
  }

  keyOf(uid: string): string | undefined {
    return this.#keys.get(uid);
  }

  /** Returns the keys of the objects that name this uid as an owner. */
  dependents(uid: string): string[] {
    return [...(this.#dependents.get(uid) ?? [])];
  }

  #unlink(key: string): void {
    for (const uid of this.#owners.get(key) ?? []) {
      const dependents = this.#dependents.get(uid);
      dependents?.delete(key);
      if (dependents?.size === 0) this.#dependents.delete(uid);
    }
    this.#owners.delete(key);
  }
}
