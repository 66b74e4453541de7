import { type Dirent, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { decode, positions } from '../api/manifest/chunks.ts';
import { formatManifestError, type ManifestDocument, parseManifests, type Source } from '../api/manifest.ts';
import { type AnyObject, droppedText, type New, withoutServerFields } from '../api/objects.ts';
import { listed } from '../api/text.ts';
import type { Member } from '../client/write-objects.ts';
import { isCode } from '../platform/code.ts';
import { kustomizationNames } from '../sources/kustomization.ts';
import type { Cli, GlobalOptions } from './cli.ts';
import { CliError, UsageError } from './failure.ts';
import { namespaceOf } from './flags.ts';
import { objectName } from './targets.ts';

export interface FileOptions extends GlobalOptions, SourceOptions {}

/** One document of a set, ready to be sent. */
export interface Manifest extends Member {
  document: ManifestDocument;
  /** `agent.agentctl.dev/web` */
  text: string;
}

/** Reads and checks all documents that -f or -k names. Throws with all errors of all documents. */
export async function readManifests(options: FileOptions, cli: Cli): Promise<Manifest[]> {
  const sources = await readSources(options, cli);
  const namespace = namespaceOf(options, cli.environment);
  const { documents, errors } = parseManifests(sources, { namespace });
  const unnamed = documents.filter(({ name }) => name === undefined);
  const clashes =
    options.namespace === undefined
      ? []
      : documents.filter(
          ({ info, namespace: own }) => info.namespaced && own !== undefined && own !== options.namespace,
        );
  const texts = [
    ...errors.map(formatManifestError),
    ...unnamed.map(
      (document) => `${place(document, ['metadata'])}: metadata.name: is missing, but apply requires it`,
    ),
    ...clashes.map(
      (document) =>
        `${place(document, ['metadata', 'namespace'])}: metadata.namespace: found ${JSON.stringify(document.namespace)}, but --namespace is ${JSON.stringify(options.namespace)}`,
    ),
  ];
  if (texts.length > 0) throw new CliError(texts.join('\nerror: '));
  return documents.map((document) => manifestOf(document, namespace, cli));
}

function place(document: ManifestDocument, path: string[]): string {
  const { line, column } = document.locate(path);
  return `${document.source}:${line}:${column}: ${document.info.kind}/${document.name ?? '?'}`;
}

function manifestOf(document: ManifestDocument, fallback: string, cli: Cli): Manifest {
  const { info, name = '' } = document;
  const given = document.object as New<AnyObject>; // validated against the kind's schema
  const { object, dropped } = withoutServerFields(given);
  if (dropped.length > 0) cli.err(`Warning: ${place(document, ['metadata'])}: ${droppedText(dropped)}\n`);
  const namespace = info.namespaced ? (document.namespace ?? fallback) : undefined;
  const { namespace: _, ...metadata } = object.metadata;
  return {
    document,
    info,
    object: { ...object, metadata: namespace === undefined ? metadata : { ...metadata, namespace } },
    key: namespace === undefined ? { name } : { namespace, name },
    text: objectName(info, name),
  };
}

/** A larger file or response is not a manifest. The number of files in a folder is not limited. */
const maxBytes = 64 * 1024 * 1024;

export interface SourceOptions {
  filename?: string[];
  recursive?: boolean;
  kustomize?: string;
}

/**
 * Reads what -f names (files, folders, http(s) URLs, `-` for standard input), or the output of kustomize for -k. Throws
 * with everything that cannot be read.
 */
export async function readSources(
  { filename: filenames = [], recursive = false, kustomize }: SourceOptions,
  cli: Pick<Cli, 'stdin' | 'signal' | 'environment' | 'err'>,
): Promise<Source[]> {
  if (kustomize !== undefined) {
    if (filenames.length > 0 || recursive) throw new UsageError('-k cannot be combined with -f or -R');
    return [await rendered(kustomize, cli)];
  }
  if (filenames.length === 0) {
    throw new UsageError(
      'specify what to read: -f FILE, -f FOLDER, -f URL, -f - for standard input, or -k FOLDER with a kustomization.yaml',
    );
  }
  const sources: Source[] = [];
  const problems: string[] = [];
  const passed: string[] = [];
  for (const name of filenames) {
    try {
      if (name === '-') sources.push({ name: '<stdin>', bytes: await cli.stdin() });
      else if (isUrl(name)) sources.push(await download(name, cli.signal));
      else sources.push(...fromDisk(name, recursive, passed));
    } catch (error) {
      problems.push(error instanceof CliError ? error.message : `${name}: ${String(error)}`);
    }
  }
  if (problems.length > 0) throw new CliError(problems.join('\nerror: '));
  if (passed.length > 0) cli.err(`Note: skipped ${listed(passed)}\n`);
  return sources;
}

export const isUrl = (name: string): boolean => /^https?:\/\//.test(name);

/** With the permissions of the user's own shell. */
async function rendered(
  folder: string,
  { signal, environment }: Pick<Cli, 'signal' | 'environment'>,
): Promise<Source> {
  if (!statOf(folder).isDirectory())
    throw new CliError(`${folder} is a file; -k requires a folder with a kustomization.yaml`);
  const { render } = await import('../sources/kustomize.ts');
  const searchPath = environment.PATH ?? '';
  const bytes = await render({ root: process.cwd(), path: folder, sealed: false, searchPath, signal });
  return { name: `kustomize build ${folder}`, bytes };
}

function fromDisk(name: string, recursive: boolean, passed: string[]): Source[] {
  if (statOf(name).isDirectory()) {
    const found = filesBelow(name, { recursive, passed, above: [] });
    const kustomized = found.find((path) => kustomizationNames.includes(basename(path)));
    if (kustomized !== undefined)
      throw new CliError(`${kustomized} is a kustomization: use -k ${dirname(kustomized)}`);
    if (found.length > 0) return found.map(readOne);
    const hint = recursive ? '' : ' (use -R to read its subfolders)';
    throw new CliError(`${name}: no .yaml, .yml or .json file in this folder${hint}`);
  }
  return [readOne(name)];
}

interface Walk {
  recursive: boolean;
  /** Receives the folders that are not read, each with the reason. */
  passed: string[];
  /** The real paths of the folders that contain it, to detect loops of links. */
  above: readonly string[];
}

/**
 * Reads a folder like a Sync: skips names that begin with a dot, sockets, pipes and devices. But links are followed
 * anywhere.
 */
function filesBelow(folder: string, { recursive, passed, above }: Walk): string[] {
  const real = realpathSync(folder);
  if (above.includes(real)) {
    passed.push(`${folder} (a link to a parent folder)`);
    return [];
  }
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.')) {
      if (recursive && entry.isDirectory() && !isMachinery(entry.name)) passed.push(`${path} (hidden)`);
      return [];
    }
    const isManifest = /\.(ya?ml|json)$/.test(entry.name);
    switch (sortOf(entry, path)) {
      case 'Folder':
        return recursive ? filesBelow(path, { recursive, passed, above: [...above, real] }) : [];
      case 'File':
      case 'Missing':
        return isManifest ? [path] : [];
      default:
        return [];
    }
  });
}

/** Folders of git and of a mounted ConfigMap, which are skipped without a message. */
const isMachinery = (name: string): boolean => name === '.git' || name.startsWith('..');

function sortOf(entry: Dirent, path: string): 'File' | 'Folder' | 'Missing' | 'Other' {
  try {
    const found = entry.isSymbolicLink() ? statSync(path) : entry;
    return found.isDirectory() ? 'Folder' : found.isFile() ? 'File' : 'Other';
  } catch (cause) {
    if (isCode(cause, 'ENOENT', 'ENOTDIR', 'ELOOP')) return 'Missing'; // a dangling link; reading it fails
    throw new CliError(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

function statOf(path: string) {
  try {
    return statSync(path);
  } catch (cause) {
    throw new CliError(
      (cause as NodeJS.ErrnoException).code === 'ENOENT' // statSync throws nothing else
        ? `the path ${JSON.stringify(path)} does not exist`
        : `${path} cannot be read: ${String(cause)}`,
      { cause },
    );
  }
}

function readOne(path: string): Source {
  const { size } = statOf(path);
  if (size > maxBytes) throw new CliError(`${path}: ${size} bytes, expected at most ${maxBytes}`);
  try {
    return { name: path, bytes: readFileSync(path) };
  } catch (cause) {
    throw new CliError(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

async function download(url: string, interrupted: AbortSignal): Promise<Source> {
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(30_000)]);
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (cause) {
    const why =
      cause instanceof Error ? (cause.cause instanceof Error ? cause.cause.message : cause.message) : '';
    throw new CliError(`${url} cannot be read: ${why}`, { cause });
  }
  if (!response.ok)
    throw new CliError(
      `${url} cannot be read: the server answered ${response.status} ${response.statusText}`,
    );
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > maxBytes) throw new CliError(`${url}: more than ${maxBytes} bytes`);
    parts.push(part);
  }
  return { name: url, bytes: Buffer.concat(parts) };
}

/**
 * Returns the text of a file. Throws with the line if it is not valid text: otherwise different bytes would be written.
 */
export function readText(path: string): string {
  try {
    return textIn(readFileSync(path), path);
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

/** Like readText. The error shows no bytes, which may be part of a secret. */
export function textIn(bytes: Uint8Array, path: string): string {
  const { text, fault } = decode(bytes);
  if (fault === undefined) return text;
  const { line } = positions(text)(fault.offset);
  throw new CliError(`${path}:${line}: expected text in UTF-8: save the file as UTF-8`);
}
