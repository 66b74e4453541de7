import { syncAnnotations, syncManager } from '../../api/annotations.ts';
import { deepEqual } from '../../api/json.ts';
import { type AnyObject, keyOf, keyText, type ObjectKey, type Sync } from '../../api/objects.ts';
import { applied } from '../../client/compare-objects.ts';
import type { Recorder } from '../../client/recorder.ts';
import type { Resources } from '../../client/resources.ts';
import type { SyncApi, SyncDiff } from '../../client/streams.ts';
import { due } from '../../plan/sync-due.ts';
import { type Clock, TimeSlice } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import type { Parser } from '../../sources/parsing/parser.ts';
import type { Cache } from '../cache.ts';
import type { Keys, Reconciler, Requeue } from '../manager.ts';
import { Live } from './known-objects.ts';
import { Looker } from './looker.ts';
import { Overtaken } from './pass.ts';
import { Siblings } from './siblings.ts';
import { restlessPause, type Sources, SyncRecords, soon } from './sync-records.ts';
import { SyncWriter } from './sync-writer.ts';

interface SyncsDeps {
  resources: Resources;
  cache: Cache;
  recorder: Recorder;
  sources: Sources;
  /** Parses the manifests. Its owner closes it. */
  parser: Parser;
  /** Its own, for what changes outside of the API. */
  keys: Keys;
  clock: Clock;
  log: Log;
}

/** Keeps the manifests of all Syncs applied. */
export class SyncReconciler implements Reconciler, SyncApi {
  readonly name = 'sync';
  /** Most of the time they wait for hosts, and some hosts never answer. */
  readonly workers = 32;
  readonly #deps: SyncsDeps;
  readonly #live: Live;
  readonly #records: SyncRecords;
  readonly #looker: Looker;
  readonly #writer: SyncWriter;
  /** Aborted when the controller stops. */
  readonly #abort = new AbortController();
  #looks = 0;
  #tidied: Promise<void> = Promise.resolve();

  constructor(deps: SyncsDeps) {
    this.#deps = deps;
    const { signal } = this.#abort;
    const slice = new TimeSlice();
    const live = new Live(deps.cache);
    const records = new SyncRecords(deps, slice);
    const siblings = new Siblings({ ...deps, records });
    const writer = new SyncWriter({ ...deps, siblings });
    this.#looker = new Looker({ ...deps, live, records, siblings, writer, slice, signal });
    this.#live = live;
    this.#records = records;
    this.#writer = writer;
  }

  watch(keys: Keys): void {
    watchSyncs({ ...this.#deps, live: this.#live, records: this.#records }, keys);
  }

  all(): string[] {
    return this.#deps.cache.syncs.list().map(({ metadata }) => keyText(metadata));
  }

  /** Deletes the files of Syncs that are gone, before any is reconciled. Call this when the caches are synced. */
  tidy(): Promise<void> {
    const uids = this.#deps.cache.syncs.list().map(({ metadata }) => metadata.uid);
    this.#tidied = this.#records.keepOnly(new Set(uids));
    return this.#tidied;
  }

  /** Aborts passes in progress. The next controller starts them again. */
  stop(): void {
    this.#records.stop();
    this.#abort.abort();
  }

  /** Call this when nothing is reconciled any more. */
  close(): Promise<void> {
    return this.#records.close();
  }

  diffSync(key: ObjectKey, { force = false } = {}): Promise<SyncDiff> {
    return this.#looker.diff(key, force);
  }

  async reconcile(key: string): Promise<Requeue | undefined> {
    await this.#tidied;
    if (this.#abort.signal.aborted) return undefined;
    const { clock } = this.#deps;
    try {
      return await this.#look(key);
    } catch (error) {
      // The interrupted look is still due.
      this.#records.get(key)?.hint({ what: 'Source', at: clock.now() });
      if (error instanceof Overtaken) return { requeueAt: clock.now() + soon };
      throw error;
    }
  }

  async #look(key: string): Promise<Requeue | undefined> {
    const { cache, clock } = this.#deps;
    const sync = cache.syncs.get(key);
    if (sync === undefined) {
      await this.#records.forget(key);
      return undefined;
    }
    const record = this.#records.of(sync);
    const now = clock.now();
    const verdict = due(sync, record.looks, now);
    if (verdict === undefined) return undefined;
    if ('at' in verdict) return { requeueAt: verdict.at };
    const onlyObjects = verdict.now === 'Objects';
    const requested = verdict.now === 'Requested';
    const { failures } = record.looks;
    const webhook = sync.metadata.annotations?.[syncAnnotations.webhook];
    record.looks = onlyObjects ? { ...record.looks, hint: undefined } : { at: now, failures, webhook };
    if (!onlyObjects) record.look.begun = ++this.#looks;
    const outcome = await record.alone(() => this.#looker.look(sync, record, { onlyObjects, requested }));
    await this.#writer.settle(sync, record, outcome, onlyObjects);
    return { requeueAt: now };
  }
}

interface SyncWatchDeps {
  cache: Cache;
  live: Live;
  records: SyncRecords;
  clock: Clock;
}

/** Adds the key of a Sync when it changes, or its Secrets, or the objects that it applied. */
function watchSyncs({ cache, clock, live, records }: SyncWatchDeps, keys: Keys): void {
  const { syncs, secrets } = cache;
  const changed = ({ metadata }: Sync): void => keys.add(keyText(metadata));
  syncs.addHandler({ added: changed, updated: (_, now) => changed(now), deleted: changed });
  const onSecret = (metadata: ObjectKey): void => {
    for (const sync of syncs.byIndex('secret', keyText(metadata))) {
      records.get(keyText(sync.metadata))?.hint({ what: 'Source', at: clock.now() });
      changed(sync);
    }
  };
  secrets.addHandler({
    added: ({ metadata }) => onSecret(metadata),
    updated: (before, now) => {
      if (!deepEqual(before.data, now.data)) onSecret(now.metadata);
    },
    deleted: ({ metadata }) => onSecret(metadata),
  });
  /** An object of a Sync was changed by somebody: the Sync looks at it soon, unless it is as it should be. */
  function noticed(id: string, before: AnyObject | undefined, now: AnyObject | undefined): void {
    for (const [key, record] of records.entries()) {
      if (!record.known.has(id)) continue;
      const sync = cache.syncs.get(key);
      if (sync === undefined) continue;
      const fieldManager = syncManager(keyOf(sync));
      if (record.known.isAsIt(id, now, fieldManager)) continue;
      const both = before !== undefined && now !== undefined;
      if (both && deepEqual(applied(before, { fieldManager }), applied(now, { fieldManager }))) continue;
      const at = clock.now() + restlessPause(sync, record);
      record.hint({ what: 'Objects', at });
      keys.addAt(key, at);
    }
  }
  live.onChange(noticed);
}
