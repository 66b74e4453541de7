import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import type { Exec } from 'dockerode';
import { type Clock, sleep } from '../../platform/clock.ts';
import { ignoringAsync, isCode } from '../../platform/code.ts';
import { DriverError } from '../driver.ts';
import { addDescendants, isDead, type ProcessId, type ProcessStat, readStat } from '../proc.ts';
import { gone, hasStatus } from './docker-errors.ts';
import { frames } from './docker-logs.ts';
import type { ContainerInspect } from './docker-observe.ts';
import { type Engine, EngineError, until } from './engine.ts';

/** Of a probe's output only the beginning is kept. */
const maxOutput = 64 * 1024;
/** Intervals of polling whether a command has begun or ended: the first and the longest. */
const firstPollMs = 10;
const pollMs = 100;
/** How long a slow engine may take to begin a command that is no longer wanted. */
const lateMs = 120_000;
const killInsideMs = 5_000;

interface ExecDeps {
  engine: Engine;
  clock: Clock;
  podman: () => Promise<boolean>;
  /** The engine's processes are processes of this host. */
  local: boolean;
}

interface ExecOptions {
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
    const age = local ? ageOf(pid) : clock.now() - begun;
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

/** Processes of containers, as this host sees them. Works only if the engine is local. */

/** Clock ticks per second in /proc. */
const ticksPerSecond = 100;
/** A killed process may be forking, so several passes are needed. */
const mostPasses = 10;

/** Returns milliseconds since the process began; undefined if it is gone. */
function ageOf(pid: number): number | undefined {
  const stat = readStat(pid);
  return stat === undefined ? undefined : uptime() * 1000 - (stat.start / ticksPerSecond) * 1000;
}

/**
 * Kills the process `pid` of a container, its descendants, and all processes with the variable in their environment.
 * Returns false if this host does not let us see or kill them.
 */
async function killStarted(
  { Id: ref, State: { Pid: main = 0 } }: ContainerInspect,
  variable: string,
  pid: number,
): Promise<boolean> {
  try {
    for (let pass = 0; pass < mostPasses; pass++) {
      const inside = await processesOf(ref, main);
      if (inside === undefined) return false;
      const found = await startedBy(inside, variable, pid);
      if (found.length === 0) return true;
      for (const one of found) killSame(one);
    }
    return false;
  } catch (error) {
    if (isCode(error, 'EPERM', 'EACCES')) return false;
    throw error;
  }
}

/** Reading all processes takes a while, in which a pid may be reused by another process of this host. */
function killSame({ pid, start }: ProcessId): void {
  try {
    if (readStat(pid)?.start === start) process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It ended meanwhile.
    if (!isCode(error, 'ESRCH')) throw error;
  }
}

/**
 * Finds the processes through the cgroup of the main process, whose name has the container's id. Returns undefined if
 * it cannot be found.
 */
async function processesOf(ref: string, main: number): Promise<number[] | undefined> {
  const groups = main > 0 ? await read(`/proc/${main}/cgroup`) : undefined;
  for (const line of groups?.split('\n') ?? []) {
    const [, controllers = '', ...path] = line.split(':');
    const group = path.join(':');
    if (!group.includes(ref)) continue;
    const hierarchy = controllers.replace(/^name=/, '');
    const list = await read(join('/sys/fs/cgroup', hierarchy, group, 'cgroup.procs'));
    if (list !== undefined) return list.split('\n').filter(Boolean).map(Number);
  }
  return undefined;
}

async function startedBy(inside: readonly number[], variable: string, pid: number): Promise<ProcessStat[]> {
  const all: ProcessStat[] = [];
  const found = new Set<ProcessStat>();
  for (const one of inside) {
    // First, because it throws without permission, where the stat would only be missing.
    const environment = await read(`/proc/${one}/environ`);
    const stat = readStat(one);
    if (stat === undefined || isDead(stat)) continue;
    all.push(stat);
    if (one === pid || environment?.split('\0').includes(variable) === true) found.add(stat);
  }
  addDescendants(found, all);
  return [...found];
}

/** Returns undefined if the process or the cgroup is gone. */
async function read(path: string): Promise<string | undefined> {
  return ignoringAsync(readFile(path, 'latin1'), 'ENOENT', 'ESRCH', 'ENODEV');
}
