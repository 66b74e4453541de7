import { type Dirent, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';
import { type Document, isScalar, parseAllDocuments, parseDocument, visit } from 'yaml';
import { decode } from '../api/manifest/chunks.ts';
import { absence, SourceError } from './source.ts';

/** The possible file names of a kustomization. A folder with one of them is rendered. */
export const kustomizationNames: readonly string[] = [
  'kustomization.yaml',
  'kustomization.yml',
  'Kustomization',
];

/** Returns the name of the folder's kustomization. */
const kustomizationIn = (names: readonly string[]): string | undefined =>
  kustomizationNames.find((name) => names.includes(name));

/**
 * Throws if kustomize would read anything outside the tree, or run anything. It is stricter than kustomize: it refuses
 * everything that it does not know. The fields are those of kustomize.config.k8s.io/v1beta1, as of kustomize 5.
 */
export function checkSealed(root: string, path: string): void {
  const tree = realpathSync(root);
  const seen = new Set<string>();
  const left = { bytes: most };
  const waiting = [inTree(tree, join(tree, path), path)];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    if (seen.has(folder)) continue;
    seen.add(folder);
    waiting.push(...new Sealed(tree, folder, left).check());
  }
}

/**
 * Returns the folders that the kustomization in a folder builds on, including itself; omits missing ones. Used for a
 * watch.
 */
export function foldersOf(path: string): string[] {
  const found = new Set<string>();
  const waiting = [path];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    if (found.has(folder) || found.size > 1000) continue;
    found.add(folder);
    try {
      const name = kustomizationIn(readdirSync(folder));
      if (name === undefined) continue;
      const content: unknown = parseDocument(readFileSync(join(folder, name), 'utf8')).toJS();
      const base = folder;
      const entries = ['resources', 'bases', 'components'].flatMap((field) =>
        asList(isMap(content) ? content[field] : []),
      );
      for (const entry of entries) {
        if (typeof entry !== 'string' || isRemote(entry)) continue;
        const target = join(base, entry);
        if (statSync(target, { throwIfNoEntry: false })?.isDirectory() === true) waiting.push(target);
      }
    } catch {
      // kustomize itself reports what is wrong
    }
  }
  return [...found];
}

/**
 * In bytes, of one file and of all files. They are written by hand, and large ones would keep the controller busy for
 * long.
 */
const largest = 128 * 1024;
const most = 1024 * 1024;

/** Fields that name files or folders. */
const folders = ['resources', 'bases', 'components'];
const files = ['crds', 'configurations'];
const inlineOrFiles = ['patchesstrategicmerge'];
const plugins = ['generators', 'transformers', 'validators'];
/** Fields in which `path`, `files`, `env` and `envs` name files. */
const nested = [
  'openapi',
  'patches',
  'patchesjson6902',
  'replacements',
  'configmapgenerator',
  'secretgenerator',
];
const harmless = [
  'apiversion',
  'kind',
  'metadata',
  'nameprefix',
  'namesuffix',
  'namespace',
  'commonlabels',
  'labels',
  'commonannotations',
  'images',
  'imagetags',
  'replicas',
  'vars',
  'sortoptions',
  'generatoroptions',
  'buildmetadata',
];
const known = new Set([...folders, ...files, ...inlineOrFiles, ...plugins, ...nested, ...harmless]);

class Sealed {
  readonly #tree: string;
  readonly #folder: string;
  readonly #next: string[] = [];
  /** The kustomization's path relative to the root. */
  #name = '';

  readonly #left: { bytes: number };

  constructor(tree: string, folder: string, left: { bytes: number }) {
    this.#tree = tree;
    this.#folder = folder;
    this.#left = left;
  }

  /** Returns the folders that it builds on. */
  check(): string[] {
    const entries = readdirSync(this.#folder, { withFileTypes: true });
    const found = entries.filter(({ name }: Dirent) => kustomizationNames.includes(name));
    const here = relative(this.#tree, this.#folder) || '.';
    const [only, second] = found;
    if (only === undefined) {
      this.#name = here;
      throw this.#refusal(`no kustomization.yaml in this folder`);
    }
    if (second !== undefined)
      throw this.#refusal(`${here}: found ${only.name} and ${second.name}, expected one of them`);
    this.#name = join(here, only.name);
    const content = this.#parse(this.#read(inTree(this.#tree, join(this.#folder, only.name), this.#name)));
    for (const [key, value] of Object.entries(content)) this.#field(key, value);
    return this.#next;
  }

  #field(key: string, value: unknown): void {
    const field = key.toLowerCase(); // kustomize ignores case
    if (/^helm/.test(field))
      throw this.#refusal(`${key}: Helm charts are not supported here: commit the output of helm template`);
    if (!known.has(field)) throw this.#refusal(`${key}: unknown field`);
    for (const entry of asList(value)) {
      if (folders.includes(field)) this.#path(key, entry, true);
      else if (files.includes(field)) this.#path(key, entry, false);
      else if (inlineOrFiles.includes(field)) {
        if (!isInline(entry)) this.#path(key, entry, false);
      } else if (plugins.includes(field)) this.#plugin(key, entry);
      else if (nested.includes(field)) this.#nested(key, entry);
    }
  }

  /** Checks a generator, transformer or validator: only built-in ones are allowed. */
  #plugin(key: string, entry: unknown): void {
    if (typeof entry !== 'string') throw this.#refusal(`${key}: found ${text(entry)}, expected files`);
    const bytes = isInline(entry) ? entry : this.#read(this.#path(key, entry, false));
    const documents = parseAllDocuments(this.#unambiguous(bytes), { uniqueKeys: false });
    if (!Array.isArray(documents)) return; // the file is empty
    for (const document of documents) {
      const content = this.#plain(document);
      if (content === null) continue;
      if (!isMap(content) || content.apiVersion !== 'builtin') {
        throw this.#refusal(
          `${key}: ${isInline(entry) ? 'a plugin' : text(entry)} runs a program; only apiVersion: builtin is allowed here`,
        );
      }
      if (/helm/i.test(text(content.kind))) throw this.#refusal(`${key}: Helm charts are not supported here`);
      if (/"(config\.kubernetes\.io\/function|config\.k8s\.io\/function)"/i.test(JSON.stringify(content))) {
        throw this.#refusal(
          `${key}: ${isInline(entry) ? 'a function' : text(entry)} runs a program, which is not allowed here`,
        );
      }
      this.#nested(key, content);
    }
  }

  #nested(key: string, node: unknown): void {
    if (Array.isArray(node)) for (const each of node) this.#nested(key, each);
    if (!isMap(node)) return;
    for (const [name, value] of Object.entries(node)) {
      const field = name.toLowerCase();
      if (field === 'fields' || field === 'fieldspecs') continue; // paths in objects
      const named = ['path', 'paths', 'files', 'env', 'envs'].includes(field);
      if (!named) this.#nested(key, value);
      else
        for (const entry of asList(value)) {
          if (typeof entry !== 'string' || !isInline(entry))
            this.#path(`${key}: ${name}`, afterKey(field, entry), false);
        }
    }
  }

  /** Checks that an entry is in the tree, and records it if it is a folder. Returns its path. */
  #path(key: string, entry: unknown, folderToo: boolean): string {
    if (typeof entry !== 'string') throw this.#refusal(`${key}: found ${text(entry)}, expected a path`);
    if (isRemote(entry)) {
      throw this.#refusal(
        `${key}: ${text(entry)} is not in the repository, and nothing is downloaded here: commit a copy of it`,
      );
    }
    const place = inTree(this.#tree, resolve(this.#folder, entry), `${this.#name}: ${key}: ${text(entry)}`);
    if (!statSync(place).isDirectory()) return place;
    if (!folderToo) throw this.#refusal(`${key}: ${text(entry)} is a folder, expected a file`);
    this.#next.push(place);
    return place;
  }

  #read(file: string): string {
    const found = statSync(file);
    if (!found.isFile()) throw this.#refusal(`${basename(file)} is no file`);
    this.#left.bytes -= found.size;
    if (this.#left.bytes < 0)
      throw new SourceError('TooLarge', `the kustomizations have more than ${most} bytes in total`);
    if (found.size > largest)
      throw new SourceError('TooLarge', `${this.#name}: ${basename(file)} has more than ${largest} bytes`);
    const { text, fault } = decode(readFileSync(file));
    if (fault !== undefined) throw this.#refusal(`${basename(file)} ${fault.message}`);
    return text;
  }

  #parse(content: string): Record<string, unknown> {
    const document = parseDocument(this.#unambiguous(content), { uniqueKeys: false });
    const value = this.#plain(document) ?? {};
    if (!isMap(value)) throw this.#refusal('expected fields such as resources');
    return value;
  }

  /** For kustomize, which reads YAML 1.1, these characters also end a line: a comment here would be a field there. */
  #unambiguous(content: string): string {
    if (/\r(?!\n)|[\u0085\u2028\u2029]/.test(content))
      throw this.#refusal(
        'found a line that ends with U+000D, U+0085, U+2028 or U+2029, expected newlines alone',
      );
    return content;
  }

  /** Refuses ambiguous YAML, which kustomize may read differently: tags, merge keys, duplicate keys. */
  #plain(document: Document): unknown {
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw this.#refusal(problem.message);
    visit(document, {
      Map: (_, { items }) => {
        const keys = items.map(({ key }) => String(isScalar(key) ? key.value : key));
        if (new Set(keys).size < keys.length) throw this.#refusal('a map has a duplicate key');
      },
    });
    let value: unknown;
    try {
      value = document.toJS();
    } catch (cause) {
      throw this.#refusal(cause instanceof Error ? cause.message : String(cause));
    }
    if (/"<<":/.test(JSON.stringify(value) ?? ''))
      throw this.#refusal('<<: merge keys are not supported here');
    return value;
  }

  #refusal(why: string): SourceError {
    return new SourceError('RenderFailed', this.#name === '' ? why : `${this.#name}: ${why}`);
  }
}

/** Returns the real path. Throws if it does not exist or is outside the tree. */
function inTree(tree: string, path: string, name: string): string {
  const check = (place: string): string => {
    if (place === tree || place.startsWith(tree + sep)) return place;
    throw new SourceError('OutsideTree', `${name}: points outside the repository or folder`);
  };
  check(path); // checked before any access: files outside the tree must not be touched
  try {
    path = realpathSync(path);
  } catch (cause) {
    throw new SourceError('PathMissing', `${name}: ${absence(cause)}`, { cause });
  }
  return check(path);
}

/** A URL, or what kustomize treats as a Git repository: host/path, user@host:path, anything with a query. */
const isRemote = (entry: string): boolean =>
  /^\s*([a-z][a-z0-9+.-]*:|git@|[^/]*@[^/]*:)/i.test(entry) ||
  /[?]|\/\/|\.git(\/|$)/.test(entry) ||
  /^\s*(github\.com|gitlab\.com|bitbucket\.org|dev\.azure\.com|gh:)/i.test(entry);

/** YAML instead of a path. */
const isInline = (entry: unknown): boolean => typeof entry === 'string' && /\n|^\s*\{/.test(entry);

/** `files` of a generator may have the form key=path. */
const afterKey = (field: string, entry: unknown): unknown =>
  field === 'files' && typeof entry === 'string' ? entry.replace(/^[^=]*=/, '') : entry;

const asList = (value: unknown): unknown[] =>
  Array.isArray(value) ? value : value === null || value === undefined ? [] : [value];
const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
