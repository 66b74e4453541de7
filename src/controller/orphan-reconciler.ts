import { collectAnnotation } from '../api/annotations.ts';
import type { Runtime } from '../api/objects.ts';
import { listed } from '../api/text.ts';
import type { Recorder } from '../client/recorder.ts';
import type { Resources } from '../client/resources.ts';
import type { Cache } from './cache.ts';
import { fieldManager } from './execute.ts';
import type { Keys, Reconciler } from './manager.ts';
import type { Orphans } from './orphans.ts';
import type { Session } from './session.ts';

export interface OrphanReconcilerDeps {
  resources: Resources;
  cache: Cache;
  recorder: Recorder;
  orphans: Orphans;
  keys: Keys;
  enqueueRuntime: (name: string) => void;
}

/** Removes the orphans of each Runtime after it was listed. */
export class OrphanReconciler implements Reconciler {
  readonly name = 'orphans';
  readonly workers = 8;
  readonly backoff = { from: 1_000, upTo: 60_000 };
  readonly #deps: OrphanReconcilerDeps;
  readonly #sessions = new Map<string, Session>();
  readonly #held = new Map<string, number>();

  constructor(deps: OrphanReconcilerDeps) {
    this.#deps = deps;
  }

  /** Call this after each list of a Runtime. */
  listed(session: Session): void {
    const { name } = session.runtime.metadata;
    this.#sessions.set(name, session);
    this.#deps.keys.add(name);
  }

  /** Call this when the session of a Runtime has ended. */
  ended(name: string): void {
    this.#sessions.delete(name);
  }

  /** Call this when a Runtime is gone. */
  forget(name: string): void {
    this.#held.delete(name);
  }

  /** Returns how many orphans of a Runtime wait for approval. */
  held(name: string): number {
    return this.#held.get(name) ?? 0;
  }

  async reconcile(name: string): Promise<undefined> {
    const { cache, enqueueRuntime, orphans, recorder } = this.#deps;
    const session = this.#sessions.get(name);
    const runtime = cache.runtimes.get(name);
    if (session === undefined || runtime === undefined) return;
    const owned = (uid: string): boolean => cache.instances.byIndex('uid', uid).length > 0;
    const approved = runtime.metadata.annotations?.[collectAnnotation] === 'true';
    const { collected, held } = await orphans.collect(session, owned, approved);
    if (collected.length > 0) {
      const names = listed(collected.map(({ namespace, instance }) => `${namespace}/${instance}`));
      recorder.recordEvent(runtime, {
        type: 'Normal',
        reason: 'OrphansCollected',
        message: `Removed containers without an owner: ${names}.`,
      });
      if (approved) await this.#useUpApproval(runtime);
    }
    if (held.length === this.held(name)) return;
    this.#held.set(name, held.length);
    enqueueRuntime(name);
  }

  /** Removes the annotation: an approval covers only what was held when it was given. */
  async #useUpApproval({ metadata }: Runtime): Promise<void> {
    const body = { metadata: { annotations: { [collectAnnotation]: null } } };
    await this.#deps.resources.patch('Runtime', metadata, { type: 'merge', body }, { fieldManager });
  }
}
