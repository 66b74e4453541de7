import { isApiError } from '../api/errors.ts';
import { type KindInfo, kindByPlural, kinds } from '../api/kinds.ts';
import { isTerminating, type ObjectKey } from '../api/objects.ts';
import { Retries } from '../platform/retry.ts';
import { replace } from './commit.ts';
import { foreground, orphan, remove } from './delete-object.ts';
import { type AnyResource, decodeRow, prefixOf, storeKey } from './object.ts';
import { type Followers, retried } from './records.ts';
import type { Context } from './registry-context.ts';

const retryKey = 'all';
const retry = { from: 1_000, upTo: 60_000 };

/** Returns the kind and the object that a key of the store names. */
function parseKey(key: string): { info: KindInfo; key: ObjectKey } | undefined {
  const [, group = '', plural = '', first = '', second] = key.split('/');
  const info = kindByPlural(group === 'core' ? '' : group, 'v1', plural);
  if (info === undefined) return undefined;
  return { info, key: second === undefined ? { name: first } : { namespace: first, name: second } };
}

/**
 * Does what follows from a deletion, like Kubernetes' garbage collector and namespace controller: deletes dependents
 * with their last owner, handles the finalizers of propagation policies, and empties deleted Namespaces. The work for a
 * key depends only on the objects, so a key can be processed at any time and repeatedly.
 */
export class Collector implements Followers {
  readonly #context: Context;
  readonly #waiting = new Set<string>();
  /** Keys of the Namespaces that are being emptied, by name. */
  readonly #terminating = new Map<string, string>();
  /** Keys that failed. They are all retried together. */
  readonly #failed = new Set<string>();
  readonly #retries: Retries;
  #running: Promise<void> | undefined;

  constructor(context: Context) {
    this.#context = context;
    const { clock, log } = context;
    this.#retries = new Retries({ clock, log, what: 'garbage collection failed', ...retry });
  }

  written(key: string, object: AnyResource): void {
    const { finalizers = [], ownerReferences = [] } = object.metadata;
    const { owners } = this.#context.records;
    const isTheirs =
      isTerminating(object) &&
      (object.kind === 'Namespace' || finalizers.includes(foreground) || finalizers.includes(orphan));
    if (isTheirs || ownerReferences.some(({ uid }) => !owners.exists(uid))) this.look(key);
  }

  removed(_key: string, { metadata }: AnyResource): void {
    const { owners } = this.#context.records;
    for (const dependent of owners.dependents(metadata.uid)) this.look(dependent);
    for (const { uid } of metadata.ownerReferences ?? []) this.look(owners.keyOf(uid));
    if (metadata.namespace !== undefined) this.look(this.#terminating.get(metadata.namespace));
  }

  /** Stops all retries. */
  close(): void {
    this.#retries.stop();
  }

  /** Resolves when all work is done. What failed waits for its retry. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  look(key: string | undefined): void {
    if (key === undefined) return;
    this.#waiting.add(key);
    if (this.#running === undefined) this.#start();
  }

  #start(): void {
    this.#running = this.#work().finally(() => {
      this.#running = undefined;
      if (this.#waiting.size > 0) this.#start();
    });
  }

  /** Processes all waiting keys together, so that their writes are committed together. */
  async #work(): Promise<void> {
    while (this.#waiting.size > 0) {
      const keys = [...this.#waiting];
      this.#waiting.clear();
      await Promise.all(keys.map((key) => this.#try(key)));
      if (this.#failed.size === 0) this.#retries.succeeded(retryKey);
    }
  }

  async #try(key: string): Promise<void> {
    this.#failed.delete(key);
    try {
      await this.#process(key);
    } catch (error) {
      if (isApiError(error, 'NotFound') || isApiError(error, 'Conflict')) return; // it is already gone
      this.#failed.add(key);
      this.#retries.failed(retryKey, error, () => {
        for (const failed of this.#failed) this.look(failed);
      });
    }
  }

  async #process(text: string): Promise<void> {
    const parsed = parseKey(text);
    if (parsed === undefined) return;
    const { info, key } = parsed;
    const object = await this.#context.records.read(info, key);
    if (object === undefined) return;
    if (info.kind === 'Namespace') {
      if (isTerminating(object)) await this.#emptyNamespace(info, object);
      return;
    }
    if (isTerminating(object)) {
      if (object.metadata.finalizers?.includes(orphan)) await this.#releaseDependents(info, object);
      else if (object.metadata.finalizers?.includes(foreground)) await this.#deleteDependents(info, object);
    }
    await this.#followOwners(info, object);
  }

  /**
   * Deletes an object whose owners are all gone. If some are left, removes only the references to those that are gone.
   */
  async #followOwners(info: KindInfo, { metadata }: AnyResource): Promise<void> {
    const { owners } = this.#context.records;
    const references = metadata.ownerReferences ?? [];
    const gone = references.filter(({ uid }) => !owners.exists(uid));
    if (gone.length === 0) return;
    if (gone.length < references.length) {
      await this.#forgetOwners(info, metadata, (uid) => !owners.exists(uid));
    } else if (metadata.deletionTimestamp === undefined) {
      await remove(this.#context, info, metadata, { preconditions: { uid: metadata.uid } });
    }
  }

  async #forgetOwners(info: KindInfo, key: ObjectKey, isGone: (uid: string) => boolean): Promise<void> {
    await this.#edit(info, key, (object) => {
      const { ownerReferences = [], ...metadata } = object.metadata;
      const left = ownerReferences.filter(({ uid }) => !isGone(uid));
      return { ...object, metadata: left.length === 0 ? metadata : { ...metadata, ownerReferences: left } };
    });
  }

  async #releaseDependents(info: KindInfo, { metadata }: AnyResource): Promise<void> {
    for (const dependent of this.#dependentsOf(metadata.uid))
      await this.#forgetOwners(dependent.info, dependent.key, (uid) => uid === metadata.uid);
    await this.#dropFinalizer(info, metadata, orphan);
  }

  /** Foreground deletion: the owner is removed when no blocking dependent is left. */
  async #deleteDependents(info: KindInfo, { metadata }: AnyResource): Promise<void> {
    let isBlocked = false;
    for (const dependent of this.#dependentsOf(metadata.uid)) {
      const object = await this.#context.records.read(dependent.info, dependent.key);
      if (object === undefined) continue;
      const reference = object.metadata.ownerReferences?.find(({ uid }) => uid === metadata.uid);
      const { owners } = this.#context.records;
      const isAlone = object.metadata.ownerReferences?.every(
        ({ uid }) => uid === metadata.uid || !owners.exists(uid),
      );
      if (isAlone === true && !isTerminating(object)) {
        const propagationPolicy =
          owners.dependents(object.metadata.uid).length > 0 ? 'Foreground' : undefined;
        await remove(this.#context, dependent.info, dependent.key, { propagationPolicy });
      }
      const isLeft = (await this.#context.records.read(dependent.info, dependent.key)) !== undefined;
      isBlocked ||= isLeft && isAlone === true && reference?.blockOwnerDeletion === true;
    }
    if (!isBlocked) await this.#dropFinalizer(info, metadata, foreground);
  }

  async #emptyNamespace(info: KindInfo, namespace: AnyResource): Promise<void> {
    const { name } = namespace.metadata;
    this.#terminating.set(name, storeKey(info, { name }));
    const contents = kinds.filter(({ namespaced, stored }) => namespaced && stored);
    const held = await Promise.all(contents.map((kind) => this.#deleteAll(kind, name)));
    if (held.includes(true)) return;
    this.#terminating.delete(name);
    await retried(async () => {
      const live = await this.#context.records.read(info, { name });
      if (live !== undefined) await this.#context.records.remove(info, live);
    });
  }

  /** Deletes all objects of a kind in a namespace. Returns whether a finalizer keeps any of them. */
  async #deleteAll(info: KindInfo, namespace: string): Promise<boolean> {
    const { rows } = await this.#context.records.store.list(prefixOf(info, namespace));
    const held = rows.map(async (row) => {
      const { name } = decodeRow(row).metadata;
      try {
        const { metadata } = await remove(this.#context, info, { namespace, name }, {});
        return metadata.deletionTimestamp !== undefined;
      } catch (error) {
        if (isApiError(error, 'NotFound')) return false;
        throw error;
      }
    });
    return (await Promise.all(held)).includes(true);
  }

  #dependentsOf(uid: string): { info: KindInfo; key: ObjectKey }[] {
    return this.#context.records.owners.dependents(uid).flatMap((key) => parseKey(key) ?? []);
  }

  async #dropFinalizer(info: KindInfo, key: ObjectKey, finalizer: string): Promise<void> {
    await this.#edit(info, key, (object) => {
      const { finalizers = [], ...metadata } = object.metadata;
      const left = finalizers.filter((other) => other !== finalizer);
      return { ...object, metadata: left.length === 0 ? metadata : { ...metadata, finalizers: left } };
    });
  }

  async #edit(info: KindInfo, key: ObjectKey, change: (object: AnyResource) => AnyResource): Promise<void> {
    await retried(async () => {
      const live = await this.#context.records.read(info, key);
      if (live !== undefined) await replace(this.#context, info, live, change(live), {});
    });
  }
}
