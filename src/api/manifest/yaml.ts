/**
 * Parses one YAML (or JSON) document to plain data. Aliases are expanded within limits, and duplicate keys are errors.
 */
import {
  Composer,
  CST,
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  type Pair,
  type ParsedNode,
  Parser,
  type YAMLMap,
  YAMLParseError,
} from 'yaml';
import type { Path } from '../json.ts';
import type { Chunk, Fault } from './chunks.ts';

export interface Parsed {
  value: unknown;
  faults: Fault[];
  /**
   * Returns the offset of the value at a path, or of its key, in the source's text. If it is missing, the offset of its
   * nearest ancestor.
   */
  offsetOf(path: Path, what: 'key' | 'value'): number;
  /** Returns the text of the value at a path as written: `007` for 7. Undefined if it is not a scalar. */
  textAt(path: Path): string | undefined;
}

const mostFromAliases = 10_000; // values
const mostAliasText = 1024 * 1024; // characters
const deepest = 100; // levels: an Agent needs 12
const tooDeep = `is nested more than ${deepest} levels deep`;

class TooMuch extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

export function parseChunk(chunk: Chunk): Parsed {
  const start = chunk.text.search(/\S/) + chunk.offset;
  const failed = (offset: number, message: string): Parsed => ({
    value: undefined,
    faults: [{ offset, message }],
    offsetOf: () => offset,
    textAt: () => undefined,
  });
  let document: Document.Parsed<ParsedNode, true>;
  try {
    document = composed(chunk.text);
  } catch (error) {
    if (error instanceof TooDeep) return failed(start, tooDeep);
    if (error instanceof RangeError) return failed(start, 'is nested too deeply');
    return failed(start, `cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  // Only the first syntax error is reliable.
  const [broken] = [...document.errors, ...document.warnings];
  if (broken !== undefined) return failed(chunk.offset + broken.pos[0], syntaxText(broken));

  const reader = new Reader(document, chunk.offset);
  try {
    const value = reader.read(document.contents, 0);
    return {
      value,
      faults: reader.faults,
      offsetOf: (path, what) => chunk.offset + (locate(document, path, what) ?? start - chunk.offset),
      textAt: (path) => {
        const { node } = nodeAt(document, path);
        const scalar = isAlias(node) ? node.resolve(document) : node;
        return isScalar(scalar) ? scalar.source : undefined;
      },
    };
  } catch (error) {
    if (error instanceof TooMuch) return failed(error.fault.offset, error.fault.message);
    throw error;
  }
}

class TooDeep extends Error {}

/**
 * Returns the only document of the text. Unlike yaml's parseDocument, it stops at the first error, and when the nesting
 * gets too deep. parseDocument takes half a minute for many errors or levels.
 */
function composed(text: string): Document.Parsed<ParsedNode, true> {
  // Duplicate keys are found below: yaml's own check takes quadratic time.
  const composer = new Composer<ParsedNode, true>({ uniqueKeys: false, logLevel: 'error' });
  const [document, second] = composer.compose(tokensOf(text), true, text.length);
  if (document === undefined) throw new Error('no document found');
  if (second !== undefined)
    document.errors.push(
      new YAMLParseError(
        [second.range[0], second.range[1]],
        'MULTIPLE_DOCS',
        'Source contains multiple documents; please use YAML.parseAllDocuments()',
      ),
    );
  return document;
}

function* tokensOf(text: string): Generator<CST.Token, void> {
  const parser = new Parser();
  let flow = 0;
  let inLine = 0;
  let scalar = false;
  for (const lexeme of new Lexer().lex(text)) {
    const type = scalar ? 'scalar' : CST.tokenType(lexeme);
    scalar = !scalar && lexeme === CST.SCALAR;
    if (type === 'flow-map-start' || type === 'flow-seq-start') flow += 1;
    else if (type === 'flow-map-end' || type === 'flow-seq-end') flow -= 1;
    else if (type === 'seq-item-ind' || type === 'explicit-key-ind') inLine += 1;
    else if (type === 'newline') inLine = 0;
    if (Math.max(flow, inLine) > deepest + 1) throw new TooDeep();
    for (const token of parser.next(lexeme)) {
      yield token;
      if (token.type === 'error') return;
    }
  }
  yield* parser.end();
}

/** Replaces yaml's messages that say too little. */
function syntaxText({ code, message }: { code: string; message: string }): string {
  const [line = message] = message.split('\n');
  switch (code) {
    case 'RESOURCE_EXHAUSTION':
      return 'is nested too deeply';
    case 'TAB_AS_INDENT':
      return 'found a tab as indentation, expected spaces';
    case 'TAG_RESOLVE_FAILED':
      return `${line.charAt(0).toLowerCase()}${line.slice(1)}; remove it: tags are not supported`;
    default:
      return line.charAt(0).toLowerCase() + line.slice(1);
  }
}

class Reader {
  readonly faults: Fault[] = [];
  readonly #document: Document.Parsed<ParsedNode, true>;
  readonly #offset: number;
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<Node>();
  #fromAliases = 0;
  #aliasText = 0;
  #aliasDepth = 0;

  constructor(document: Document.Parsed<ParsedNode, true>, offset: number) {
    this.#document = document;
    this.#offset = offset;
  }

  read(node: unknown, depth: number): unknown {
    if (isAlias(node)) return this.#alias(node, depth);
    if (isScalar(node)) {
      this.#anchor(node);
      this.#count(node, node.value);
      return node.value;
    }
    if (!isMap(node) && !isSeq(node)) return null;
    this.#anchor(node);
    this.#count(node, undefined);
    if (depth > deepest) throw new TooMuch(this.#fault(node, tooDeep));
    this.#open.add(node);
    const value = isSeq(node) ? node.items.map((item) => this.read(item, depth + 1)) : this.#map(node, depth);
    this.#open.delete(node);
    return value;
  }

  #map(node: { items: readonly unknown[] }, depth: number): unknown {
    const own = new Map<string, unknown>();
    const merged = new Map<string, unknown>();
    for (const pair of node.items) {
      if (!isPair(pair)) continue;
      const key = this.#key(pair.key);
      if (key === undefined) continue;
      const value = this.read(pair.value, depth + 1);
      if (key === '<<' && isScalar(pair.key) && pair.key.type === 'PLAIN') {
        for (const map of Array.isArray(value) ? value : [value]) {
          if (typeof map !== 'object' || map === null || Array.isArray(map)) {
            this.faults.push(this.#fault(pair.key, 'a merge key "<<" requires a map'));
            continue;
          }
          for (const [name, inner] of Object.entries(map)) if (!merged.has(name)) merged.set(name, inner);
        }
      } else if (own.has(key)) {
        this.faults.push(this.#fault(pair.key, `duplicate key ${JSON.stringify(key)}`));
      } else own.set(key, value);
    }
    return Object.fromEntries([...merged, ...own]);
  }

  #key(node: unknown): string | undefined {
    const scalar = isAlias(node) ? this.#anchors.get(node.source) : node;
    if (isScalar(scalar) && scalar.value !== null && scalar.value !== '') {
      this.#anchor(scalar);
      return typeof scalar.value === 'string' ? scalar.value : (scalar.source ?? String(scalar.value));
    }
    this.faults.push(this.#fault(node, 'found a key that is not a string'));
    return undefined;
  }

  #alias(node: { source: string; range?: readonly number[] | null | undefined }, depth: number): unknown {
    const target = this.#anchors.get(node.source);
    if (target === undefined)
      throw new TooMuch(this.#fault(node, `there is no anchor &${node.source} before this alias`));
    if (this.#open.has(target))
      throw new TooMuch(this.#fault(node, `the alias *${node.source} refers to itself`));
    this.#aliasDepth += 1;
    const value = this.read(target, depth + 1);
    this.#aliasDepth -= 1;
    return value;
  }

  /** An alias refers to the last anchor of its name before it. */
  #anchor(node: Node & { anchor?: string }): void {
    if (node.anchor !== undefined && this.#aliasDepth === 0) this.#anchors.set(node.anchor, node);
  }

  #count(node: unknown, value: unknown): void {
    if (this.#aliasDepth === 0) return;
    this.#fromAliases += 1;
    if (typeof value === 'string') this.#aliasText += value.length;
    if (this.#fromAliases > mostFromAliases || this.#aliasText > mostAliasText)
      throw new TooMuch(
        this.#fault(
          node,
          `its aliases expand to more than ${mostFromAliases} values or 1 MiB of text: write the values in full`,
        ),
      );
  }

  #fault(node: unknown, message: string): Fault {
    return {
      offset: this.#offset + (offsetOfNode(node) ?? offsetOfNode(this.#document.contents) ?? 0),
      message,
    };
  }
}

const offsetOfNode = (node: unknown): number | undefined =>
  isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined;

function locate(
  document: Document.Parsed<ParsedNode, true>,
  path: Path,
  what: 'key' | 'value',
): number | undefined {
  const { node, key, above } = nodeAt(document, path);
  return (what === 'value' ? offsetOfNode(node) : undefined) ?? offsetOfNode(key) ?? above;
}

/** Returns the node at a path and its key. `above` is the offset of the nearest ancestor. */
function nodeAt(
  document: Document.Parsed<ParsedNode, true>,
  path: Path,
): { node?: unknown; key?: unknown; above: number | undefined } {
  let node: unknown = document.contents;
  let key: unknown;
  let above = offsetOfNode(node);
  for (const step of path) {
    const parent = isAlias(node) ? node.resolve(document) : node;
    above = offsetOfNode(key) ?? above;
    if (isSeq(parent) && typeof step === 'number') {
      node = parent.items[step];
      key = node;
    } else {
      const pair = isMap(parent) ? pairOf(document, parent, step) : undefined;
      if (pair === undefined) return { above };
      key = pair.key;
      node = pair.value;
    }
  }
  return { node, key, above };
}

/** Returns a map's own pair, or the first one that it merges. */
function pairOf(
  document: Document.Parsed<ParsedNode, true>,
  map: YAMLMap,
  step: string | number,
): Pair | undefined {
  const own = map.items.find(({ key }) => isScalar(key) && (key.value === step || key.source === step));
  if (own !== undefined) return own;
  for (const { key, value } of map.items) {
    if (!isScalar(key) || key.value !== '<<') continue;
    for (const item of isSeq(value) ? value.items : [value]) {
      const merged = isAlias(item) ? item.resolve(document) : item;
      const found = isMap(merged) ? pairOf(document, merged, step) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}
