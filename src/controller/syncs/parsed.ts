import { createHash } from 'node:crypto';
import type { Path } from '../../api/json.ts';
import { kindInfo } from '../../api/kinds.ts';
import type { ManifestDocument, ManifestError } from '../../api/manifest.ts';
import type { TimeSlice } from '../../platform/clock.ts';
import type { Field, Parser, Place, ReadFile } from '../../sources/parsing/parser.ts';
import { type Manifests, SourceError } from '../../sources/source.ts';

/** A document of the manifests, as plain data. */
export interface SyncDocument extends Omit<ManifestDocument, 'locate' | 'name' | 'namespace'> {
  name?: string | undefined;
  namespace?: string | undefined;
  /** The piece of the file that contains it, its index in that piece, and the number of lines before the piece. */
  at: { piece: number; document: number; lines: number };
}

export interface Read {
  documents: readonly SyncDocument[];
  errors: readonly ManifestError[];
  /** Number of errors that are left out. */
  moreErrors: number;
}

export interface ReadOptions {
  now: number;
  /** Milliseconds that the parser may take for all files. */
  timeout: number;
  signal: AbortSignal;
}

export interface ParsedDeps {
  parser: Parser;
  /** The owner of the requests to the parser. */
  owner: string;
  slice: TimeSlice;
  /** More documents than this end the reading. */
  mostDocuments: number;
}

/**
 * Bytes of text that are kept; the parsed data takes several times that. Larger sources are parsed completely each
 * time.
 */
const mostKept = 4 * 1024 * 1024;
/** Bytes in one request to the parser, so that Syncs take turns. */
const batchSize = 256 * 1024;
const mostInBatch = 500;
const mostErrors = 1000;
/** Milliseconds that the parser gets at least. */
const shortest = 1000;
/** Milliseconds until a file that the parser failed on is tried again, because the machine may have been busy. */
const retryAfter = 3_600_000;

type File = Manifests['files'][number];

interface FileRead {
  digest: string;
  documents: SyncDocument[];
  errors: ManifestError[];
  moreErrors: number;
  lines: number;
}

interface Piece extends File {
  piece: number;
  /** Digest of the whole file. */
  digest: string;
}

/** The parsed files of a Sync from the last read. For the next revision, only what differs is parsed. */
export class Parsed {
  readonly #deps: ParsedDeps;
  #kept: ReadonlyMap<string, FileRead> = new Map();
  #failed: { batch: string; until: number; error: SourceError } | undefined;

  constructor(deps: ParsedDeps) {
    this.#deps = deps;
  }

  /** Lets the next read try again what the parser failed on. */
  retry(): void {
    this.#failed = undefined;
  }

  /**
   * Parses the files. Throws SourceError if a file cannot be read within the limits. For the same files it throws that
   * again without another try.
   */
  async read(files: Manifests['files'], options: ReadOptions): Promise<Read> {
    const all = new Map<string, FileRead>();
    const pieces: Piece[] = [];
    let size = 0;
    for (const { name: given, bytes } of files) {
      await this.#deps.slice.next();
      const name = copied(given);
      const digest = createHash('sha256').update(bytes).digest('base64');
      const known = this.#kept.get(name);
      size += bytes.length;
      if (known?.digest === digest) all.set(name, known);
      else {
        all.set(name, { digest, documents: [], errors: [], moreErrors: 0, lines: 0 });
        for (const [piece, part] of piecesOf(bytes).entries())
          pieces.push({ name, bytes: part, piece, digest });
      }
    }
    const left = { time: options.timeout, errors: mostErrors, documents: this.#deps.mostDocuments };
    for (const { documents } of all.values()) left.documents -= documents.length;
    for (const batch of batchesOf(pieces)) {
      if (left.documents >= 0) await this.#readBatch(batch, all, left, options);
    }
    this.#kept = size > mostKept || left.documents < 0 ? new Map() : all;
    const read = [...all.values()];
    return {
      documents: read.flatMap(({ documents }) => documents),
      errors: read.flatMap(({ errors }) => errors),
      moreErrors: read.reduce((sum, { moreErrors }) => sum + moreErrors, 0),
    };
  }

  /**
   * Returns the lines of the fields. If there is too much to search, it returns the lines where their documents begin.
   */
  async locate(
    files: Manifests['files'],
    fields: readonly { document: SyncDocument; path: Path }[],
    { timeout, signal }: ReadOptions,
  ): Promise<Place[]> {
    const places: Place[] = fields.map(({ document: { line } }) => ({ line, column: 1 }));
    const wanted = fields.slice(0, mostErrors).map((field, index) => ({ ...field, index }));
    const left = { time: timeout };
    for (const [source, inFile] of Map.groupBy(wanted, ({ document }) => document.source)) {
      const pieces = piecesOf(files.find(({ name }) => name === source)?.bytes ?? new Uint8Array());
      for (const [piece, inPiece] of Map.groupBy(inFile, ({ document }) => document.at.piece)) {
        const asked = inPiece.map(({ document, path }): Field => ({ document: document.at.document, path }));
        const file = { name: source, bytes: pieces[piece] ?? new Uint8Array() };
        const { parser, owner } = this.#deps;
        const { places: found, took } = await parser.locate(file, asked, {
          owner,
          timeout: left.time,
          signal,
        });
        left.time = Math.max(shortest, left.time - took);
        for (const [at, { index, document }] of inPiece.entries()) {
          const place = found[at];
          if (place !== undefined) places[index] = { ...place, line: place.line + document.at.lines };
        }
      }
    }
    return places;
  }

  async #readBatch(
    batch: readonly Piece[],
    all: ReadonlyMap<string, FileRead>,
    left: { time: number; errors: number; documents: number },
    { now, timeout, signal }: ReadOptions,
  ): Promise<void> {
    const { parser, owner } = this.#deps;
    const id = JSON.stringify(batch.map(({ name, digest, piece }) => [name, digest, piece]));
    if (this.#failed?.batch === id && now < this.#failed.until) throw this.#failed.error;
    try {
      const { read, took } = await parser.parse(batch, {
        owner,
        timeout: Math.max(shortest, left.time),
        signal,
      });
      left.time -= took;
      for (const [at, { name, piece }] of batch.entries()) {
        const [file, found] = [all.get(name), read[at]];
        if (file !== undefined && found !== undefined) await this.#add(file, name, piece, found, left);
      }
      if (left.time <= 0)
        throw new SourceError(
          'Timeout',
          `the manifests could not be read within ${timeout / 1000} s: raise spec.timeout, or split them among several Syncs`,
        );
    } catch (error) {
      if (error instanceof SourceError && !signal.aborted)
        this.#failed = { batch: id, until: now + retryAfter, error };
      throw error;
    }
  }

  async #add(
    file: FileRead,
    name: string,
    piece: number,
    { documents, errors, moreErrors, lineEnds }: ReadFile,
    left: { errors: number; documents: number },
  ): Promise<void> {
    for (const [index, { line, kind, json, ...names }] of documents.entries()) {
      await this.#deps.slice.next();
      file.documents.push({
        ...names,
        source: name,
        line: line + file.lines,
        info: kindInfo(kind),
        object: JSON.parse(json),
        at: { piece, document: index, lines: file.lines },
      });
    }
    for (const error of errors.slice(0, left.errors))
      file.errors.push({ ...error, line: error.line + file.lines });
    file.moreErrors += moreErrors + Math.max(0, errors.length - left.errors);
    file.lines += lineEnds;
    left.documents -= documents.length;
    left.errors = Math.max(0, left.errors - errors.length);
  }
}

/** Copies a text: a substring would keep the whole text in memory, here the list of all files of a revision. */
const copied = (text: string): string => Buffer.from(text).toString();

/** Splits a file where documents begin, so that each piece parses as it would in the file. */
function piecesOf(bytes: Uint8Array): Buffer[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const mark = all.includes('\n---\r\n') ? '\n---\r\n' : '\n---\n';
  const pieces: Buffer[] = [];
  let from = 0;
  for (;;) {
    const cut = all.indexOf(mark, from + batchSize);
    if (cut < 0) return [...pieces, all.subarray(from)];
    pieces.push(all.subarray(from, cut + 1));
    from = cut + 1;
  }
}

/** Batches are in the order of the files, so that lines can be counted. */
function batchesOf(pieces: readonly Piece[]): Piece[][] {
  const batches: Piece[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const piece of pieces) {
    if (size + piece.bytes.length > batchSize || (batches.at(-1)?.length ?? 0) >= mostInBatch) {
      batches.push([]);
      size = 0;
    }
    batches.at(-1)?.push(piece);
    size += piece.bytes.length;
  }
  return batches;
}
