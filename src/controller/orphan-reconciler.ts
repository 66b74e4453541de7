import { collectAnnotation } from '../api/annotations.ts';
import { isApiError } from '../api/errors.ts';
import type { Runtime } from '../api/objects.ts';
import { listed } from '../api/text.ts';
import type { Recorder } from '../client/recorder.ts';
import type { Resources } from '../client/resources.ts';
import type { Observed } from '../plan/world.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Cache } from './cache.ts';
import { fieldManager } from './execute.ts';
import type { Keys, Reconciler } from './manager.ts';
import type { Session } from './session.ts';

interface OrphanReconcilerDeps {
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

const apart = 60_000;
/**
 * This many orphans may be removed at once even on a small engine. More than that, and more than a fifth of all, need
 * approval.
 */
const fewAtOnce = 2;

interface OrphanReport {
  collected: Observed[];
  /** Too many at once: they wait for approval. */
  held: Observed[];
}

/**
 * Removes orphans: containers with our label but without an Instance. It removes one only if two lists at least 60 s
 * apart show it and a read from the server finds no owner. More than a fifth of an engine's containers at once need a
 * person's approval.
 */
export class Orphans {
  readonly #resources: Resources;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #firstSeen = new Map<string, number>();

  constructor(resources: Resources, clock: Clock, log: Log) {
    this.#resources = resources;
    this.#clock = clock;
    this.#log = log;
  }

  /** Call this after each list, with the cache synced. */
  async collect(session: Session, owned: (uid: string) => boolean, approved: boolean): Promise<OrphanReport> {
    if (session.health.state !== 'Online') return { collected: [], held: [] };
    const all = session.all();
    const name = session.runtime.metadata.name;
    const suspects = all.filter((observed) => !owned(observed.instanceUid));
    const refs = new Set(suspects.map(({ ref }) => `${name}/${ref}`));
    for (const ref of this.#firstSeen.keys()) {
      if (ref.startsWith(`${name}/`) && !refs.has(ref)) this.#firstSeen.delete(ref);
    }
    const now = this.#clock.now();
    const due: Observed[] = [];
    for (const observed of suspects) {
      const ref = `${name}/${observed.ref}`;
      const since = this.#firstSeen.get(ref) ?? now;
      this.#firstSeen.set(ref, since);
      if (now - since >= apart && !(await this.#hasOwner(observed))) due.push(observed);
    }
    if (due.length > Math.max(fewAtOnce, all.length / 5) && !approved) return { collected: [], held: due };
    const collected: Observed[] = [];
    for (const observed of due) if (await this.#remove(session, observed)) collected.push(observed);
    return { collected, held: [] };
  }

  /** Returns whether the orphan was removed. A failure blocks no other orphan, and the next list retries it. */
  async #remove(session: Session, observed: Observed): Promise<boolean> {
    const { ref, instance } = observed;
    const about = { runtime: session.runtime.metadata.name, ref, instance };
    try {
      this.#log.info(about, 'an orphan is being removed');
      await session.driver.kill(ref);
      await session.driver.remove(ref, { volumes: false });
      session.note(ref, undefined);
      return true;
    } catch (error) {
      this.#log.warn({ err: error, ...about }, 'an orphan could not be removed');
      return false;
    }
  }

  async #hasOwner(observed: Observed): Promise<boolean> {
    try {
      const key = { namespace: observed.namespace, name: observed.instance };
      return (await this.#resources.get('Instance', key)).metadata.uid === observed.instanceUid;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return false;
      throw error;
    }
  }
}
