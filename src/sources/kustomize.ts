import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { delimiter, join, relative, resolve } from 'node:path';
import { isCode } from '../platform/code.ts';
import { checkSealed } from './kustomization.ts';
import { absence, limitedBy, limits, SourceError, shell } from './source.ts';

export interface RenderOptions {
  /** The tree that contains the kustomization. Messages name files relative to it. */
  root: string;
  /** The kustomization's folder: relative to root, or absolute. */
  path: string;
  /** Allows reading only the tree, and running nothing. For manifests of untrusted authors. */
  sealed: boolean;
  /** Checks a sealed tree: checkSealed, in another thread if that may take long. */
  check?: ((root: string, path: string) => Promise<void>) | undefined;
  /** A PATH in which kustomize or kubectl is looked up. */
  searchPath: string;
  signal: AbortSignal;
}

export type Render = (options: RenderOptions) => Promise<Uint8Array>;

/** No file can be below it, so nothing is found there. */
const nowhere = '/dev/null';

/**
 * Returns the output of kustomize for a folder, as YAML. Plugins, Helm charts and files above a kustomization are never
 * allowed, which is kustomize's default. Throws ProgramMissing, PathMissing, OutsideTree, RenderFailed, TooLarge or
 * Timeout.
 */
export const render: Render = async ({
  root,
  path: given,
  sealed,
  check = async (...tree) => checkSealed(...tree),
  searchPath,
  signal,
}) => {
  const folder = resolve(root, given);
  const path = relative(root, folder) || '.';
  const roots = [realPath(root), resolve(root)];
  if (sealed) await check(root, path);
  const program = findProgram(searchPath);
  if (program === undefined) {
    throw new SourceError(
      'ProgramMissing',
      `${path}: rendering a kustomization requires kustomize or kubectl, and neither is in the PATH of the controller or the shell.`,
      { remedy: 'Install one: https://kubectl.docs.kubernetes.io/installation/kustomize' },
    );
  }
  const environment = sealed ? sealedEnvironment : { ...process.env, PATH: searchPath };
  const command = sealed ? [shell, '-c', limitedBy(most), shell, ...program, folder] : [...program, folder];
  return run(command, { roots, path, environment, detached: sealed, signal });
};

/** A sealed tree needs a tenth of this. A tree that builds on itself repeatedly needs any amount. */
const most = { memory: 512, file: 64 };

/** Prefers kustomize itself, which is often newer than the one in kubectl. */
function findProgram(searchPath: string): [file: string, ...words: string[]] | undefined {
  const kustomize = findExecutable('kustomize', searchPath);
  if (kustomize !== undefined) return [kustomize, 'build'];
  const kubectl = findExecutable('kubectl', searchPath);
  return kubectl === undefined ? undefined : [kubectl, 'kustomize'];
}

function findExecutable(name: string, searchPath: string): string | undefined {
  const files = searchPath.split(delimiter).map((folder) => join(folder === '' ? '.' : folder, name));
  return files.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch (error) {
      if (isCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return false; // not in this folder
      throw error;
    }
  });
}

/** No git, no user's configuration, and proxies that do not exist. */
const sealedEnvironment: Record<string, string> = {
  PATH: nowhere,
  HOME: nowhere,
  XDG_CONFIG_HOME: nowhere,
  KUBECONFIG: nowhere,
  HTTP_PROXY: 'http://127.0.0.1:9',
  HTTPS_PROXY: 'http://127.0.0.1:9',
  NO_PROXY: '',
};

function realPath(root: string): string {
  try {
    return realpathSync(root);
  } catch (cause) {
    throw new SourceError('PathMissing', `${root} ${absence(cause)}`, { cause });
  }
}

interface Run {
  /** The names of the root, the real path first. */
  roots: readonly string[];
  path: string;
  environment: Record<string, string | undefined>;
  /** Runs in its own process group, which is killed as a whole. */
  detached: boolean;
  signal: AbortSignal;
}

const mostErrorText = 16 * 1024;

function run(
  [file = '', ...words]: string[],
  { roots, path, environment, detached, signal }: Run,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, words, {
      cwd: roots[0],
      env: environment,
      detached,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const parts: Buffer[] = [];
    let size = 0;
    let errors = '';
    const fail = (error: SourceError): void => {
      signal.removeEventListener('abort', stop);
      kill(child, detached);
      child.stdout.destroy(); // a child process of it may hold it open
      child.stderr.destroy();
      reject(error);
    };
    const stop = (): void =>
      fail(
        new SourceError('Timeout', `${path}: kustomize took too long and was stopped`, {
          cause: signal.reason,
        }),
      );
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop);
    child.stdout.on('data', (data: Buffer) => {
      size += data.length;
      if (size > limits.total) {
        fail(new SourceError('TooLarge', `${path}: kustomize prints more than ${limits.total} bytes`));
      } else parts.push(data);
    });
    child.stderr.setEncoding('utf8').on('data', (data: string) => {
      if (errors.length < mostErrorText) errors += data;
    });
    child.on('error', (cause) => {
      fail(new SourceError('ProgramMissing', `${file} cannot be run: ${cause.message}`, { cause }));
    });
    child.on('close', (code, killed) => {
      if (code === 0) {
        signal.removeEventListener('abort', stop);
        return resolve(Buffer.concat(parts));
      }
      if (detached && (code === 126 || code === 127))
        return fail(new SourceError('ProgramMissing', `${path}: ${ownWords(errors, roots)}`));
      if (outOfMemory.test(errors))
        return fail(
          new SourceError('TooLarge', `${path}: kustomize needs more than ${most.memory} MiB of memory:`, {
            remedy: 'look for bases that are included many times',
          }),
        );
      const said = ownWords(errors.slice(0, mostErrorText), roots);
      const why = said === '' ? `it ended with ${killed ?? `exit code ${code}`}` : said;
      fail(new SourceError('RenderFailed', `${path}: kustomize: ${why}`));
    });
  });
}

/** The messages of Go and of the dynamic loader. */
const outOfMemory = /out of memory|cannot allocate memory/i;

function kill(child: ChildProcess, isGroup: boolean): void {
  if (!isGroup || child.pid === undefined) child.kill('SIGKILL');
  else
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // all are gone
    }
}

/** Returns the program's message, with paths relative to the root. */
const ownWords = (text: string, roots: readonly string[]): string =>
  roots
    .filter((root) => root !== '/')
    .reduce((words, root) => words.replaceAll(`${root}/`, '').replaceAll(root, '.'), text)
    .replace(logged, '')
    .replace(/^"command failed" err="(.*)"$/gm, (_line, words: string) => words.replaceAll('\\"', '"'))
    .trim()
    .replace(/^error: /i, '');

/** kubectl puts a time and a process before its errors, so that no two are equal. */
const logged = /^[A-Z]\d{4} [\d:.]+ +\d+ [^\]\n]*\] /gm;
