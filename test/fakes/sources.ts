import { createHash } from 'node:crypto';
import type { SourceOptions, Sources } from '../../src/controller/syncs/sync-records.ts';
import { type Found, type Manifests, type Source, SourceError } from '../../src/sources/source.ts';

/** A repository in memory: what a test pushes is what stands there. Its revisions look like commits. */
export class FakeSources implements Sources {
  #files: Record<string, string> = {};
  #revision = revisionOf({});
  #failure: SourceError | undefined;
  reference: string | undefined = 'refs/heads/main';
  /** What was read once can be read again, as in a repository that was fetched. */
  keepsOld = true;
  readonly #read = new Map<string, Record<string, string>>();
  /** Every call, as in `look`, `read`, `forget`. */
  readonly calls: string[] = [];
  /** Waited for before each read. */
  gate: Promise<void> | undefined;
  readonly made: SourceOptions[] = [];
  readonly #watchers = new Set<() => void>();

  /** Puts these files in place of all others; answers the revision. */
  push(files: Record<string, string>): string {
    this.#files = files;
    this.#revision = revisionOf(files);
    return this.#revision;
  }

  get revision(): string {
    return this.#revision;
  }

  /** Each look fails so, until it is called without an error. */
  fail(error?: SourceError): void {
    this.#failure = error;
  }

  /** As a watched folder does. */
  changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  async make(options: SourceOptions): Promise<Source> {
    this.made.push(options);
    const watchers: (() => void)[] = [];
    return {
      look: async (signal) => this.#look(signal),
      read: async (found, signal) => this.#manifests(found, signal, options.source.git?.path ?? '.'),
      watch: (changed) => {
        watchers.push(changed);
        this.#watchers.add(changed);
      },
      close: async () => {
        for (const watcher of watchers) this.#watchers.delete(watcher);
      },
    };
  }

  async forget(uid: string): Promise<void> {
    this.calls.push(`forget ${uid}`);
  }

  async keepOnly(): Promise<void> {}

  #look(signal: AbortSignal): Found {
    this.calls.push('look');
    if (signal.aborted) throw new SourceError('Timeout', 'It took too long.');
    if (this.#failure !== undefined) throw this.#failure;
    return { revision: this.revision, reference: this.reference };
  }

  /** Of the files below the folder. */
  async #manifests({ revision, reference }: Found, signal: AbortSignal, folder: string): Promise<Manifests> {
    this.calls.push('read');
    await this.gate;
    const known = this.keepsOld ? this.#read.get(revision) : undefined;
    const found = known === undefined ? this.#look(signal) : { revision, reference };
    this.#read.set(found.revision, known ?? this.#files);
    const files = Object.entries(known ?? this.#files)
      .filter(([name]) => folder === '.' || name.startsWith(`${folder}/`))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, text]) => ({ name, bytes: Buffer.from(text) }));
    return { ...found, files };
  }
}

const revisionOf = (files: Record<string, string>): string =>
  createHash('sha1').update(JSON.stringify(files)).digest('hex');
