import { syncAnnotations } from '../../api/annotations.ts';
import { deepEqual } from '../../api/json.ts';
import { keyOf, keyText, type Sync, type SyncStatus } from '../../api/objects.ts';
import type { Recorder } from '../../client/recorder.ts';
import type { Resources } from '../../client/resources.ts';
import { identity } from '../../client/write-objects.ts';
import { pause } from '../../plan/sync-due.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Cache } from '../cache.ts';
import type { Assessment } from './assess.ts';
import type { Siblings } from './siblings.ts';
import { comparedOf, failedRepair, type Outcome, restlessPause, type SyncRecord } from './sync-records.ts';
import { intent, nextStatus, syncEvents } from './sync-status.ts';

export interface SyncWriterDeps {
  resources: Resources;
  cache: Cache;
  recorder: Recorder;
  siblings: Siblings;
  clock: Clock;
}

const failing: readonly Outcome['type'][] = ['SourceFailed', 'ApplyFailed', 'Interrupted'];

/** Writes what came of a look: the record, the status and the Events of a Sync. */
export class SyncWriter {
  readonly #deps: SyncWriterDeps;

  constructor(deps: SyncWriterDeps) {
    this.#deps = deps;
  }

  /** Writes down what is about to be done. */
  async intend(sync: Sync, assessment: Assessment): Promise<void> {
    await this.#write(sync, intent(sync, assessment, this.#deps.clock.now()));
  }

  async settle(
    sync: Sync,
    record: SyncRecord,
    outcome: Outcome | 'Unsettled' | 'NotYet',
    onlyObjects: boolean,
  ): Promise<void> {
    const { clock, recorder } = this.#deps;
    const key = keyText(sync.metadata);
    if (outcome === 'Unsettled' || outcome === 'NotYet') {
      const notBefore = clock.now() + restlessPause(sync, record);
      record.looks = { ...record.looks, notBefore };
      record.hint({ what: 'Source', at: notBefore });
      record.restless += 1;
      return;
    }
    if (!onlyObjects) this.#deps.siblings.looked(sync, record, outcome);
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
