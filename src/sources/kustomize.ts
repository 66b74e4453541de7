import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { delimiter, join, relative, resolve } from 'node:path';
import { isCode } from '../platform/code.ts';
import { limitedBy, shell } from './bounds.ts';
import { checkSealed } from './kustomization.ts';
import { absence, limits, SourceError } from './source.ts';

export interface RenderOptions {
  /** The tree that the kustomization stands in; the messages name files from here on. */
  root: string;
  /** Its folder: from root on, or absolute. */
  path: string;
  /** Nothing but the tree may be read, and nothing run: for who does not trust those that write it. */
  sealed: boolean;
  /** How a sealed tree is checked: checkSealed, in another thread where that may take long. */
  check?: ((root: string, path: string) => Promise<void>) | undefined;
  /** As the variable PATH: where kustomize or kubectl is looked for. */
  searchPath: string;
  signal: AbortSignal;
}

export type Render = (options: RenderOptions) => Promise<Uint8Array>;

/** No file can be below it, so nothing is found there. */
const nowhere = '/dev/null';

/**
 * What kustomize makes of a folder, as YAML. Plugins, Helm charts and files above a kustomization are never allowed, as
 * kustomize has it by default. Fails with ProgramMissing, PathMissing, OutsideTree, RenderFailed, TooLarge or Timeout.
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
      `${path}: rendering a kustomization requires kustomize or kubectl, and neither is in the PATH of the controller or the shell. Install one: https://kubectl.docs.kubernetes.io/installation/kustomize`,
    );
  }
  const environment = sealed ? sealedEnvironment : { ...process.env, PATH: searchPath };
  const command = sealed ? [shell, '-c', limitedBy(most), shell, ...program, folder] : [...program, folder];
  return run(command, { roots, path, environment, detached: sealed, signal });
};

/** A tree that is sealed takes a tenth of that; one that builds on itself again and again takes any amount. */
const most = { memory: 512, file: 64 };

/** kustomize itself where it is there: it is often newer than the one in kubectl. */
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

/** Without git, without anybody's configuration, and with proxies that are none. */
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
  /** The root's names, the real one first. */
  roots: readonly string[];
  path: string;
  environment: Record<string, string | undefined>;
  /** In a process group of its own, which is killed as a whole. */
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
      child.stdout.destroy(); // a child of its own may hold it open
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
          new SourceError(
            'TooLarge',
            `${path}: kustomize needs more than ${most.memory} MiB of memory: look for bases that are included many times`,
          ),
        );
      const said = ownWords(errors.slice(0, mostErrorText), roots);
      const why = said === '' ? `it ended with ${killed ?? `exit code ${code}`}` : said;
      fail(new SourceError('RenderFailed', `${path}: kustomize: ${why}`));
    });
  });
}

/** What Go says, and the loader of a program. */
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

/** What the program said, with paths from the root on. */
const ownWords = (text: string, roots: readonly string[]): string =>
  roots
    .filter((root) => root !== '/')
    .reduce((words, root) => words.replaceAll(`${root}/`, '').replaceAll(root, '.'), text)
    .replace(logged, '')
    .replace(/^"command failed" err="(.*)"$/gm, (_line, words: string) => words.replaceAll('\\"', '"'))
    .trim()
    .replace(/^error: /i, '');

/** Where kubectl logs its errors there are a time and a process in front, so that no two are the same. */
const logged = /^[A-Z]\d{4} [\d:.]+ +\d+ [^\]\n]*\] /gm;
