import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { simpleGit } from 'simple-git';
import { AgentctlError } from '../../api/errors.ts';
import { ignoring, isCode } from '../../platform/code.ts';
import { limitedBy, limits, SourceError, shell } from '../source.ts';

/** Where a command runs, with its complete environment. */
export interface Place {
  cwd: string;
  /** The script that runs git within limits: see writeProgram. */
  program: string;
  environment: Readonly<Record<string, string>>;
}

/**
 * Limits of each git process: a pack of a few MB can need any amount of memory to unpack, and a host can send an
 * endless pack.
 */
export const processLimits = { memory: 1024, file: 1024 };

/** Writes the script that runs git. Returns its path. */
export async function writeProgram(folder: string): Promise<string> {
  const program = join(folder, 'git.sh');
  await writeFile(program, `set -- git "$@"; ${limitedBy(processLimits)}\n`, { mode: 0o600 });
  return program;
}

/** git failed. Holds its standard error. */
export class GitFailure extends AgentctlError<'GitFailed'> {
  readonly stderr: string;

  constructor(stderr: string, options: { cause?: unknown } = {}) {
    super('GitFailed', stderr, options);
    this.name = 'GitFailure';
    this.stderr = stderr;
  }
}

export interface Said {
  stdout: string;
  stderr: string;
}

/** The variable that marks every process that git starts. */
const mark = 'AGENTCTL_GIT_COMMAND';

/** How long to wait, in milliseconds, until the processes of an aborted command are gone. */
const grace = 1000;

/**
 * How many bytes a command may print to its standard output and standard error. A tree of a few hundred bytes can name
 * endless files, and a host can send endless messages.
 */
const most = {
  output: limits.total + 16 * 1024 * 1024,
  errors: 1024 * 1024,
};

export async function git(place: Place, args: readonly string[], signal: AbortSignal): Promise<Said> {
  const { result, stderr } = await execute(place, signal, undefined, (run) => run.raw([...args]));
  return { stdout: result, stderr };
}

/** Runs `git cat-file` with the lines of `input` as requests. Returns bytes. */
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
  const flood = new AbortController();
  const ending = AbortSignal.any([signal, flood.signal]);
  const run = simpleGit({
    baseDir: place.cwd,
    binary: [shell, place.program],
    abort: ending,
    allowEnvironment: Object.keys(environment),
    // GIT_CONFIG_GLOBAL names the file of git-secrets.ts: it keeps the user's own configuration out. The path of the program
    // contains the state folder, which may have any name.
    unsafe: { allowUnsafeConfigPaths: true, allowUnsafeCustomBinary: true },
    // After the exit, its output may not have been read completely.
    completion: { onClose: true, onExit: false },
    ...(input === undefined ? {} : { input: () => input }),
    // Without this, simple-git treats a killed process as successful.
    errors: (error, { exitCode }) => {
      exit = exitCode;
      return error ?? (exitCode === 0 ? undefined : new Error(`git ended with ${exitCode}`));
    },
  })
    .env(environment)
    .outputHandler((_command, stdout, stderr) => {
      let [output, said] = [0, 0];
      stdout.on('data', (chunk: Buffer) => {
        output += chunk.length;
        if (output > most.output) flood.abort();
      });
      stderr.on('data', (chunk: Buffer) => {
        said += chunk.length;
        if (said > most.errors) flood.abort();
        else errors.push(chunk);
      });
    });
  const text = (): string => Buffer.concat(errors).toString('utf8');
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (): void => {
    // git leaves ssh and the https helper running, and they hold its pipes open.
    killAllWith(mark, id).catch(reject);
    setTimeout(() => reject(stopped()), grace).unref();
  };
  const stopped = (): SourceError => (signal.aborted ? aborted(signal) : tooMuch());
  ending.addEventListener('abort', end, { once: true });
  try {
    return { result: await Promise.race([start(run), ended]), stderr: text() };
  } catch (cause) {
    if (ending.aborted) throw stopped();
    const said = text().trim();
    throw new GitFailure(said === '' ? fallback(cause, exit) : said, { cause });
  } finally {
    ending.removeEventListener('abort', end);
  }
}

const fallback = (cause: unknown, exit: number | null | undefined): string =>
  exit === null ? 'git was killed' : cause instanceof Error ? cause.message : String(cause);

const tooMuch = (): SourceError =>
  new SourceError(
    'TooLarge',
    'git prints too much about the repository: it has too many files, or its host does not stop sending.',
    { remedy: 'Narrow path, or keep the manifests in their own repository' },
  );

/** The error of every aborted call, whatever git printed while it died. */
export function aborted(signal: AbortSignal): SourceError {
  const cause: unknown = signal.reason;
  const late = cause instanceof Error && cause.name === 'TimeoutError';
  const message = late
    ? 'the repository could not be read within spec.timeout: raise it if the repository is large or slow'
    : 'reading the repository was cancelled';
  return new SourceError('Timeout', message, { cause });
}

/** The delays before each scan, in ms. */
const pauses = [0, 10, 40, 150, 300, 500];

/**
 * Kills the processes with this value of the variable in their environment, whatever their parent. It scans several
 * times within a second: a process may fork during a scan, and a process in exec has no environment yet. Without /proc
 * (macOS) it finds none; there, leftover processes end by the timeouts of git-secrets.ts.
 */
export async function killAllWith(variable: string, value: string): Promise<void> {
  const wanted = `\0${variable}=${value}\0`;
  for (const length of pauses) {
    if (length > 0) await pause(length, undefined, { ref: false });
    for (const pid of processes()) if (`\0${environmentOf(pid)}\0`.includes(wanted)) kill(pid);
  }
}

/** The next scan may find what could not be read because too many files are open. */
const tooManyOpen = ['EMFILE', 'ENFILE'];

const processes = (): number[] =>
  (ignoring(() => readdirSync('/proc'), 'ENOENT', ...tooManyOpen) ?? [])
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** Empty if the process is gone or another user's: such a process ends by its own timeouts. */
const environmentOf = (pid: number): string =>
  ignoring(
    () => readFileSync(`/proc/${pid}/environ`, 'latin1'),
    ...['ENOENT', 'ESRCH', 'EACCES', 'EPERM', ...tooManyOpen],
  ) ?? '';

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isCode(error, 'ESRCH', 'EPERM')) throw error;
  }
}
