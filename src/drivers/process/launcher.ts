import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { quote } from '../../api/text.ts';
import type { Cancel, Clock } from '../../platform/clock.ts';
import { DriverError } from '../driver.ts';
import { tooManyOpenFiles } from '../open-files.ts';
import { runVariable, uidVariable } from '../proc.ts';
import { createLineSplitter } from '../stdio/output-lines.ts';
import { asDriverError } from './process-checks.ts';
import { type Tools, withoutInherited } from './process-host.ts';
import {
  attemptVariable,
  cgroupVariable,
  readingShell,
  type ShimStart,
  setupScript,
  shimScript,
  shimVariable,
} from './shim.ts';

/**
 * Starts shims through one small shell, which reads requests from a pipe. A fork of Node itself copies the page tables
 * of all its memory and blocks the controller for 1 to 8 ms; a fork of the shell takes 0.3 ms and blocks nothing.
 */
export interface Launcher {
  /**
   * Resolves when the shim has been forked; the shim then survives by itself. A shell that ends or does not answer is
   * replaced, and unanswered requests are repeated: the claim keeps a run from beginning twice. Throws DriverErrors:
   * Terminal InvalidSpec, NotStartable `LauncherLost` and `TooManyOpenFiles`, Retryable `StartFailed`. The shim may
   * still start after an error.
   */
  launch(start: ShimStart): Promise<void>;
  /** Rejects pending requests. The shell ends after the requests that it was given; what it has started continues. */
  close(): void;
}

interface Request {
  start: ShimStart;
  /** How many shells were lost during this request. */
  lost: number;
  resolve: () => void;
  reject: (error: DriverError) => void;
}

/** How many requests are sent ahead to the shell. The others wait here, where they can be rejected. */
const ahead = 64;
const maxLost = 3;

export function createLauncher(tools: Tools, clock: Clock, agentFiles?: number): Launcher {
  const queue: Request[] = [];
  let shell: Shell | undefined;
  let planned = false;

  const lose = (unanswered: readonly Request[], why: string): void => {
    shell = undefined;
    const again: Request[] = [];
    for (const request of unanswered) {
      request.lost += 1;
      if (request.lost < maxLost) again.push(request);
      else request.reject(launcherLost(why));
    }
    queue.unshift(...again);
    plan();
  };

  /** Sends concurrent requests in one piece, so that one mkfifo creates all the FIFOs. */
  const flush = (): void => {
    planned = false;
    const batch = queue.splice(0, ahead - (shell?.unanswered ?? 0));
    if (batch.length === 0) return;
    try {
      shell ??= openShell(tools, clock, { onRoom: plan, onLost: lose, agentFiles });
      shell.request(batch);
    } catch (error) {
      for (const { reject } of batch) reject(asDriverError(error));
    }
  };

  function plan(): void {
    const room = ahead - (shell?.unanswered ?? 0);
    if (planned || queue.length === 0 || room < ahead / 2) return;
    planned = true;
    setImmediate(flush);
  }

  return {
    launch: (start) =>
      new Promise((resolve, reject) => {
        const refused = unfit(start);
        if (refused !== undefined) return reject(refused);
        queue.push({ start, lost: 0, resolve, reject });
        plan();
      }),
    close() {
      for (const { reject } of queue.splice(0)) reject(closed());
      shell?.close();
    },
  };
}

/**
 * Set for the shell but not for its children: it distinguishes the shell from a process that cleared its environment.
 */
const marker = 'AGENTCTL_LAUNCHER';

/** A shell that does not answer for this long is replaced. */
const answerLimitMs = 30_000;

interface Shell {
  readonly unanswered: number;
  request(batch: readonly Request[]): void;
  close(): void;
}

interface ShellEvents {
  onRoom: () => void;
  /** Called once, if the shell has ended other than by `close`. */
  onLost: (unanswered: readonly Request[], why: string) => void;
}

function openShell(
  tools: Tools,
  clock: Clock,
  { onRoom, onLost, agentFiles }: ShellEvents & { agentFiles: number | undefined },
): Shell {
  const waiting = new Map<number, Request>();
  let count = 0;
  let state: 'Open' | 'Closing' | 'Over' = 'Open';
  let cancelWatch: Cancel = () => {};
  // See `marker`.
  const [program = tools.sh, ...args] = withoutInherited(tools, [tools.sh]);
  const child = spawnWithPipes(program, args, { [marker]: '1' });
  const lose = (why: string): void => {
    if (state === 'Over') return;
    const wasOpen = state === 'Open';
    state = 'Over';
    cancelWatch();
    child.kill('SIGKILL');
    if (wasOpen) onLost([...waiting.values()], why);
    else for (const { reject } of waiting.values()) reject(closed());
  };
  const watch = (): void => {
    cancelWatch();
    if (waiting.size === 0 || state === 'Over') return;
    cancelWatch = clock.after(answerLimitMs, () => lose(`it did not answer for ${answerLimitMs / 1000} s`));
  };
  const splitter = createLineSplitter();
  child.stdout.on('data', (bytes: Buffer) => {
    for (const answer of splitter.push(bytes)) {
      const [id = 0, code] = answer.split(' ').map(Number);
      const request = waiting.get(id);
      waiting.delete(id);
      if (code === 0) request?.resolve();
      else request?.reject(failed(`setsid ended with ${code}`));
    }
    watch();
    if (state === 'Open') onRoom();
  });
  child.once('error', (error) => lose(error.message));
  child.once('exit', (code, signal) => lose(`it ended with ${signal ?? code}`));
  child.stdin.on('error', (error) => lose(error.message));
  child.stdout.on('error', (error) => lose(error.message));
  child.unref();
  // Neither stream keeps the controller from exiting.
  for (const stream of [child.stdin, child.stdout]) if (stream instanceof Socket) stream.unref();
  const files = agentFiles === undefined ? '' : `ulimit -S -n ${agentFiles}; `;
  child.stdin.write(`${files}unset ${marker}; ${shimVariable}=${quote(shimScript)}\n`);
  return {
    get unanswered() {
      return waiting.size;
    },
    request(batch) {
      const fifos = batch.flatMap(({ start }) => start.missing.map(quote));
      let text =
        fifos.length === 0 ? '' : `{ ${tools.mkfifo} -m 600 ${fifos.join(' ')} </dev/null >/dev/null; }\n`;
      for (const request of batch) {
        count += 1;
        waiting.set(count, request);
        text += requestText(tools, request.start, count);
      }
      child.stdin.write(text);
      watch();
    },
    close() {
      state = 'Closing';
      child.stdin.end();
    },
  };
}

/** Throws NotStartable if this process cannot open more files: then the child has no pipes. */
function spawnWithPipes(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): ChildProcessByStdio<Writable, Readable, null> {
  const child = spawn(program, args, {
    cwd: '/',
    env,
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  // Node's types do not say that after a spawn that failed for lack of descriptors there are no streams.
  if ((child.stdin as Writable | undefined) !== undefined) return child;
  child.on('error', () => {}); // it reports the same failure again
  throw tooManyOpenFiles();
}

/**
 * In braces, so that the shell runs it completely or, if the controller dies during the write, not at all. The script
 * comes in a here-document, which is a pipe: it is in no argument list, in no environment and on no disk.
 */
function requestText(tools: Tools, start: ShimStart, id: number): string {
  const { marks, out, err, input, identity, user, command } = start;
  const setup = setupScript(start.env, start.workingDir);
  const script = user === undefined ? setup : `${setup}${becomeProgram}`;
  const program = user === undefined ? command : [...user.words, ...readingShell(tools), ...command];
  const who = [user?.owner ?? 'same', tools.chown];
  const args = [marks, out, err, input, tools.mkfifo, tools.setsid, tools.sleep, ...who, ...program];
  const end = `end-${randomUUID()}`; // no line of the script equals this one
  return `{ (
export ${shimVariable} ${attemptVariable}=${quote(start.attempt)} ${cgroupVariable}=${quote(start.cgroup ?? '')} ${uidVariable}=${quote(identity.uid)} ${runVariable}=${identity.run}
exec ${tools.setsid} -f ${tools.sh} -c 'eval "$${shimVariable}"' agentctl-shim ${args.map(quote).join(' ')} 3<<'${end}'
${script}
${end}
) </dev/null >/dev/null 2>&1; echo ${id} $?; }
`;
}

/** In braces: the shell must have read all of it before its standard input is replaced. */
const becomeProgram = '{ exec <&4 4<&-; exec "$@"; }';

/** Linux's MAX_ARG_STRLEN for one; a quarter of the usual stack size for all together. */
const limits = { one: 128 * 1024 - 1, all: 2 * 1024 * 1024 };

function unfit(start: ShimStart): DriverError | undefined {
  const texts = [...start.command, ...Object.entries(start.env).map(([name, value]) => `${name}=${value}`)];
  const sizes = texts.map((text) => Buffer.byteLength(text) + 1);
  const refuse = (why: string): DriverError =>
    new DriverError('Terminal', 'InvalidSpec', `${why};`, {
      remedy: 'shorten or correct spec.template.args, env and envFrom',
    });
  if (texts.some((text) => text.includes('\0'))) return refuse('an argument or variable contains a NUL byte');
  if (sizes.some((size) => size > limits.one))
    return refuse('an argument or variable is longer than the 128 KiB that Linux allows');
  if (sizes.reduce((sum, size) => sum + size + 8, 0) > limits.all)
    return refuse('arguments and environment together are longer than the 2 MiB that Linux allows');
  return undefined;
}

const failed = (why: string): DriverError =>
  new DriverError('Retryable', 'StartFailed', `the process could not be started: ${why}`);

const closed = (): DriverError =>
  new DriverError('Offline', 'Closed', 'the controller is stopping, so nothing is started');

/** Not the agent's fault, so it is not counted as a failure. */
const launcherLost = (why: string): DriverError =>
  new DriverError(
    'NotStartable',
    'LauncherLost',
    `the shell that starts processes has ended ${maxLost} times, most recently because ${why}:`,
    { remedy: 'check whether this host is out of processes or memory' },
  );
