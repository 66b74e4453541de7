import { createHash } from 'node:crypto';
import { type ManifestDocument, type ManifestError, parseManifests } from '../../api/manifest.ts';
import type { Manifests } from '../../sources/source.ts';

interface Read {
  documents: readonly ManifestDocument[];
  errors: readonly ManifestError[];
}

/** Bytes of text; what is made of it takes several times that. Of larger sources all is parsed each time. */
const mostKept = 4 * 1024 * 1024;

/** What the files of a Sync said when they were read last: of the next revision only what differs is parsed. */
export class Parsed {
  #kept = new Map<string, Read & { digest: string }>();

  /** Lets others work between files that it parses. */
  async read(files: Manifests['files']): Promise<Read> {
    const all = new Map<string, Read & { digest: string }>();
    let size = 0;
    for (const { name: given, bytes } of files) {
      const name = copied(given);
      const digest = createHash('sha256').update(bytes).digest('base64');
      const known = this.#kept.get(name);
      all.set(name, known?.digest === digest ? known : { ...parsed({ name, bytes }), digest });
      size += bytes.length;
      if (known?.digest !== digest) await new Promise((resolve) => setImmediate(resolve));
    }
    this.#kept = size > mostKept ? new Map() : all;
    const read = [...all.values()];
    return {
      documents: read.flatMap(({ documents }) => documents),
      errors: read.flatMap(({ errors }) => errors),
    };
  }

  /** To be called when places in the documents were told: a document then keeps all that it was parsed into. */
  clear(): void {
    this.#kept.clear();
  }
}

/** A text that was cut out of a longer one holds all of that: here the list of all files of a revision. */
const copied = (text: string): string => Buffer.from(text).toString();

const parsed = (file: Manifests['files'][number]): Read =>
  saysSomething(file) ? parseManifests([file]) : { documents: [], errors: [] };

/** A file of comments alone is a manifest that was commented out. One without a word may be half-written. */
function saysSomething({ bytes }: Manifests['files'][number]): boolean {
  const lines = Buffer.from(bytes)
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim());
  return !lines.some((line) => line !== '') || lines.some((line) => !/^(#.*|---)?$/.test(line));
}
