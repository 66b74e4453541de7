import { randomUUID } from 'node:crypto';
import { simpleGit } from 'simple-git';
import { SourceError } from '../source.ts';
import { killAllWith } from './processes.ts';

/** Where a command runs, and all that it finds in its environment. */
export interface Place {
  cwd: string;
  environment: Readonly<Record<string, string>>;
}

/** What git said when it failed. */
export class GitFailure extends Error {
  readonly stderr: string;

  constructor(stderr: string, options: { cause?: unknown } = {}) {
    super(stderr, options);
    this.name = 'GitFailure';
    this.stderr = stderr;
  }
}

export interface Said {
  stdout: string;
  stderr: string;
}

/** Its name in the environment of every process that git starts. */
const mark = 'AGENTCTL_GIT_COMMAND';

/** How long the processes of an aborted command may take to be gone before nobody waits for them any more. */
const grace = 1000;

export async function git(place: Place, args: readonly string[], signal: AbortSignal): Promise<Said> {
  const { result, stderr } = await execute(place, signal, undefined, (run) => run.raw([...args]));
  return { stdout: result, stderr };
}

/** `git cat-file` with the lines of `input`, each of which is asked for. The answer is bytes. */
export async function catFile(
  place: Place,
  options: readonly string[],
  input: string,
  signal: AbortSignal,
): Promise<Buffer> {
  const { result } = await execute(place, signal, input, (run) => run.binaryCatFile([...options]));
  if (!Buffer.isBuffer(result)) throw new TypeError('simple-git has answered cat-file without bytes');
  return result;
}

type Runner = ReturnType<typeof simpleGit>;

async function execute<T>(
  place: Place,
  signal: AbortSignal,
  input: string | undefined,
  start: (run: Runner) => PromiseLike<T>,
): Promise<{ result: T; stderr: string }> {
  if (signal.aborted) throw aborted(signal);
  const id = randomUUID();
  const environment = { ...place.environment, [mark]: id };
  const errors: Buffer[] = [];
  let exit: number | null | undefined;
  const run = simpleGit({
    baseDir: place.cwd,
    abort: signal,
    allowEnvironment: Object.keys(environment),
    // GIT_CONFIG_GLOBAL names the file that config.ts writes: it is what keeps the user's own configuration out.
    unsafe: { allowUnsafeConfigPaths: true },
    // Not by the exit alone: what it printed might not have been read to its end.
    completion: { onClose: true, onExit: false },
    ...(input === undefined ? {} : { input: () => input }),
    // Left alone, simple-git takes a process that was killed for one that has succeeded.
    errors: (error, { exitCode }) => {
      exit = exitCode;
      return error ?? (exitCode === 0 ? undefined : new Error(`git ended with ${exitCode}`));
    },
  })
    .env(environment)
    .outputHandler((_command, _stdout, stderr) => {
      stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    });
  const text = (): string => Buffer.concat(errors).toString('utf8');
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (): void => {
    // git leaves ssh and the https helper behind, and they hold its pipes open.
    killAllWith(mark, id);
    setTimeout(() => reject(aborted(signal)), grace).unref();
  };
  signal.addEventListener('abort', end, { once: true });
  try {
    return { result: await Promise.race([start(run), ended]), stderr: text() };
  } catch (cause) {
    if (signal.aborted) throw aborted(signal);
    const said = text().trim();
    throw new GitFailure(said === '' ? fallback(cause, exit) : said, { cause });
  } finally {
    signal.removeEventListener('abort', end);
  }
}

const fallback = (cause: unknown, exit: number | null | undefined): string =>
  exit === null ? 'git was killed' : cause instanceof Error ? cause.message : String(cause);

/** An aborted call always ends with this, whatever git said while it died. */
export function aborted(signal: AbortSignal): SourceError {
  const cause: unknown = signal.reason;
  const late = cause instanceof Error && cause.name === 'TimeoutError';
  const message = late
    ? 'the repository took longer than spec.timeout: raise it where the repository is large or far away'
    : 'the look at the repository was broken off';
  return new SourceError('Timeout', message, { cause });
}
