import type { ManifestError, Source as ManifestFile } from '../../api/manifest.ts';
import type { Kind } from '../../api/objects.ts';
import type { Path } from '../../api/path.ts';

/**
 * Reads what others wrote. createParser (threaded.ts) does it in a thread of its own, within bounds of time and memory;
 * `inPlace` (in-place.ts) does it in the caller's, without bounds. Every failure is a SourceError: Timeout, TooLarge or
 * Failed. The contract suite is test/contracts/parser.ts.
 */
export interface Parser {
  /** What each file, or part of one, holds. `took`: how long that ran, in milliseconds. */
  parse(files: readonly ManifestFile[], options: ParseOptions): Promise<{ read: ReadFile[]; took: number }>;
  /** Where fields stand in a file that was parsed before. */
  locate(
    file: ManifestFile,
    fields: readonly Field[],
    options: ParseOptions,
  ): Promise<{ places: Place[]; took: number }>;
  /** Throws SourceError where the kustomization reads anything but the tree, or runs anything: see checkSealed. */
  seal(root: string, path: string, options: ParseOptions): Promise<void>;
  /** The value of one YAML document, as JSON, or the offset of the first fault. */
  value(text: string, options: ParseOptions): Promise<{ json: string } | { faultAt: number }>;
  close(): Promise<void>;
}

export interface ParseOptions {
  /** Who asks: owners take turns. */
  owner: string;
  /** How long it may run, in milliseconds, where that is less than the parser's own bound. Waiting does not count. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** What a file holds, as plain data. */
export interface ReadFile {
  documents: ReadDocument[];
  errors: ManifestError[];
  /** How many errors are not told. */
  moreErrors: number;
  /** How many line ends it has. */
  lineEnds: number;
}

/** A ManifestDocument that can be sent: its object is text, which costs little to send. */
interface ReadDocument {
  line: number;
  kind: Kind;
  name?: string | undefined;
  namespace?: string | undefined;
  json: string;
}

export interface Field {
  /** The place of its document among those of the file. */
  document: number;
  path: Path;
}

export interface Place {
  line: number;
  column: number;
}
