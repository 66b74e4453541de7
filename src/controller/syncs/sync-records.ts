import { AgentctlError, backoffDelay } from '../../api/errors.ts';
import { keyText, type Secret, type Sync } from '../../api/objects.ts';
import { type Hint, type Looks, withHint } from '../../plan/sync-due.ts';
import { span } from '../../plan/times.ts';
import type { Clock, TimeSlice } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { Retries } from '../../platform/retry.ts';
import type { Parser } from '../../sources/parsing/parser.ts';
import type { Source, SourceError } from '../../sources/source.ts';
import type { Assessment } from './assess.ts';
import { Known } from './known-objects.ts';
import { mostObjects } from './manifests.ts';
import { Parsed } from './parsed.ts';

interface SyncRecordsDeps {
  sources: Sources;
  /** Parses the manifests. Its owner closes it. */
  parser: Parser;
  clock: Clock;
  log: Log;
}

/** The records of all Syncs by key, and the files of their sources, which end with them. */
export class SyncRecords {
  readonly #deps: SyncRecordsDeps;
  readonly #slice: TimeSlice;
  readonly #byKey = new Map<string, SyncRecord>();
  readonly #tidying: Retries;

  constructor(deps: SyncRecordsDeps, slice: TimeSlice) {
    this.#deps = deps;
    this.#slice = slice;
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
    const parsed = new Parsed({ parser, owner: key, slice: this.#slice, mostDocuments: mostObjects });
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

/** Data of a Secret, decoded. */
type SecretData = Readonly<Record<string, Uint8Array>>;

export interface SourceOptions {
  /** Uid of the Sync. It names the folder in which the source keeps what it fetched. */
  uid: string;
  source: Sync['spec']['source'];
  secret: SecretData | undefined;
  /** Keys to verify the signatures of commits. */
  keys: SecretData | undefined;
}

/** Creates Sources, and deletes what they stored on disk. */
export interface Sources {
  make(options: SourceOptions): Promise<Source>;
  forget(uid: string): Promise<void>;
  /** Deletes what is stored for all other Syncs. */
  keepOnly(uids: ReadonlySet<string>): Promise<void>;
}

interface RecordDeps {
  sources: Sources;
  secret: (key: string) => Secret | undefined;
  /** Called when the folder has changed. */
  changed: () => void;
}

/** What this controller has found out about one Sync. In memory only. */
export class SyncRecord {
  readonly uid: string;
  readonly known = new Known();
  readonly parsed: Parsed;
  looks: Looks = { failures: 0 };
  /**
   * The objects in its manifests when they were last read. Absent: not read yet. `whole`: the manifests contain nothing
   * else.
   */
  claims: { revision: string; ids: ReadonlySet<string>; whole: boolean } | undefined;
  /**
   * The numbers of the look that began last and of the look that ended last. Looks of all Syncs are counted together.
   */
  look = { begun: 0, ended: 0 };
  /** Since this look it waits for other Syncs to look, before it deletes what this revision no longer contains. */
  waits: { revision: string; since: number } | undefined;
  /** How often in a row its objects were corrected early, or its files were being written. */
  restless = 0;
  #source: { signature: string; source: Source } | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(uid: string, parsed: Parsed) {
    this.uid = uid;
    this.parsed = parsed;
  }

  hint(hint: Hint): void {
    this.looks = { ...this.looks, hint: withHint(this.looks.hint, hint) };
  }

  /** Runs the calls of a Source one after the other. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  /** Returns the Source for the current spec and Secrets, or the name of a missing Secret. */
  async source(sync: Sync, { sources, secret, changed }: RecordDeps): Promise<Source | { missing: string }> {
    const { git } = sync.spec.source;
    const [own, keys] = [git?.secretRef, git?.verify?.secretRef].map((reference) =>
      reference === undefined
        ? undefined
        : (secret(keyText({ ...sync.metadata, name: reference.name })) ?? { missing: reference.name }),
    );
    if (own !== undefined && 'missing' in own) return own;
    if (keys !== undefined && 'missing' in keys) return keys;
    const signature = JSON.stringify([
      sync.spec.source,
      own?.metadata.resourceVersion,
      keys?.metadata.resourceVersion,
    ]);
    if (this.#source?.signature === signature) return this.#source.source;
    await this.close();
    const source = await sources.make({
      uid: this.uid,
      source: sync.spec.source,
      secret: dataOf(own),
      keys: dataOf(keys),
    });
    source.watch?.(changed);
    this.#source = { signature, source };
    return source;
  }

  async close(): Promise<void> {
    await this.#source?.source.close();
    this.#source = undefined;
  }
}

/** Milliseconds to wait after others changed its objects, or while its files are being written. */
export const soon = 300;

/** Returns the delay in milliseconds. It grows as long as somebody keeps changing the objects. */
export const restlessPause = ({ spec }: Sync, { restless }: SyncRecord): number =>
  backoffDelay({ from: soon, upTo: span(spec.interval, 60_000) }, Math.min(restless, 16) + 1);

const dataOf = (secret: Secret | undefined): SecretData | undefined =>
  secret === undefined
    ? undefined
    : Object.fromEntries(
        Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]),
      );

const credentials = (url: string): string =>
  url.startsWith('https:')
    ? '--from-literal=username=NAME --from-file=password=FILE'
    : '--from-file=identity=FILE --from-file=known_hosts=FILE';
const signers = '--from-file=allowed_signers=FILE';

/** A Secret that the Sync names does not exist. */
export class MissingSecret extends AgentctlError<'SecretMissing'> {
  constructor(name: string, { metadata, spec: { source } }: Sync) {
    const content = source.git?.secretRef?.name === name ? credentials(source.git.url) : signers;
    super(
      'SecretMissing',
      `The Secret ${name} does not exist in the namespace ${metadata.namespace}: create it with agentctl create secret generic ${name} -n ${metadata.namespace} ${content}`,
    );
  }
}

/** The applied revision compared with the stored objects. */
export interface Compared {
  assessment: Assessment;
  /** Whether the differences were corrected. If not, they are reported as drift. */
  healed: boolean;
}

/**
 * What happened to the applied revision. Same: nothing has changed since the last check. `unknown`: something differs,
 * and why it cannot be compared with its manifests. `failures`: something differs and could not be corrected. None: no
 * revision is completely applied with this spec.
 */
export type Kept = Compared | 'Same' | { unknown: string } | { failures: readonly string[] } | 'None';

/** The result of a look at the source of a Sync. If the newest revision cannot be applied, the applied one is kept. */
export type Outcome =
  | { type: 'Suspended' }
  /** With the revision, if it was found but could not be read. */
  | {
      type: 'SourceFailed';
      error: SourceError | MissingSecret;
      revision: string | undefined;
      kept: Kept;
    }
  | { type: 'Refused'; assessment: Assessment; kept: Kept }
  | { type: 'ApprovalRequired'; assessment: Assessment; kept: Kept }
  | { type: 'ApplyFailed'; assessment: Assessment; failures: readonly string[] }
  /** The API was unreachable, or its answer is no verdict on the manifests. */
  | { type: 'Interrupted'; error: Error }
  /** Completely applied just now. */
  | { type: 'Synced'; assessment: Assessment }
  /** Nothing is new. Without `looked`, the source was not asked, because only an object had changed. */
  | { type: 'Kept'; kept: Kept; looked: boolean };

export const keptOf = (outcome: Outcome): Kept | undefined => ('kept' in outcome ? outcome.kept : undefined);

/** Returns the comparison of the applied revision with the stored objects, if there was one. */
export function comparedOf(outcome: Outcome): Compared | undefined {
  const kept = keptOf(outcome);
  return typeof kept === 'object' && 'assessment' in kept ? kept : undefined;
}

/** Returns why differences from the applied revision could not be corrected, if so. */
export function failedRepair(outcome: Outcome): readonly string[] | undefined {
  const kept = keptOf(outcome);
  return typeof kept === 'object' && 'failures' in kept ? kept.failures : undefined;
}
