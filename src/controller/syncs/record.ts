import { keyText, type Secret, type Sync } from '../../api/objects.ts';
import { type Hint, type Looks, withHint } from '../../plan/sync/due.ts';
import type { Source, SourceError } from '../../sources/source.ts';
import type { Assessment } from './assess.ts';
import { Known } from './known.ts';
import type { Parsed } from './parsed.ts';

/** Data of a Secret, decoded. */
type SecretData = Readonly<Record<string, Uint8Array>>;

export interface SourceOptions {
  /** Of the Sync: names the folder in which the source keeps what it fetched. */
  uid: string;
  source: Sync['spec']['source'];
  secret: SecretData | undefined;
  /** For the signatures of commits. */
  keys: SecretData | undefined;
}

/** Makes Sources, and forgets what those of a Sync kept on disk. */
export interface Sources {
  make(options: SourceOptions): Promise<Source>;
  forget(uid: string): Promise<void>;
  /** Forgets all but these. */
  keepOnly(uids: ReadonlySet<string>): Promise<void>;
}

export interface RecordDeps {
  sources: Sources;
  secret: (key: string) => Secret | undefined;
  /** The folder has changed. */
  changed: () => void;
}

/** What is known of one Sync in this controller's life. */
export class SyncRecord {
  readonly uid: string;
  readonly known = new Known();
  readonly parsed: Parsed;
  looks: Looks = { failures: 0 };
  /**
   * What its manifests named when they were read last, and may name; absent: not read in this controller's life. `whole`:
   * they name nothing else.
   */
  claims: { revision: string; ids: ReadonlySet<string>; whole: boolean } | undefined;
  /** Looks of all Syncs are counted: that which it began last, and that which came to an end last. */
  look = { begun: 0, ended: 0 };
  /** It waits, since that look, for other Syncs to look, before it deletes what this revision no longer has. */
  waits: { revision: string; since: number } | undefined;
  /** Times in a row that its objects had to be set back early, or its files were being written. */
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

  /** A Source's calls are made one after the other. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  /** The Source by the spec and the Secrets as they are now; undefined with the Secret's name where one is missing. */
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

/** The Sync names a Secret that is not there. */
export class MissingSecret extends Error {
  readonly reason = 'SecretMissing';

  constructor(name: string, { metadata, spec: { source } }: Sync) {
    const content = source.git?.secretRef?.name === name ? credentials(source.git.url) : signers;
    super(
      `The Secret ${name} does not exist in the namespace ${metadata.namespace}: create it with agentctl create secret generic ${name} -n ${metadata.namespace} ${content}`,
    );
  }
}

/** The revision that is applied, compared with what is. */
export interface Compared {
  assessment: Assessment;
  /** What differed was set right; else it is told. */
  healed: boolean;
}

/**
 * What became of the revision that is applied. Same: all is as it was found last. `unknown`: something differs, and why
 * its manifests cannot be compared with it. `failures`: something differs, and could not be set right. None: nothing is
 * applied whole by this spec.
 */
export type Kept = Compared | 'Same' | { unknown: string } | { failures: readonly string[] } | 'None';

/** What came of a look at the source of a Sync. While the newest revision cannot be applied, the last one is kept so. */
export type Outcome =
  | { type: 'Suspended' }
  /** With the revision where it was found, and could not be read. */
  | {
      type: 'SourceFailed';
      error: SourceError | { reason: 'SecretMissing'; message: string };
      revision: string | undefined;
      kept: Kept;
    }
  | { type: 'Refused'; assessment: Assessment; kept: Kept }
  | { type: 'ApprovalRequired'; assessment: Assessment; kept: Kept }
  | { type: 'ApplyFailed'; assessment: Assessment; failures: readonly string[] }
  /** The API could not be asked, or what it answered is no verdict on the manifests. */
  | { type: 'Interrupted'; error: Error }
  /** Applied whole, just now. */
  | { type: 'Synced'; assessment: Assessment }
  /** Nothing is new. Without `looked` the source was not asked: an object had changed. */
  | { type: 'Kept'; kept: Kept; looked: boolean };

export const keptOf = (outcome: Outcome): Kept | undefined => ('kept' in outcome ? outcome.kept : undefined);

/** Where the revision that is applied was compared with what is. */
export function comparedOf(outcome: Outcome): Compared | undefined {
  const kept = keptOf(outcome);
  return typeof kept === 'object' && 'assessment' in kept ? kept : undefined;
}

/** Why what differs from the revision that is applied could not be set right. */
export function failedRepair(outcome: Outcome): readonly string[] | undefined {
  const kept = keptOf(outcome);
  return typeof kept === 'object' && 'failures' in kept ? kept.failures : undefined;
}
