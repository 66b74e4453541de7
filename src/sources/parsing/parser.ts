import type { Path } from '../../api/json.ts';
import { parseChunk } from '../../api/manifest/yaml.ts';
import { type ManifestError, type Source as ManifestFile, parseManifests } from '../../api/manifest.ts';
import type { Kind } from '../../api/objects.ts';
import { checkSealed } from '../kustomization.ts';
import { SourceError, type SourceReason } from '../source.ts';

/**
 * Parses untrusted files. `createParser` (parser-thread.ts) does it in its own thread, with limits on time and memory;
 * `inPlace` does it in
 * the caller's thread, without limits. Every failure is a SourceError: Timeout,
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

/** A request to a Parser. Plain data, because it crosses threads. */
export type Job =
  | { type: 'parse'; files: readonly ManifestFile[] }
  | { type: 'locate'; file: ManifestFile; fields: readonly Field[] }
  | { type: 'seal'; root: string; path: string }
  | { type: 'value'; text: string };

interface Answers {
  parse: ReadFile[];
  locate: Place[];
  seal: { refused?: { reason: SourceReason; message: string } };
  value: { json: string } | { faultAt: number };
}

export type JobAnswer<J extends Job> = Answers[J['type']];

/** The maximum for one file: no one reads more. */
const mostErrors = 1000;

export function answer(job: Job): Answers[Job['type']] {
  switch (job.type) {
    case 'parse':
      return job.files.map(readFile);
    case 'locate':
      return locate(job.file, job.fields);
    case 'seal':
      return seal(job.root, job.path);
    case 'value':
      return valueIn(job.text);
  }
}

function readFile(file: ManifestFile): ReadFile {
  const text = Buffer.from(file.bytes).toString('utf8');
  const lineEnds = text.split('\n').length - 1;
  if (!saysSomething(text)) return { documents: [], errors: [], moreErrors: 0, lineEnds };
  const { documents, errors } = parseManifests([file]);
  return {
    documents: documents.map(({ line, info, name, namespace, object }) => ({
      line,
      kind: info.kind,
      name,
      namespace,
      json: JSON.stringify(object),
    })),
    errors: errors.slice(0, mostErrors),
    moreErrors: Math.max(0, errors.length - mostErrors),
    lineEnds,
  };
}

/** A file with only comments is a manifest that was commented out. An empty file may be incomplete. */
function saysSomething(text: string): boolean {
  const lines = text.split('\n').map((line) => line.trim());
  return !lines.some((line) => line !== '') || lines.some((line) => !/^(#.*|---)?$/.test(line));
}

function locate(file: ManifestFile, fields: readonly Field[]): Place[] {
  const { documents } = parseManifests([file]);
  return fields.map(({ document, path }) => documents[document]?.locate(path) ?? { line: 1, column: 1 });
}

function seal(root: string, path: string): Answers['seal'] {
  try {
    checkSealed(root, path);
    return {};
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return { refused: { reason: error.code, message: error.message } };
  }
}

function valueIn(text: string): Answers['value'] {
  const { value, faults } = parseChunk({ text, offset: 0 });
  const [fault] = faults;
  return fault === undefined ? { json: JSON.stringify(value ?? null) } : { faultAt: fault.offset };
}

/** A Parser in the caller's own thread, without limits: for the user's own files, and for tests. */
export const inPlace: Parser = {
  parse: async (files) => ({ read: done({ type: 'parse', files }), took: 0 }),
  locate: async (file, fields) => ({ places: done({ type: 'locate', file, fields }), took: 0 }),
  async seal(root, path) {
    const { refused } = done({ type: 'seal', root, path });
    if (refused !== undefined) throw new SourceError(refused.reason, refused.message);
  },
  value: async (text) => done({ type: 'value', text }),
  async close() {},
};

/** Cloned, as if it came from a thread. */
const done = <J extends Job>(job: J): JobAnswer<J> => structuredClone(answer(job)) as JobAnswer<J>; // of its type
