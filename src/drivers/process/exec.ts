import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { type Clock, sleep } from '../../platform/clock.ts';
import { DriverError } from '../driver.ts';
import { type ProcessId, readStat, sendKill } from './proc.ts';
import { readingShell, setupScript } from './shim.ts';
import { type Tools, withoutInherited } from './tools.ts';

const maxOutputBytes = 64 * 1024;

/** How long output is read on after the end, where a process that fled the group holds it open. */
const drainMs = 200;

export interface Execution {
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Absolute. */
  workingDir: string;
  /** What the command reads; absent: nothing. */
  input?: string | undefined;
  /** Milliseconds. */
  timeout: number;
  signal?: AbortSignal | undefined;
  /** Kills what the command started beyond its group; called where something of it is left. */
  killLeft?: ((leader: ProcessId | undefined) => Promise<void>) | undefined;
}

/**
 * Runs a command to its end, with the first 64 KiB of its output. One that cannot be executed has the code 127 or 126.
 * When it has ended, has taken longer than the timeout, or the signal aborts, all that it started is killed.
 * Throws Retryable ExecTimeout, ExecAborted, and ExecFailed where this host could not start it.
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
    // Its output may still be on its way; what it left in its group must not hold that open.
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

/** A few errors of a start are thrown, and most are told as an event. */
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

/** The code of its end, the error of its start, or what ends it first. */
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

/** Whoever holds this pipe was started by the command, though its output goes elsewhere: until then there is no `close`. */
function leash({ stdio }: ChildProcess): void {
  const held = stdio[3];
  if (!(held instanceof Readable)) return;
  held.on('error', () => {});
  held.resume();
}

/** What cannot be executed ends as in a shell; what this host lacks says nothing of the command. */
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

/** Runs a command as another user, who alone has what the manifest and the agent chose: environment and working folder. */
export function executeAs(
  clock: Clock,
  tools: Tools,
  { user, command, env, workingDir, input, ...rest }: Execution & { user: readonly string[] },
): Promise<{ code: number; output: string }> {
  const end = `end-${randomUUID()}`; // no line of the input is this one
  const run =
    input === undefined
      ? '{ exec </dev/null; exec "$@"; }' // in braces, since the shell reads this from its standard input
      : `exec "$@" <<'${end}'\n${input}\n${end}`;
  return execute(clock, {
    command: withoutInherited(tools, [...user, ...readingShell(tools), ...command]),
    env: {},
    workingDir: '/',
    input: `${setupScript(env, workingDir)}${run}\n`,
    ...rest,
  });
}
