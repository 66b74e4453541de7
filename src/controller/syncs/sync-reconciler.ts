import { syncAnnotations } from '../../api/annotations.ts';
import { deepEqual } from '../../api/equal.ts';
import { ApiError } from '../../api/errors.ts';
import {
  type AnyObject,
  keyOf,
  keyText,
  type ObjectKey,
  type Sync,
  type SyncStatus,
} from '../../api/objects.ts';
import { syncManager, syncOfManager, takingOver } from '../../api/sync-names.ts';
import { applied } from '../../client/apply/compare.ts';
import { identity, type Member } from '../../client/apply/member.ts';
import type { Recorder } from '../../client/recorder.ts';
import type { Resources } from '../../client/resources.ts';
import type { SyncDiff } from '../../client/streams.ts';
import { span } from '../../plan/instant.ts';
import { due, pause } from '../../plan/sync/due.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { Retries } from '../../platform/retry.ts';
import { Turns } from '../../platform/time-slice.ts';
import type { Parser } from '../../sources/parsing/parser.ts';
import { type Found, type Source, SourceError } from '../../sources/source.ts';
import type { Cache } from '../cache.ts';
import type { Keys, Reconciler, Requeue } from '../manager.ts';
import { type AssessDeps, type Assessment, assess } from './assess.ts';
import { boundsOf } from './bounds.ts';
import { diffOf } from './diff.ts';
import { Live } from './live.ts';
import { mostObjects } from './manifests.ts';
import { Parsed } from './parsed.ts';
import { keep, NotYet, Overtaken, type PassDeps, pass } from './pass.ts';
import {
  comparedOf,
  failedRepair,
  type Kept,
  MissingSecret,
  type Outcome,
  type Sources,
  SyncRecord,
} from './record.ts';
import { intent, nextStatus } from './status.ts';
import { syncEvents } from './sync-events.ts';

export interface SyncsDeps {
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

/** How often a Sync waits for others before it deletes. Each wait is longer. */
const mostWaits = 6;
const failing: readonly Outcome['type'][] = ['SourceFailed', 'ApplyFailed', 'Interrupted'];
/** Milliseconds to wait after others changed its objects, or while its files are being written. */
const soon = 300;

/** Keeps the manifests of all Syncs applied. */
export class SyncReconciler implements Reconciler {
  readonly name = 'sync';
  /** Most of the time they wait for hosts, and some hosts never answer. */
  readonly workers = 32;
  readonly #deps: SyncsDeps;
  readonly #records = new Map<string, SyncRecord>();
  readonly #live: Live;
  readonly #turns = new Turns();
  readonly #tidying: Retries;
  /** Aborted when the controller stops. */
  readonly #abort = new AbortController();
  #looks = 0;
  #tidied: Promise<void> = Promise.resolve();

  constructor(deps: SyncsDeps) {
    this.#deps = deps;
    this.#live = new Live(deps.cache);
    const { clock, log } = deps;
    const what = 'the files of a Sync could not be removed';
    this.#tidying = new Retries({ clock, log, what, from: 5_000, upTo: 600_000 });
  }

  watch({ add }: Keys): void {
    const { cache, clock } = this.#deps;
    const { syncs, secrets } = cache;
    const changed = ({ metadata }: Sync): void => add(keyText(metadata));
    syncs.addHandler({ added: changed, updated: (_, now) => changed(now), deleted: changed });
    const onSecret = (metadata: ObjectKey): void => {
      for (const sync of syncs.byIndex('secret', keyText(metadata))) {
        const record = this.#records.get(keyText(sync.metadata));
        record?.hint({ what: 'Source', at: clock.now() });
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
    this.#live.onChange((id, before, now) => this.#noticed(id, before, now));
  }

  all(): string[] {
    return this.#deps.cache.syncs.list().map(({ metadata }) => keyText(metadata));
  }

  /** Deletes the files of Syncs that are gone, before any is reconciled. Call this when the caches are synced. */
  tidy(): Promise<void> {
    this.#tidied = this.#tidy('all', () => this.#deps.sources.keepOnly(this.#uids()));
    return this.#tidied;
  }

  #uids(): Set<string> {
    return new Set(this.#deps.cache.syncs.list().map(({ metadata }) => metadata.uid));
  }

  /** Deletes unused files. Failures are retried. */
  async #tidy(key: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#tidying.succeeded(key);
    } catch (error) {
      this.#tidying.failed(key, error, () => void this.#tidy(key, work));
    }
  }

  /** Aborts passes in progress. The next controller starts them again. */
  stop(): void {
    this.#tidying.stop();
    this.#abort.abort();
  }

  /** Call this when nothing is reconciled any more. */
  async close(): Promise<void> {
    for (const record of this.#records.values()) await record.close();
  }

  /** Returns what the newest revision would change. See Streams.diffSync. */
  async diff(key: ObjectKey, force = false): Promise<SyncDiff> {
    const sync = await this.#deps.resources.get('Sync', key);
    const record = this.#recordOf(sync);
    try {
      const { assessment } = await record.alone(() =>
        this.#withSource(sync, record, async (source, signal) => {
          const manifests = await source.read(await source.look(signal), signal);
          return { assessment: await assess(sync, manifests, this.#assessDeps(sync, record, force)) };
        }),
      );
      return diffOf(sync, assessment);
    } catch (error) {
      if (error instanceof SourceError || error instanceof MissingSecret)
        throw new ApiError('ServiceUnavailable', error.message, { cause: error });
      throw error;
    }
  }

  /** An object of a Sync was changed by somebody: the Sync looks at it soon, unless it is as it should be. */
  #noticed(id: string, before: AnyObject | undefined, now: AnyObject | undefined): void {
    for (const [key, record] of this.#records) {
      if (!record.known.has(id)) continue;
      const sync = this.#deps.cache.syncs.get(key);
      if (sync === undefined) continue;
      const fieldManager = syncManager(keyOf(sync));
      if (record.known.isAsIt(id, now, fieldManager)) continue;
      const both = before !== undefined && now !== undefined;
      if (both && deepEqual(applied(before, { fieldManager }), applied(now, { fieldManager }))) continue;
      const at = this.#deps.clock.now() + this.#restlessPause(sync, record);
      record.hint({ what: 'Objects', at });
      this.#deps.keys.addAt(key, at);
    }
  }

  /** Returns the delay in milliseconds. It grows as long as somebody keeps changing the objects. */
  #restlessPause({ spec }: Sync, { restless }: SyncRecord): number {
    return Math.min(span(spec.interval, 60_000), soon * 2 ** Math.min(restless, 16));
  }

  #recordOf({ metadata }: Sync): SyncRecord {
    const key = keyText(metadata);
    const known = this.#records.get(key);
    if (known?.uid === metadata.uid) return known;
    if (known !== undefined) void this.#forget(key, known);
    const { parser } = this.#deps;
    const parsed = new Parsed({ parser, owner: key, turns: this.#turns, mostDocuments: mostObjects });
    const record = new SyncRecord(metadata.uid, parsed);
    this.#records.set(key, record);
    return record;
  }

  async #forget(key: string, record: SyncRecord): Promise<void> {
    if (this.#records.get(key) === record) this.#records.delete(key);
    await this.#tidy(record.uid, () =>
      record.alone(async () => {
        await record.close();
        await this.#deps.sources.forget(record.uid);
      }),
    );
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
    const known = this.#records.get(key);
    if (sync === undefined) {
      if (known !== undefined) await this.#forget(key, known);
      return undefined;
    }
    const record = this.#recordOf(sync);
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
    const outcome = await record.alone(() => this.#pass(sync, record, { onlyObjects, requested }));
    await this.#settle(sync, record, outcome, onlyObjects);
    return { requeueAt: now };
  }

  async #pass(
    sync: Sync,
    record: SyncRecord,
    { onlyObjects, requested }: { onlyObjects: boolean; requested: boolean },
  ): Promise<Outcome | 'Unsettled' | 'NotYet'> {
    if (sync.spec.suspend && !requested) return { type: 'Suspended' };
    if (requested) record.parsed.retry();
    let found: Found | undefined;
    const failed = async (error: SourceError | MissingSecret, kept: Promise<Kept>): Promise<Outcome> => ({
      type: 'SourceFailed',
      error,
      revision: found?.revision,
      kept: await kept,
    });
    try {
      return await this.#withSource(sync, record, async (source, signal) => {
        const deps = this.#passDeps(sync, record, signal, requested);
        if (onlyObjects) return { type: 'Kept', kept: await keep(sync, source, deps), looked: false };
        try {
          found = await source.look(signal);
          return await pass(sync, found, source, deps);
        } catch (error) {
          if (error instanceof NotYet) return 'NotYet';
          if (!(error instanceof SourceError) || this.#abort.signal.aborted) throw error;
          if (error.reason === 'Unsettled' && record.restless < 6) return 'Unsettled';
          return failed(error, keep(sync, source, deps));
        }
      });
    } catch (error) {
      if (this.#abort.signal.aborted) throw error; // the controller stops; this says nothing about the source
      if (error instanceof Overtaken || !(error instanceof Error)) throw error;
      if (error instanceof MissingSecret) {
        const deps = this.#passDeps(sync, record, this.#abort.signal, requested);
        return failed(error, keep(sync, undefined, deps));
      }
      this.#deps.log.error({ err: error, sync: keyText(sync.metadata) }, 'a Sync failed; it is tried again');
      return { type: 'Interrupted', error };
    }
  }

  #passDeps(sync: Sync, record: SyncRecord, signal: AbortSignal, requested: boolean): PassDeps {
    const request = sync.metadata.annotations?.[syncAnnotations.requested];
    const takesOver = requested && request?.endsWith(takingOver) === true;
    return {
      record,
      signal,
      assess: this.#assessDeps(sync, record, takesOver),
      live: (id) => this.#live.get(id),
      requested,
      note: (object) => this.#deps.cache.note(object),
      assessed: (assessment) => this.#assessed(sync, record, assessment),
      othersLooked: (assessment) => this.#othersLooked(sync, record, assessment),
      intend: (about, assessment) => this.#intend(about, assessment),
    };
  }

  /** Calls `work` with the Source and a signal that aborts after spec.timeout, or when the controller stops. */
  async #withSource<T>(
    sync: Sync,
    record: SyncRecord,
    work: (source: Source, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { cache, clock, sources } = this.#deps;
    const source = await record.source(sync, {
      sources,
      secret: (name) => cache.secrets.get(name),
      changed: () => {
        record.hint({ what: 'Source', at: clock.now() });
        this.#deps.keys.add(keyText(sync.metadata));
      },
    });
    if ('missing' in source) throw new MissingSecret(source.missing, sync);
    const timeout = new AbortController();
    const cancel = clock.after(timeoutOf(sync), () =>
      timeout.abort(new DOMException('spec.timeout has passed', 'TimeoutError')),
    );
    try {
      return await work(source, AbortSignal.any([timeout.signal, this.#abort.signal]));
    } finally {
      cancel();
    }
  }

  #assessDeps(sync: Sync, record: SyncRecord, takesOver: boolean): AssessDeps {
    const siblings = this.#siblings(sync);
    return {
      takesOver,
      resources: this.#deps.resources,
      bounds: boundsOf(sync, this.#deps.cache),
      known: record.known,
      parsed: record.parsed,
      reading: { now: this.#deps.clock.now(), timeout: timeoutOf(sync), signal: this.#abort.signal },
      turns: this.#turns,
      live: (member: Member) => this.#live.of(member),
      held: (namespace: string) => this.#live.held(namespace),
      isGone: (manager: string) => {
        const other = syncOfManager(manager);
        return other !== undefined && this.#deps.cache.syncs.get(keyText(other)) === undefined;
      },
      letsGo: (manager: string, id: string) => {
        const other = syncOfManager(manager);
        const claims = siblings.find(({ key }) => other && key === keyText(other))?.record?.claims;
        return claims?.whole === true && !claims.ids.has(id);
      },
      claimant: (id: string) => siblings.find(({ record }) => record?.claims?.ids.has(id))?.key,
    };
  }

  /** Returns the other Syncs to which an object may move in one push. */
  #siblings(sync: Sync): { key: string; sync: Sync; record: SyncRecord | undefined }[] {
    return this.#deps.cache.syncs
      .list()
      .filter((other) => other.metadata.uid !== sync.metadata.uid && haveOneSource(sync, other))
      .map((other) => {
        const key = keyText(other.metadata);
        const record = this.#records.get(key);
        return { key, sync: other, record: record?.uid === other.metadata.uid ? record : undefined };
      });
  }

  /**
   * Records what the manifests contain. Syncs of the same source look soon if there are conflicts: with the same push
   * they may drop the object.
   */
  #assessed(sync: Sync, record: SyncRecord, { revision, members, faults, conflicts }: Assessment): void {
    const isNews = record.claims?.revision !== revision;
    const mayClaim = faults.every(({ reason }) => reason !== 'NotAllowed');
    const ids = new Set(mayClaim ? members.map(identity) : []);
    record.claims = { revision, ids, whole: faults.length === 0 };
    if (isNews && conflicts.length > 0) this.#wake(this.#siblings(sync), revision);
  }

  /** Once the others have seen this revision, or a newer one. None of them is waited for for ever. */
  #othersLooked(sync: Sync, record: SyncRecord, { revision, prunes, conflicts }: Assessment): boolean {
    if (conflicts.length === 0 && prunes.every(({ kept }) => kept !== undefined)) return true;
    if (record.waits?.revision !== revision) record.waits = { revision, since: record.look.begun };
    const { since } = record.waits;
    const blind = this.#siblings(sync).filter(
      ({ record: other }) => other?.claims?.revision !== revision && (other?.look.ended ?? 0) < since,
    );
    if (blind.length === 0 || record.restless >= mostWaits) return true;
    this.#wake(blind, revision);
    return false;
  }

  #wake(
    syncs: readonly { key: string; sync: Sync; record: SyncRecord | undefined }[],
    revision: string,
  ): void {
    for (const { key, record } of syncs) {
      if (record === undefined || record.claims?.revision === revision) continue;
      record.hint({ what: 'Source', at: this.#deps.clock.now() });
      this.#deps.keys.add(key);
    }
  }

  /** Wakes the Syncs that waited for this look, and those that an object was handed to. */
  #looked(sync: Sync, record: SyncRecord, outcome: Outcome): void {
    const now = this.#deps.clock.now();
    record.look.ended = record.look.begun;
    record.waits = undefined;
    const handed = outcome.type === 'Synced' ? outcome.assessment.prunes.map(({ handedTo }) => handedTo) : [];
    for (const { key, record: other } of this.#siblings(sync)) {
      if (other === undefined || (other.waits === undefined && !handed.includes(key))) continue;
      other.looks = { ...other.looks, notBefore: undefined };
      other.hint({ what: 'Source', at: now });
      this.#deps.keys.add(key);
    }
  }

  async #intend(sync: Sync, assessment: Assessment): Promise<void> {
    await this.#write(sync, intent(sync, assessment, this.#deps.clock.now()));
  }

  async #settle(
    sync: Sync,
    record: SyncRecord,
    outcome: Outcome | 'Unsettled' | 'NotYet',
    onlyObjects: boolean,
  ): Promise<void> {
    const { clock, recorder } = this.#deps;
    const key = keyText(sync.metadata);
    if (outcome === 'Unsettled' || outcome === 'NotYet') {
      const notBefore = clock.now() + this.#restlessPause(sync, record);
      record.looks = { ...record.looks, notBefore };
      record.hint({ what: 'Source', at: notBefore });
      record.restless += 1;
      return;
    }
    if (!onlyObjects) this.#looked(sync, record, outcome);
    const compared = comparedOf(outcome);
    const healed = compared?.healed === true && compared.assessment.changes.length > 0;
    record.restless = healed ? record.restless + 1 : onlyObjects ? record.restless : 0;
    const failed = failing.includes(outcome.type) || failedRepair(outcome) !== undefined;
    const failures = failed ? record.looks.failures + 1 : onlyObjects ? record.looks.failures : 0;
    record.looks = { ...record.looks, failures };
    const assessment = outcome.type === 'Synced' ? outcome.assessment : compared?.assessment;
    if (assessment !== undefined) {
      const wanted = new Set(assessment.members.map(identity));
      for (const id of [...record.known.ids()]) if (!wanted.has(id)) record.known.forget(id);
    }
    const retryAt =
      failed && !sync.spec.suspend ? (record.looks.at ?? clock.now()) + pause(sync, record.looks) : undefined;
    const newest = this.#deps.cache.syncs.get(key) ?? sync;
    const status = nextStatus(
      { ...newest, metadata: sync.metadata, spec: sync.spec },
      outcome,
      clock.now(),
      retryAt,
    );
    if (outcome.type === 'Synced') await this.#useUp(sync, outcome.assessment.revision);
    const written = await this.#write(sync, failed ? { ...status, failures } : status);
    for (const newEvent of syncEvents(sync, outcome, newest.status?.conditions, status.conditions))
      recorder.recordEvent(written, newEvent);
  }

  /** An approval counts once: an emptied folder has the same revision each time, and each time needs an approval. */
  async #useUp(sync: Sync, revision: string): Promise<void> {
    const { cache, resources } = this.#deps;
    const newest = cache.syncs.get(keyText(sync.metadata)) ?? sync;
    if (newest.metadata.annotations?.[syncAnnotations.approved] !== revision) return;
    const metadata = { uid: sync.metadata.uid, annotations: { [syncAnnotations.approved]: null } };
    cache.note(await resources.patch('Sync', keyOf(sync), { type: 'merge', body: { metadata } }));
  }

  /** Writes the status. Only the controller writes it and knows what it last read, so only differences are sent. */
  async #write(sync: Sync, next: SyncStatus): Promise<Sync> {
    const { cache, resources } = this.#deps;
    const before = cache.syncs.get(keyText(sync.metadata))?.status ?? {};
    if (deepEqual(before, next)) return sync;
    const gone = Object.keys(before).filter((name) => !(name in next));
    const status = { ...next, ...Object.fromEntries(gone.map((name) => [name, null])) };
    const written = await resources.patch(
      'Sync',
      keyOf(sync),
      { type: 'merge', body: { metadata: { uid: sync.metadata.uid }, status } },
      { subresource: 'status' },
    );
    cache.note(written);
    return written;
  }
}

/**
 * Returns whether both Syncs may see the same push: one repository, or folders of this host, which may be parts of one
 * tree.
 */
function haveOneSource({ spec }: Sync, other: Sync): boolean {
  if (other.spec.suspend || other.metadata.deletionTimestamp !== undefined) return false;
  const [one, two] = [spec.source.git?.url, other.spec.source.git?.url];
  return one === two;
}

const timeoutOf = ({ spec }: Sync): number => span(spec.timeout, 60_000);
