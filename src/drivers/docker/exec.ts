import { readFile } from 'node:fs/promises';
import type { Exec } from 'dockerode';
import type { Clock } from '../../platform/clock.ts';
import { DriverError } from '../driver.ts';
import { type Engine, EngineError } from './engine.ts';
import { gone, hasStatus } from './errors.ts';
import { frames, until } from './logs.ts';

/** Of a probe's output the beginning says enough. */
const maxOutput = 64 * 1024;

export interface ExecParts {
  engine: Engine;
  clock: Clock;
  /** The engine's processes are this host's. */
  local: boolean;
}

export async function execute(
  { engine, clock, local }: ExecParts,
  ref: string,
  command: readonly string[],
  { timeout }: { timeout: number },
): Promise<{ code: number; output: string }> {
  const exec = await create(engine, ref, command);
  const hanging = new AbortController();
  const cancel = clock.after(timeout, () => hanging.abort());
  try {
    const output = await run(engine, exec, hanging.signal);
    hanging.signal.throwIfAborted();
    const { ExitCode: code } = await exec.inspect();
    return { code: code ?? 0, output };
  } catch (error) {
    if (hanging.signal.aborted) {
      const { Pid: pid } = await exec.inspect();
      const killed = local && (await killInside(engine, ref, pid));
      throw new DriverError(
        'Retryable',
        'ExecTimeout',
        `${command[0]} took longer than ${timeout} ms${killed ? ' and was killed' : '; it may still run in the container'}`,
      );
    }
    // As a shell says it: 127 not found, 126 not to be run.
    const missing = error instanceof EngineError && /exec|OCI runtime|executable file/i.test(error.message);
    if (missing && /not found|no such file/i.test(error.message)) return { code: 127, output: error.message };
    if (missing && /permission denied|exec format/i.test(error.message))
      return { code: 126, output: error.message };
    throw refused(error, ref);
  } finally {
    cancel();
  }
}

async function create(engine: Engine, ref: string, command: readonly string[]): Promise<Exec> {
  try {
    const options = { Cmd: [...command], AttachStdout: true, AttachStderr: true };
    return await engine.calls.getContainer(ref).exec(options);
  } catch (error) {
    throw refused(error, ref);
  }
}

async function run({ streams }: Engine, { id }: Exec, signal: AbortSignal): Promise<string> {
  const stream = await streams.getExec(id).start({ Detach: false, Tty: false, abortSignal: signal });
  const output: Buffer[] = [];
  let size = 0;
  for await (const { payload } of frames(until(stream, signal))) {
    if (size < maxOutput) output.push(payload);
    size += payload.length;
  }
  return Buffer.concat(output).toString().slice(0, maxOutput);
}

function refused(error: unknown, ref: string): unknown {
  if (hasStatus(error, 404)) return gone(ref, error);
  if (hasStatus(error, 409, 500))
    return new DriverError(
      'Retryable',
      'NotRunning',
      `nothing can be run in ${ref.slice(0, 12)}: ${error.message}`,
      {
        cause: error,
      },
    );
  return error;
}

/** The engine has no call that ends an exec. Its process is found on this host, and is surely the container's. */
async function killInside(engine: Engine, ref: string, pid: number): Promise<boolean> {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  if (pid <= 1 || !groups.includes(ref)) return false;
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    // Not this user's to kill: ask the container's own `kill` for it, by its number in there.
  }
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const inner = /^NSpid:.*\s(\d+)$/m.exec(status)?.[1];
  if (inner === undefined) return false;
  const exec = await create(engine, ref, ['kill', '-9', inner]);
  return run(engine, exec, AbortSignal.timeout(5_000)).then(
    () => true,
    () => false,
  );
}
