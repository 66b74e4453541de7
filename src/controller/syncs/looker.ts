import { syncAnnotations, syncOfManager, takingOver } from '../../api/annotations.ts';
import { ApiError } from '../../api/errors.ts';
import { keyText, type ObjectKey, type Sync } from '../../api/objects.ts';
import type { Resources } from '../../client/resources.ts';
import type { SyncDiff } from '../../client/streams.ts';
import type { Member } from '../../client/write-objects.ts';
import { unsupported } from '../../drivers/driver-index.ts';
import type { Bounds } from '../../plan/sync-bounds.ts';
import { span } from '../../plan/times.ts';
import type { Clock, TimeSlice } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { type Found, type Source, SourceError } from '../../sources/source.ts';
import type { Cache } from '../cache.ts';
import type { Keys } from '../manager.ts';
import { authorFor } from '../policies.ts';
import { type AssessDeps, type Assessment, assess } from './assess.ts';
import { objectChanges } from './enact.ts';
import type { Live } from './known-objects.ts';
import { keep, Overtaken, type PassDeps, pass } from './pass.ts';
import type { Siblings } from './siblings.ts';
import {
  type Kept,
  MissingSecret,
  type Outcome,
  type Sources,
  type SyncRecord,
  type SyncRecords,
} from './sync-records.ts';
import type { SyncWriter } from './sync-writer.ts';

interface LookerDeps {
  resources: Resources;
  cache: Cache;
  sources: Sources;
  live: Live;
  records: SyncRecords;
  siblings: Siblings;
  writer: SyncWriter;
  slice: TimeSlice;
  /** For a folder that changes. */
  keys: Keys;
  /** Aborted when the controller stops. */
  signal: AbortSignal;
  clock: Clock;
  log: Log;
}

/** Looks at the source of a Sync and does what it finds there, within spec.timeout. */
export class Looker {
  readonly #deps: LookerDeps;

  constructor(deps: LookerDeps) {
    this.#deps = deps;
  }

  /** Returns what the newest revision would change. See Streams.diffSync. */
  async diff(key: ObjectKey, force = false): Promise<SyncDiff> {
    const sync = await this.#deps.resources.get('Sync', key);
    const record = this.#deps.records.of(sync);
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

  async look(
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
          if (!(error instanceof SourceError) || this.#deps.signal.aborted) throw error;
          if (error.code === 'Unsettled' && record.restless < 6) return 'Unsettled';
          return failed(error, keep(sync, source, deps));
        }
      });
    } catch (error) {
      if (this.#deps.signal.aborted) throw error; // the controller stops; this says nothing about the source
      if (error instanceof Overtaken || !(error instanceof Error)) throw error;
      if (error instanceof MissingSecret) {
        const deps = this.#passDeps(sync, record, this.#deps.signal, requested);
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
      live: (id) => this.#deps.live.get(id),
      requested,
      note: (object) => this.#deps.cache.note(object),
      assessed: (assessment) => this.#deps.siblings.assessed(sync, record, assessment),
      othersLooked: (assessment) => this.#deps.siblings.othersLooked(sync, record, assessment),
      intend: (about, assessment) => this.#deps.writer.intend(about, assessment),
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
      return await work(source, AbortSignal.any([timeout.signal, this.#deps.signal]));
    } finally {
      cancel();
    }
  }

  #assessDeps(sync: Sync, record: SyncRecord, takesOver: boolean): AssessDeps {
    const siblings = this.#deps.siblings.of(sync);
    return {
      takesOver,
      resources: this.#deps.resources,
      bounds: boundsOf(sync, this.#deps.cache),
      known: record.known,
      parsed: record.parsed,
      reading: { now: this.#deps.clock.now(), timeout: timeoutOf(sync), signal: this.#deps.signal },
      slice: this.#deps.slice,
      live: (member: Member) => this.#deps.live.of(member),
      held: (namespace: string) => this.#deps.live.held(namespace),
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
}

const timeoutOf = ({ spec }: Sync): number => span(spec.timeout, 60_000);

/** Returns the limits of a Sync, from the Runtimes in the cache. */
const boundsOf = (sync: Sync, cache: Cache): Bounds => ({
  sync,
  runtimeOf: ({ runtimeRef, template }) => {
    const name = runtimeRef?.name ?? cache.defaultRuntime(template.image !== undefined);
    return name === undefined ? undefined : cache.runtimes.get(name);
  },
  mayRunHere: (namespace) => cache.mayRunHere(namespace, authorFor(sync)),
  unsupported: ({ spec }, agent) => unsupported(spec, agent, authorFor(sync)),
});

/** Returns what an Assessment says about a revision that is not applied yet. */
function diffOf(sync: Sync, assessment: Assessment): SyncDiff {
  const { revision, reference, faults, conflicts, needsApproval } = assessment;
  const errors = [
    ...faults.map(({ text }) => text),
    ...conflicts.map(({ member, text }) => `${member.info.kind}/${member.key.name}: ${text}`),
  ];
  return {
    revision,
    reference,
    applied: sync.status?.revision,
    errors,
    changes: objectChanges(assessment),
    needsApproval,
  };
}
