import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { quote } from '../../api/shell.ts';
import type { Cancel, Clock } from '../../platform/clock.ts';
import { DriverError } from '../driver.ts';
import { tooManyOpenFiles } from '../open-files.ts';
import { asDriverError } from './failures.ts';
import { runVariable, uidVariable } from './proc.ts';
import {
  attemptVariable,
  cgroupVariable,
  readingShell,
  type ShimStart,
  setupScript,
  shimScript,
  shimVariable,
} from './shim.ts';
import { type Tools, withoutInherited } from './tools.ts';

/**
 * Starts shims by way of one small shell, which it feeds by a pipe: a fork of Node itself copies the tables of all
 * its memory and holds the controller up for 1 to 8 ms, that of a shell takes 0.3 ms and holds up nobody.
 */
export interface Launcher {
  /**
   * Resolves when the shim has been forked; it then lives on by itself. A shell that ends, or does not answer, is replaced,
   * and what it had not answered is asked for again: the claim keeps a run from beginning twice. DriverErrors: Terminal
   * InvalidSpec, NotStartable `LauncherLost` and `TooManyOpenFiles`, Retryable `StartFailed`. A shim may come all the same.
   */
  launch(start: ShimStart): Promise<void>;
  /** Refuses what still waits. The shell ends when it has done what it was given; what it has started lives on. */
  close(): void;
}

interface Request {
  start: ShimStart;
  /** How many shells were lost over it. */
  lost: number;
  resolve: () => void;
  reject: (error: DriverError) => void;
}

/** How many requests the shell is given ahead. The others wait here, where they can be refused. */
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

  /** What is asked for at the same time goes in one piece, so that one mkfifo makes all the FIFOs. */
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

/** In the shell's environment, and not in those of its children: tells it from a process that cleared its own. */
const marker = 'AGENTCTL_LAUNCHER';

/** A shell that answers nothing for so long is replaced. */
const answerLimitMs = 30_000;

interface Shell {
  readonly unanswered: number;
  request(batch: readonly Request[]): void;
  close(): void;
}

interface ShellEvents {
  onRoom: () => void;
  /** Called once, when the shell has ended other than by `close`. */
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
  // The marker tells it from a process that cleared its environment.
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
  let line = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    const lines = (line + text).split('\n');
    line = lines.pop() ?? '';
    for (const answer of lines) {
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
  // Neither keeps the controller from ending.
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

/** Throws NotStartable where this process may open no more files: such a child has no pipes at all. */
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
  // Node's types do not know that a spawn that failed for want of descriptors has no streams.
  if ((child.stdin as Writable | undefined) !== undefined) return child;
  child.on('error', () => {}); // it tells the same once more
  throw tooManyOpenFiles();
}

/**
 * In braces, so that the shell runs it whole or, where the controller dies while it writes, not at all. The script comes by
 * a here-document, which is a pipe: it is in no argument list, in no environment and on no disk.
 */
function requestText(tools: Tools, start: ShimStart, id: number): string {
  const { marks, out, err, input, identity, user, command } = start;
  const setup = setupScript(start.env, start.workingDir);
  const script = user === undefined ? setup : `${setup}${becomeProgram}`;
  const program = user === undefined ? command : [...user.words, ...readingShell(tools), ...command];
  const who = [user?.owner ?? 'same', tools.chown];
  const args = [marks, out, err, input, tools.mkfifo, tools.setsid, tools.sleep, ...who, ...program];
  const end = `end-${randomUUID()}`; // no line of the script is this one
  return `{ (
export ${shimVariable} ${attemptVariable}=${quote(start.attempt)} ${cgroupVariable}=${quote(start.cgroup ?? '')} ${uidVariable}=${quote(identity.uid)} ${runVariable}=${identity.run}
exec ${tools.setsid} -f ${tools.sh} -c 'eval "$${shimVariable}"' agentctl-shim ${args.map(quote).join(' ')} 3<<'${end}'
${script}
${end}
) </dev/null >/dev/null 2>&1; echo ${id} $?; }
`;
}

/** In braces: the shell must have read all of it before its standard input is another one. */
const becomeProgram = '{ exec <&4 4<&-; exec "$@"; }';

/** Linux's MAX_ARG_STRLEN, and a quarter of the usual stack for all together. */
const limits = { one: 128 * 1024 - 1, all: 2 * 1024 * 1024 };

function unfit(start: ShimStart): DriverError | undefined {
  const texts = [...start.command, ...Object.entries(start.env).map(([name, value]) => `${name}=${value}`)];
  const sizes = texts.map((text) => Buffer.byteLength(text) + 1);
  const refuse = (why: string): DriverError =>
    new DriverError(
      'Terminal',
      'InvalidSpec',
      `${why}; shorten or correct spec.template.args, env and envFrom`,
    );
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

/** Says nothing of the agent, so no failure is counted. */
const launcherLost = (why: string): DriverError =>
  new DriverError(
    'NotStartable',
    'LauncherLost',
    `the shell that starts processes has ended ${maxLost} times, most recently because ${why}: check whether this host is out of processes or memory`,
  );
