/** Manifests: from bytes to valid objects. Reports all errors of all documents with their positions. */
import { withTextAmounts } from './amounts.ts';
import type { FieldError } from './field-error.ts';
import { isObject, type JsonObject, type Path, pathText, sizeFault, sizeOf } from './json.ts';
import { type KindInfo, kindOf, kinds } from './kinds.ts';
import { type Chunk, decode, positions, type Source, split } from './manifest/chunks.ts';
import { type Parsed, parseChunk } from './manifest/yaml.ts';
import { unknownFields } from './shape.ts';
import { nearest, visible } from './text.ts';
import { validateObject } from './validation.ts';

export type { Source };

export interface ManifestDocument {
  source: string;
  /** Line of the first character in the source, from 1. */
  line: number;
  info: KindInfo;
  /** Absent if the document has a generateName instead. */
  name?: string;
  /** As in the document. */
  namespace?: string;
  /** As written, without defaults. */
  object: JsonObject;
  /** Returns the position of a field, for errors that only the server finds. */
  locate(path: Path): { line: number; column: number };
}

const mostBytes = 64 * 1024 * 1024;
const mostInDocument = 1024 * 1024;
const mostErrors = 100;

/**
 * Parses manifests. Never throws: any bytes give documents or errors. `namespace` applies to documents that name none.
 */
export function parseManifests(
  sources: readonly Source[],
  options: { namespace?: string | undefined } = {},
): { documents: ManifestDocument[]; errors: ManifestError[] } {
  const documents: ManifestDocument[] = [];
  const errors: ManifestError[] = [];
  for (const source of sources) {
    const read = readSource(source);
    for (const document of read.documents) documents.push(document);
    for (const error of read.errors) errors.push(error);
  }
  const twice = namedTwice(documents, options.namespace ?? 'default').map(({ document, message }) => ({
    source: document.source,
    ...document.locate(['metadata', 'name']),
    object: `${document.info.kind}/${document.name}`,
    path: 'metadata.name',
    message,
  }));
  return { documents, errors: [...errors, ...twice] };
}

interface Read {
  documents: ManifestDocument[];
  errors: ManifestError[];
}

function readSource(source: Source): Read {
  const fault = (message: string): Read => ({
    documents: [],
    errors: [{ source: source.name, line: 1, column: 1, message }],
  });
  if (source.bytes.length > mostBytes) return fault('is larger than 64 MiB');
  const { text, fault: broken } = decode(source.bytes);
  const position = positionsIn(text);
  if (broken !== undefined) {
    return {
      documents: [],
      errors: [{ source: source.name, ...position()(broken.offset), message: broken.message }],
    };
  }
  const chunks = split(text);
  if (chunks.length === 0) return fault('is empty');
  const read: Read = { documents: [], errors: [] };
  for (const chunk of chunks) readChunk(chunk, { source: source.name, position, ...read });
  return read;
}

interface Context extends Read {
  source: string;
  position: Position;
}

function readChunk(chunk: Chunk, context: Context): void {
  const { source, position, errors } = context;
  const start = chunk.offset + Math.max(0, chunk.text.replace(/^---/, '   ').search(/[^\s]/));
  if (chunk.text.length > mostInDocument) {
    errors.push({ source, ...position()(start), message: 'the document is larger than 1 MiB' });
    return;
  }
  const parsed = parseChunk(chunk);
  for (const { offset, message } of parsed.faults) errors.push({ source, ...position()(offset), message });
  if (parsed.faults.length > 0) return;
  const again = lazily(() => parseChunk(chunk));
  readObject(parsed.value, [], parsed, again, context);
}

/**
 * `base` is the object's path in its document: [], or the path of an item of a List. `again` parses the document again
 * when a position is needed. Keeping the trees of a thousand valid documents would take too much memory.
 */
function readObject(value: unknown, base: Path, parsed: Parsed, again: () => Parsed, context: Context): void {
  const { source, position, documents, errors } = context;
  const report = (found: readonly FieldError[], name?: string): void => {
    const shown = found.slice(0, mostErrors).map((error) => located(error, name));
    errors.push(...shown.sort((one, other) => one.line - other.line || one.column - other.column));
    if (found.length > mostErrors) {
      const rest = `and ${found.length - mostErrors} more errors in this document`;
      errors.push(located({ path: [], reason: 'FieldValueInvalid', message: rest }, name));
    }
  };
  const located = (error: FieldError, name: string | undefined): ManifestError => {
    const { path, reason, ...rest } = error;
    const whole = [...base, ...path];
    return {
      source,
      ...position()(parsed.offsetOf(whole, reason === 'UnknownField' ? 'key' : 'value')),
      ...(name === undefined ? {} : { object: name }),
      ...(whole.length === 0 ? {} : { path: pathText(whole) }),
      ...rest,
    };
  };

  if (!isObject(value)) {
    const what = Array.isArray(value) ? 'a list' : 'a single value';
    report([
      {
        path: [],
        reason: 'FieldValueTypeInvalid',
        message: `found ${what}, expected an object with apiVersion and kind`,
      },
    ]);
    return;
  }
  if (isListKind(value) && base.length === 0) {
    const items = value.items;
    for (const [at, item] of items.entries()) readObject(item, ['items', at], parsed, again, context);
    return;
  }
  const info = identify(value);
  if (!('schema' in info)) {
    report(info.errors);
    return;
  }
  const { name, namespace } = namesOf(value);
  const large = sizeFault(sizeOf(value));
  if (large !== undefined) {
    report(
      [{ path: [], reason: 'FieldValueInvalid', message: large }],
      name === undefined ? info.kind : `${info.kind}/${name}`,
    );
    return;
  }
  const object = withTextAmounts(info.schema, value);
  const textAt = (path: Path): string | undefined => parsed.textAt([...base, ...path]);
  const found = [...unknownFields(info.schema, object), ...validateObject(info, object, textAt)];
  report(found, name === undefined ? info.kind : `${info.kind}/${name}`);
  if (found.length > 0) return;
  documents.push({
    source,
    line: position()(parsed.offsetOf(base, 'key')).line,
    info,
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    object,
    locate: locator(base, again, position),
  });
}

type Position = () => (offset: number) => { line: number; column: number };

// These functions create the closures that are kept. A closure created inside readObject would keep the tree and the
// bytes in memory as well.
const positionsIn = (text: string): Position => lazily(() => positions(text));

const locator =
  (base: Path, again: () => Parsed, position: Position): ManifestDocument['locate'] =>
  (path) =>
    position()(again().offsetOf([...base, ...path], 'value'));

const isListKind = (value: JsonObject): value is JsonObject & { items: unknown[] } =>
  typeof value.kind === 'string' && value.kind.endsWith('List') && Array.isArray(value.items);

function namesOf(value: JsonObject): { name?: string; namespace?: string } {
  const metadata = isObject(value.metadata) ? value.metadata : {};
  const text = (field: unknown): string | undefined =>
    typeof field === 'string' && field !== '' ? field : undefined;
  const name = text(metadata.name);
  const namespace = text(metadata.namespace);
  return { ...(name === undefined ? {} : { name }), ...(namespace === undefined ? {} : { namespace }) };
}

/** Returns the kind that a document names, or errors if no such kind can be written. */
function identify(value: JsonObject): KindInfo | { errors: FieldError[] } {
  const { apiVersion, kind } = value;
  const errors: FieldError[] = [];
  for (const name of ['apiVersion', 'kind']) {
    const text = value[name];
    if (typeof text === 'string' && text !== '') continue;
    const example = name === 'kind' ? 'a kind such as Agent' : 'a group and version such as agentctl.dev/v1';
    errors.push({
      path: [name],
      reason: 'FieldValueRequired',
      message: `is missing, expected ${example}`,
      expected: example,
    });
  }
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || errors.length > 0) return { errors };
  const info = kindOf(apiVersion, kind);
  if (info?.stored === true) return info;
  const stored = kinds.filter((one) => one.stored);
  const names = stored.map((one) => one.kind);
  const known = stored.find((one) => one.kind === kind);
  if (known !== undefined)
    return {
      errors: [
        unknownWord('apiVersion', apiVersion, [known.apiVersion], `${known.apiVersion} for kind ${kind}`),
      ],
    };
  return { errors: [unknownWord('kind', kind, names, `one of ${names.join(', ')}`)] };
}

function unknownWord(field: string, word: string, words: readonly string[], expected: string): FieldError {
  const suggestion = words.length > 1 ? nearest(word, words) : undefined;
  return {
    path: [field],
    reason: 'FieldValueNotSupported',
    message: `found ${JSON.stringify(word)}, expected ${expected}`,
    found: word,
    expected,
    ...(suggestion === undefined ? {} : { suggestion }),
  };
}

interface Named extends Pick<ManifestDocument, 'source' | 'line' | 'info'> {
  name?: string | undefined;
  namespace?: string | undefined;
}

/**
 * Returns all but the first of the documents with the same kind and name. `namespace` applies to documents that name
 * none.
 */
export function namedTwice<D extends Named>(
  documents: readonly D[],
  namespace: string,
): { document: D; message: string }[] {
  const first = new Map<string, D>();
  return documents.flatMap((document) => {
    const { info, name } = document;
    if (name === undefined) return [];
    const key = `${info.kind}/${info.namespaced ? (document.namespace ?? namespace) : ''}/${name}`;
    const other = first.get(key);
    if (other === undefined) {
      first.set(key, document);
      return [];
    }
    const message = `is defined twice, first in ${other.source}:${other.line}; rename or remove one of the two`;
    return [{ document, message }];
  });
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

export interface ManifestError {
  /** The name of the source: a file, a URL, or `<stdin>`. */
  source: string;
  /** Line and column count from 1. The column counts characters. */
  line: number;
  column: number;
  /** For example `Agent/ticker`. Absent if the document does not say. */
  object?: string;
  path?: string;
  /** What is wrong: what was found and what was expected. */
  message: string;
  found?: string;
  expected?: string;
  /** The nearest valid word for a misspelled one. */
  suggestion?: string;
}

/** Returns one line: `agents.yaml:7:3: Agent/ticker: spec.replica: unknown field; did you mean replicas?` */
export function formatManifestError(error: ManifestError): string {
  const where = [`${error.source}:${error.line}:${error.column}`, error.object, error.path, error.message];
  const hint = error.suggestion === undefined ? '' : `; did you mean ${error.suggestion}?`;
  return visible(where.filter((part) => part !== undefined && part !== '').join(': ') + hint);
}
