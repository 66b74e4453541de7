import { type Dirent, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Source } from '../api/manifest.ts';
import { listed } from '../api/text.ts';
import { isCode } from '../platform/code.ts';
import { kustomizationNames } from '../sources/kustomization.ts';
import type { Cli } from './cli.ts';
import { CliError, UsageError } from './failure.ts';

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
