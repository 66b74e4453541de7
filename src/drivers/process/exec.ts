import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { type Cancel, type Clock, sleep } from '../../platform/clock.ts';
import { DriverError } from '../driver.ts';
import { living, type ProcessId, readEnvironment, uidVariable } from './proc.ts';
import { readingShell, setupScript } from './setup.ts';
import { shimVariable } from './shim.ts';
import { sendKill } from './signals.ts';
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
  /** Milliseconds; afterwards its process group is killed. */
  timeout: number;
}

/**
 * Runs a command to its end, with the first 64 KiB of its output. One that cannot be executed has the code 127 or 126.
 * Throws ExecTimeout.
 */
export function execute(clock: Clock, execution: Execution): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const [program = '', ...args] = execution.command;
    const chunks: Buffer[] = [];
    let bytes = 0;
    let cancelDrain: Cancel = () => {};
    const keep = (chunk: Buffer): void => {
      if (bytes < maxOutputBytes) chunks.push(chunk.subarray(0, maxOutputBytes - bytes));
      bytes += chunk.length;
    };
    const clear = (): void => {
      cancel();
      cancelDrain();
      // Whatever it left behind in its group, and what holds its output open.
      if (child.pid !== undefined) sendKill(-child.pid);
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    };
    const finish = (code: number, note = ''): void => {
      clear();
      resolve({ code, output: Buffer.concat(chunks).toString() + note });
    };
    const child = spawn(program, args, {
      cwd: execution.workingDir,
      env: execution.env,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin.on('error', () => {}); // a command need not read its input
    child.stdin.end(execution.input);
    const cancel = clock.after(execution.timeout, () => {
      clear();
      const message = `the command ${program} did not end within ${execution.timeout} ms and was killed`;
      reject(new DriverError('Retryable', 'ExecTimeout', message));
    });
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error: NodeJS.ErrnoException) =>
      finish(error.code === 'ENOENT' ? 127 : 126, error.message),
    );
    // Its output may still be on its way; what it left in its group must not hold that open.
    child.once('exit', (exitCode) => {
      if (child.pid !== undefined) sendKill(-child.pid);
      child.once('close', () => finish(exitCode ?? 137));
      cancelDrain = clock.after(drainMs, () => finish(exitCode ?? 137));
    });
  });
}

/** Runs a command as another user, who alone has what the manifest and the agent chose: environment and working folder. */
export function executeAs(
  clock: Clock,
  tools: Tools,
  { user, command, env, workingDir, input, timeout }: Execution & { user: readonly string[] },
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
    timeout,
  });
}

/** A process that is just being executed shows no environment for a moment; some clear theirs for good. */
export async function environmentOfLiving(
  clock: Clock,
  main: ProcessId,
): Promise<Record<string, string> | undefined> {
  for (let look = 1; ; look++) {
    const environment = living(main) === undefined ? undefined : readEnvironment(main.pid);
    const isItsOwn =
      environment !== undefined && uidVariable in environment && !(shimVariable in environment);
    if (environment === undefined || isItsOwn || look === 20) return environment;
    await sleep(clock, 5);
  }
}
