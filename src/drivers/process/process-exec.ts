import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { type Clock, sleep } from '../../platform/clock.ts';
import { DriverError } from '../driver.ts';
import { type ProcessId, readStat, sendKill } from './proc.ts';
import { readingShell, setupScript } from './shim.ts';
import { type Tools, withoutInherited } from './tools.ts';

const maxOutputBytes = 64 * 1024;

/** How long output is read after the end, if a process that left the group holds it open. */
const drainMs = 200;

export interface Execution {
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Absolute. */
  workingDir: string;
  /** The standard input of the command. Defaults to none. */
  input?: string | undefined;
  /** Milliseconds. */
  timeout: number;
  signal?: AbortSignal | undefined;
  /** Kills what the command started outside its group. Called if any of it is left. */
  killLeft?: ((leader: ProcessId | undefined) => Promise<void>) | undefined;
}

/**
 * Runs a command to its end and returns the first 64 KiB of its output. If it cannot be executed, its code is 127 or
 * 126. When it has ended, timed out, or the signal aborts, everything it started is killed. Throws Retryable
 * ExecTimeout, ExecAborted, and ExecFailed if this host could not start it.
 */
export async function execute(clock: Clock, execution: Execution): Promise<{ code: number; output: string }> {
  const { timeout, signal, killLeft } = execution;
  const [program = ''] = execution.command;
  const child = start(execution);
  if (child instanceof Error) return startFailed(child, program);
  const { pid } = child;
  const leader = pid === undefined ? undefined : readStat(pid);
  const output = createOutput();
  child.stdin.on('error', () => {}); // a command need not read its input
  child.stdin.end(execution.input);
  child.stdout.on('data', output.keep);
  child.stderr.on('data', output.keep);
  leash(child);
  const closed = new Promise<true>((resolve) => child.once('close', () => resolve(true)));
  const begun = clock.now();
  try {
    const end = await endOf(clock, child, timeout, signal);
    if (end instanceof Error) return startFailed(end, program);
    // Output may still be in transit. Remaining processes of its group must not hold the pipe open.
    if (pid !== undefined) sendKill(-pid);
    const drain = typeof end === 'number' ? Math.min(drainMs, timeout - (clock.now() - begun)) : 0;
    const drained = new AbortController();
    const isWhole = await Promise.race([closed, sleep(clock, drain, drained.signal)]);
    drained.abort();
    if (isWhole !== true) await killLeft?.(leader);
    if (typeof end === 'number') return { code: end, output: output.text() };
    throw end === 'TimedOut'
      ? new DriverError(
          'Retryable',
          'ExecTimeout',
          `the command ${program} did not end within ${timeout} ms and was killed`,
        )
      : new DriverError('Retryable', 'ExecAborted', `the command ${program} was interrupted`);
  } finally {
    for (const stream of child.stdio) stream?.destroy();
  }
}

/** spawn throws some errors, and emits most as an event. */
function start({ command: [program = '', ...args], workingDir, env }: Execution) {
  try {
    return spawn(program, args, {
      cwd: workingDir,
      env,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** Resolves with the exit code, the error of the start, or the reason to end it early. */
function endOf(
  clock: Clock,
  child: ChildProcess,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<number | Error | 'TimedOut' | 'Aborted'> {
  const { promise, resolve } = Promise.withResolvers<number | Error | 'TimedOut' | 'Aborted'>();
  const abort = (): void => resolve('Aborted');
  const cancel = clock.after(timeout, () => resolve('TimedOut'));
  child.once('error', resolve);
  child.once('exit', (code) => resolve(code ?? 137));
  signal?.addEventListener('abort', abort);
  if (signal?.aborted === true) abort();
  return promise.finally(() => {
    cancel();
    signal?.removeEventListener('abort', abort);
  });
}

/**
 * A process that holds this pipe was started by the command, even if its output goes elsewhere. `close` is emitted only
 * after it has ended.
 */
function leash({ stdio }: ChildProcess): void {
  const held = stdio[3];
  if (!(held instanceof Readable)) return;
  held.on('error', () => {});
  held.resume();
}

/**
 * A command that cannot be executed ends as in a shell. A missing resource of this host says nothing about the command.
 */
function startFailed(error: NodeJS.ErrnoException, program: string): { code: number; output: string } {
  if (error.code === 'ENOENT') return { code: 127, output: error.message };
  if (['EACCES', 'ENOEXEC', 'ENOTDIR', 'ELOOP', 'EISDIR'].includes(error.code ?? ''))
    return { code: 126, output: error.message };
  const message = `the command ${program} could not be started: ${error.message}`;
  throw new DriverError('Retryable', 'ExecFailed', message, { cause: error });
}

function createOutput(): { keep(chunk: Buffer): void; text(): string } {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return {
    keep(chunk) {
      if (bytes < maxOutputBytes) chunks.push(chunk.subarray(0, maxOutputBytes - bytes));
      bytes += chunk.length;
    },
    text: () => Buffer.concat(chunks).toString(),
  };
}

/**
 * Runs a command as another user. Only that user's process gets what the manifest and the agent chose: environment and
 * working folder.
 */
export function executeAs(
  clock: Clock,
  tools: Tools,
  { user, command, env, workingDir, input, ...rest }: Execution & { user: readonly string[] },
): Promise<{ code: number; output: string }> {
  const end = `end-${randomUUID()}`; // no line of the input equals this one
  const run =
    input === undefined
      ? '{ exec </dev/null; exec "$@"; }' // in braces, because the shell reads this from its standard input
      : `exec "$@" <<'${end}'\n${input}\n${end}`;
  return execute(clock, {
    command: withoutInherited(tools, [...user, ...readingShell(tools), ...command]),
    env: {},
    workingDir: '/',
    input: `${setupScript(env, workingDir)}${run}\n`,
    ...rest,
  });
}
