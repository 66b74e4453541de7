import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { type Clock, sleep } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { DriverError, type DriverFeatures } from '../driver.ts';
import { living, type ProcessId, readStat, sendKill } from '../proc.ts';
import type { Marks, Run } from './layout.ts';
import { environmentUnknown } from './process-checks.ts';
import { asUser, environmentOf, findUser, type Tools, withoutInherited } from './process-host.ts';
import { createLeftovers, markVariable } from './reap.ts';
import { readingShell, setupScript } from './shim.ts';

const maxOutputBytes = 64 * 1024;

/** How long output is read after the end, if a process that left the group holds it open. */
const drainMs = 200;

interface Execution {
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

/** Runs commands as the instance would: as its user, in its folder, with the environment that its run was given. */
interface Inside {
  exec: DriverFeatures['exec'];
  /** Records the environment of a run. It may contain secrets, so it is kept only in memory. */
  given(ref: string, run: number, env: Readonly<Record<string, string>>): void;
  forget(ref: string): void;
  /** Kills processes left by commands that an earlier controller ran. */
  clear(): void;
  close(): void;
}

export function createInside(parts: {
  clock: Clock;
  log: Log;
  tools: Tools;
  root: string;
  /** Throws if there is none. */
  runOf: (ref: string) => Run;
  marksOf: (run: Run) => Marks;
}): Inside {
  const { clock, log, tools, root, runOf, marksOf } = parts;
  const leftovers = createLeftovers(clock, log, root);
  /** By ref: the environment of its newest run. */
  const known = new Map<string, { run: number; env: Readonly<Record<string, string>> }>();

  return {
    async exec(ref, command, { timeout, signal, spec }) {
      const run = runOf(ref);
      const { main } = marksOf(run);
      if (main === undefined || living(main) === undefined)
        throw new DriverError('Retryable', 'NotRunning', `the process of ${ref} does not run`);
      const user = run.meta.user === undefined ? undefined : await findUser(run.meta.user);
      const change = user === undefined ? undefined : asUser(tools, user);
      let given = known.get(ref);
      if (given?.run !== run.number) {
        if (spec === undefined) throw environmentUnknown(ref);
        given = { run: run.number, env: environmentOf(await spec(), user) };
        known.set(ref, given);
      }
      const mark = leftovers.take();
      const execution = {
        command,
        env: { ...given.env, [markVariable]: mark },
        workingDir: run.meta.workingDir,
        timeout,
        signal,
        killLeft: (leader: ProcessId | undefined) => {
          leftovers.giveBack(mark);
          return leftovers.kill(leader);
        },
      };
      try {
        return await (change === undefined
          ? execute(clock, execution)
          : executeAs(clock, tools, { ...execution, user: change }));
      } finally {
        leftovers.giveBack(mark);
      }
    },
    given: (ref, run, env) => void known.set(ref, { run, env }),
    forget: (ref) => void known.delete(ref),
    clear: () => void leftovers.kill(),
    close: () => leftovers.close(),
  };
}
