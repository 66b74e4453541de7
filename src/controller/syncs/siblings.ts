import { keyText, type Sync } from '../../api/objects.ts';
import { identity } from '../../client/write-objects.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Cache } from '../cache.ts';
import type { Keys } from '../manager.ts';
import type { Assessment } from './assess.ts';
import type { Outcome, SyncRecord, SyncRecords } from './sync-records.ts';

/** How often a Sync waits for others before it deletes. Each wait is longer. */
const mostWaits = 6;

export interface SiblingsDeps {
  cache: Cache;
  records: SyncRecords;
  keys: Keys;
  clock: Clock;
}

interface Sibling {
  key: string;
  /** Absent: it has not been looked at. */
  record: SyncRecord | undefined;
}

/** Syncs of one source, which wait for each other: an object may move from one to another in one push. */
export class Siblings {
  readonly #deps: SiblingsDeps;

  constructor(deps: SiblingsDeps) {
    this.#deps = deps;
  }

  /** Returns the other Syncs to which an object may move in one push. */
  of(sync: Sync): Sibling[] {
    return this.#deps.cache.syncs
      .list()
      .filter((other) => other.metadata.uid !== sync.metadata.uid && haveOneSource(sync, other))
      .map((other) => {
        const key = keyText(other.metadata);
        const record = this.#deps.records.get(key);
        return { key, record: record?.uid === other.metadata.uid ? record : undefined };
      });
  }

  /**
   * Records what the manifests contain. Syncs of the same source look soon if there are conflicts: with the same push
   * they may drop the object.
   */
  assessed(sync: Sync, record: SyncRecord, { revision, members, faults, conflicts }: Assessment): void {
    const isNews = record.claims?.revision !== revision;
    const mayClaim = faults.every(({ reason }) => reason !== 'NotAllowed');
    const ids = new Set(mayClaim ? members.map(identity) : []);
    record.claims = { revision, ids, whole: faults.length === 0 };
    if (isNews && conflicts.length > 0) this.#wake(this.of(sync), revision);
  }

  /** Once the others have seen this revision, or a newer one. None of them is waited for for ever. */
  othersLooked(sync: Sync, record: SyncRecord, { revision, prunes, conflicts }: Assessment): boolean {
    if (conflicts.length === 0 && prunes.every(({ kept }) => kept !== undefined)) return true;
    if (record.waits?.revision !== revision) record.waits = { revision, since: record.look.begun };
    const { since } = record.waits;
    const blind = this.of(sync).filter(
      ({ record: other }) => other?.claims?.revision !== revision && (other?.look.ended ?? 0) < since,
    );
    if (blind.length === 0 || record.restless >= mostWaits) return true;
    this.#wake(blind, revision);
    return false;
  }

  #wake(syncs: readonly Sibling[], revision: string): void {
    for (const { key, record } of syncs) {
      if (record === undefined || record.claims?.revision === revision) continue;
      record.hint({ what: 'Source', at: this.#deps.clock.now() });
      this.#deps.keys.add(key);
    }
  }

  /** Wakes the Syncs that waited for this look, and those that an object was handed to. */
  looked(sync: Sync, record: SyncRecord, outcome: Outcome): void {
    const now = this.#deps.clock.now();
    record.look.ended = record.look.begun;
    record.waits = undefined;
    const handed = outcome.type === 'Synced' ? outcome.assessment.prunes.map(({ handedTo }) => handedTo) : [];
    for (const { key, record: other } of this.of(sync)) {
      if (other === undefined || (other.waits === undefined && !handed.includes(key))) continue;
      other.looks = { ...other.looks, notBefore: undefined };
      other.hint({ what: 'Source', at: now });
      this.#deps.keys.add(key);
    }
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
