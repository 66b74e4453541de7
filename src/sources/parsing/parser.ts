import type { Path } from '../../api/json.ts';
import type { ManifestError, Source as ManifestFile } from '../../api/manifest.ts';
import type { Kind } from '../../api/objects.ts';

/**
 * Parses untrusted files. createParser (threaded.ts) does it in its own thread, with limits on time and memory;
 * `inPlace` (in-place.ts) does it in the caller's thread, without limits. Every failure is a SourceError: Timeout,
 * TooLarge or Failed. The contract suite is test/contracts/parser.ts.
 */
export interface Parser {
  /** Returns the content of each file, or of part of one. `took` is the run time in milliseconds. */
  parse(files: readonly ManifestFile[], options: ParseOptions): Promise<{ read: ReadFile[]; took: number }>;
  /** Returns the positions of fields in a file that was parsed before. */
  locate(
    file: ManifestFile,
    fields: readonly Field[],
    options: ParseOptions,
  ): Promise<{ places: Place[]; took: number }>;
  /** Throws SourceError if the kustomization would read anything outside the tree, or run anything: see checkSealed. */
  seal(root: string, path: string, options: ParseOptions): Promise<void>;
  /** Returns the value of one YAML document as JSON, or the offset of the first error. */
  value(text: string, options: ParseOptions): Promise<{ json: string } | { faultAt: number }>;
  close(): Promise<void>;
}

export interface ParseOptions {
  /** The requester. Owners take turns. */
  owner: string;
  /** The maximum run time in milliseconds, if it is less than the parser's own. Waiting does not count. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** The content of a file, as plain data. */
export interface ReadFile {
  documents: ReadDocument[];
  errors: ManifestError[];
  /** How many further errors were omitted. */
  moreErrors: number;
  /** The number of newlines. */
  lineEnds: number;
}

/** A ManifestDocument for another thread: its object is text, which is cheap to send. */
interface ReadDocument {
  line: number;
  kind: Kind;
  name?: string | undefined;
  namespace?: string | undefined;
  json: string;
}

export interface Field {
  /** The index of its document in the file. */
  document: number;
  path: Path;
}

export interface Place {
  line: number;
  column: number;
}
