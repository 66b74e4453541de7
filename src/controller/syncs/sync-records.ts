import { keyText, type Sync } from '../../api/objects.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { Retries } from '../../platform/retry.ts';
import type { Turns } from '../../platform/time-slice.ts';
import type { Parser } from '../../sources/parsing/parser.ts';
import { mostObjects } from './manifests.ts';
import { Parsed } from './parsed.ts';
import { type Sources, SyncRecord } from './record.ts';

export interface SyncRecordsDeps {
  sources: Sources;
  /** Parses the manifests. Its owner closes it. */
  parser: Parser;
  clock: Clock;
  log: Log;
}

/** The records of all Syncs by key, and the files of their sources, which end with them. */
export class SyncRecords {
  readonly #deps: SyncRecordsDeps;
  readonly #turns: Turns;
  readonly #byKey = new Map<string, SyncRecord>();
  readonly #tidying: Retries;

  constructor(deps: SyncRecordsDeps, turns: Turns) {
    this.#deps = deps;
    this.#turns = turns;
    const { clock, log } = deps;
    const what = 'the files of a Sync could not be removed';
    this.#tidying = new Retries({ clock, log, what, from: 5_000, upTo: 600_000 });
  }

  get(key: string): SyncRecord | undefined {
    return this.#byKey.get(key);
  }

  entries(): Iterable<[string, SyncRecord]> {
    return this.#byKey;
  }

  /** Returns the record of this Sync. One of the same name that was deleted is forgotten. */
  of({ metadata }: Sync): SyncRecord {
    const key = keyText(metadata);
    const known = this.#byKey.get(key);
    if (known?.uid === metadata.uid) return known;
    if (known !== undefined) void this.#remove(key, known);
    const { parser } = this.#deps;
    const parsed = new Parsed({ parser, owner: key, turns: this.#turns, mostDocuments: mostObjects });
    const record = new SyncRecord(metadata.uid, parsed);
    this.#byKey.set(key, record);
    return record;
  }

  async forget(key: string): Promise<void> {
    const record = this.#byKey.get(key);
    if (record !== undefined) await this.#remove(key, record);
  }

  /** Deletes the files of all other Syncs. */
  keepOnly(uids: ReadonlySet<string>): Promise<void> {
    return this.#tidy('all', () => this.#deps.sources.keepOnly(uids));
  }

  /** Ends the retries. */
  stop(): void {
    this.#tidying.stop();
  }

  async close(): Promise<void> {
    for (const record of this.#byKey.values()) await record.close();
  }

  async #remove(key: string, record: SyncRecord): Promise<void> {
    if (this.#byKey.get(key) === record) this.#byKey.delete(key);
    await this.#tidy(record.uid, () =>
      record.alone(async () => {
        await record.close();
        await this.#deps.sources.forget(record.uid);
      }),
    );
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
}
