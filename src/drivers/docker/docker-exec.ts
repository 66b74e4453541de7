import { randomUUID } from 'node:crypto';
import type { Exec } from 'dockerode';
import { type Clock, sleep } from '../../platform/clock.ts';
import { DriverError } from '../driver.ts';
import { gone, hasStatus } from './docker-errors.ts';
import { frames, until } from './docker-logs.ts';
import { type Engine, EngineError } from './engine.ts';
import { ageOf, killStarted } from './processes.ts';
import type { ContainerInspect } from './wire.ts';

/** Of a probe's output only the beginning is kept. */
const maxOutput = 64 * 1024;
/** Intervals of polling whether a command has begun or ended: the first and the longest. */
const firstPollMs = 10;
const pollMs = 100;
/** How long a slow engine may take to begin a command that is no longer wanted. */
const lateMs = 120_000;
const killInsideMs = 5_000;

export interface ExecDeps {
  engine: Engine;
  clock: Clock;
  podman: () => Promise<boolean>;
  /** The engine's processes are processes of this host. */
  local: boolean;
}

export interface ExecOptions {
  /**
   * Milliseconds since the command began inside. With a remote engine: since the call, or since the begin was seen if
   * that is later.
   */
  timeout: number;
  signal?: AbortSignal | undefined;
}

/**
 * The engine has no call that ends an exec. So the command gets a unique environment variable, which everything that it
 * starts inherits. Its processes are found by that variable or as descendants: on this host, or else by `sh` and `grep`
 * in the container. A process that has changed both its environment and its parent is not found.
 */
export async function execute(
  { engine, clock, local, podman: isPodman }: ExecDeps,
  container: ContainerInspect,
  command: readonly string[],
  { timeout, signal = new AbortController().signal }: ExecOptions,
): Promise<{ code: number; output: string }> {
  const { Id: ref } = container;
  const podman = await isPodman();
  const variable = `AGENTCTL_EXEC=${randomUUID()}`;
  const exec = await create(engine, ref, command, [variable]);
  const reading = new AbortController();
  const output = new Output();
  const begun = clock.now();

  /**
   * Returns the exit code once the command has ended. For a command that has not begun, Podman also reports code 0, but
   * then with CanRemove false.
   */
  const look = async (): Promise<{ pid: number; code: number | undefined }> => {
    const { Pid: pid, Running: running, ExitCode: code, CanRemove: canRemove } = await exec.inspect();
    return { pid, code: code === null || running || (podman && !canRemove) ? undefined : code };
  };

  const kill = async (pid: number): Promise<boolean> =>
    (local && (await killStarted(container, variable, pid))) || killInside(engine, ref, variable);

  /** Kills the command once it has begun. */
  const killLate = async (): Promise<void> => {
    for (const end = clock.now() + lateMs; clock.now() < end; await sleep(clock, pollMs)) {
      const { pid, code } = await look();
      if (code !== undefined) return;
      if (pid > 0) return void (await kill(pid));
    }
  };

  try {
    const read = readInto(output, engine, exec, reading.signal);
    read.catch(() => undefined);
    const stop = AbortSignal.any([signal, reading.signal]);
    await Promise.race([read, sleep(clock, timeout, stop)]);
    for (let wait = firstPollMs; ; wait = Math.min(2 * wait, pollMs)) {
      const { pid, code } = await look();
      if (code !== undefined) {
        if (local) await killStarted(container, variable, 0);
        return { code, output: output.text() };
      }
      if (signal.aborted || (pid > 0 && (await elapsed(pid)) >= timeout)) {
        const killed = pid > 0 && (await kill(pid));
        if (pid === 0) void killLate().catch(() => undefined);
        throw ended(command, signal.aborted ? undefined : timeout, killed);
      }
      await sleep(clock, wait, signal);
    }
  } catch (error) {
    // As in a shell: 127 is not found, 126 is not executable.
    const missing = error instanceof EngineError && /exec|OCI runtime|executable file/i.test(error.message);
    if (missing && /not found|no such file/i.test(error.message)) return { code: 127, output: error.message };
    if (missing && /permission denied|exec format/i.test(error.message))
      return { code: 126, output: error.message };
    // The command may be running, and nothing waits for it any more.
    if (!(error instanceof DriverError)) void killLate().catch(() => undefined);
    throw refused(error, ref);
  } finally {
    reading.abort();
  }

  async function elapsed(pid: number): Promise<number> {
    const age = local ? await ageOf(pid) : clock.now() - begun;
    // The process is gone: the command has ended, and the engine is about to report it.
    return age ?? 0;
  }
}

function ended(command: readonly string[], timeout: number | undefined, killed: boolean): DriverError {
  const what = killed ? 'was killed' : 'may still run in the container';
  return timeout === undefined
    ? new DriverError('Retryable', 'ExecAborted', `${command[0]} was interrupted, and ${what}`)
    : new DriverError(
        'Retryable',
        'ExecTimeout',
        `${command[0]} did not end within ${timeout} ms and ${what}`,
      );
}

class Output {
  readonly #chunks: Buffer[] = [];
  #size = 0;

  add(chunk: Buffer): void {
    if (this.#size < maxOutput) this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString().slice(0, maxOutput);
  }
}

async function create(
  engine: Engine,
  ref: string,
  command: readonly string[],
  env: readonly string[] = [],
): Promise<Exec> {
  try {
    const options = { Cmd: [...command], Env: [...env], AttachStdout: true, AttachStderr: true };
    return await engine.calls.getContainer(ref).exec(options);
  } catch (error) {
    throw refused(error, ref);
  }
}

/** Starts the exec and reads until its output ends. */
async function readInto(
  output: Output,
  { streams }: Engine,
  { id }: Exec,
  signal: AbortSignal,
): Promise<void> {
  const stream = await streams.getExec(id).start({ Detach: false, Tty: false, abortSignal: signal });
  for await (const { payload } of frames(until(stream, signal))) output.add(payload);
}

function refused(error: unknown, ref: string): unknown {
  if (hasStatus(error, 404)) return gone(ref, error);
  if (hasStatus(error, 409, 500))
    return new DriverError(
      'Retryable',
      'NotRunning',
      `cannot run a command in ${ref.slice(0, 12)}: ${error.message}`,
      {
        cause: error,
      },
    );
  return error;
}

/** `sh` runs as the container's user, like the command. */
async function killInside(engine: Engine, ref: string, variable: string): Promise<boolean> {
  const script =
    'IFS=/; for e in /proc/[0-9]*/environ; do grep -q "$0" "$e" 2>/dev/null && set -- $e && kill -9 "$3"; done; :';
  const exec = await create(engine, ref, ['sh', '-c', script, variable]);
  await readInto(new Output(), engine, exec, AbortSignal.timeout(killInsideMs));
  return (await exec.inspect()).ExitCode === 0;
}
