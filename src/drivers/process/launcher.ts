import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { DriverError } from '../driver.ts';
import { runVariable, uidVariable } from './proc.ts';
import { quote, readingShell, setupScript } from './setup.ts';
import { type ShimStart, shimScript, shimVariable } from './shim.ts';
import { type Tools, withoutInherited } from './tools.ts';

/**
 * Starts shims by way of one small shell, which it feeds by a pipe: a fork of Node itself copies the tables of all
 * its memory and holds the controller up for 1 to 8 ms, that of a shell takes 0.3 ms and holds up nobody.
 */
export interface Launcher {
  /** Asks for a shim, which then lives on by itself. `onFailure` is called where it surely does not come. */
  launch(start: ShimStart, onFailure: OnFailure): void;
  /** The shell ends; what it has started does not. */
  close(): void;
}

export function createLauncher(tools: Tools): Launcher {
  let shell: Shell | undefined;
  let count = 0;
  let queue: { start: ShimStart; onFailure: OnFailure }[] = [];

  /** What is asked for at the same time goes in one piece, so that one mkfifo makes all the FIFOs. */
  const flush = (): void => {
    const batch = queue;
    queue = [];
    shell ??= openShell(tools, () => {
      shell = undefined;
    });
    const fifos = batch.filter(({ start }) => start.isNew).map(({ start }) => quote(start.fifo));
    let text =
      fifos.length === 0 ? '' : `{ ${tools.mkfifo} -m 600 ${fifos.join(' ')} </dev/null >/dev/null; }\n`;
    for (const { start, onFailure } of batch) {
      count += 1;
      text += request(tools, start, count);
      shell.expect(count, onFailure);
    }
    shell.write(text);
  };

  return {
    launch(start, onFailure) {
      const refused = unfit(start);
      if (refused !== undefined) return onFailure(refused);
      if (queue.length === 0) setImmediate(flush);
      queue.push({ start, onFailure });
    },
    close() {
      shell?.close();
    },
  };
}

type OnFailure = (error: DriverError) => void;

/** In the shell's environment, and not in those of its children: tells it from a process that cleared its own. */
const marker = 'AGENTCTL_LAUNCHER';

interface Shell {
  /** The request with that number is about to be written. */
  expect(id: number, onFailure: OnFailure): void;
  write(text: string): void;
  close(): void;
}

function openShell(tools: Tools, onEnd: () => void): Shell {
  const waiting = new Map<number, OnFailure>();
  // The marker tells it from a process that cleared its environment.
  const [program = tools.sh, ...args] = withoutInherited(tools, [tools.sh]);
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(program, args, {
    cwd: '/',
    env: { [marker]: '1' },
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const end = (error?: unknown): void => {
    onEnd();
    for (const fail of waiting.values()) fail(failed('the shell that starts processes has ended', error));
    waiting.clear();
  };
  let line = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    const lines = (line + text).split('\n');
    line = lines.pop() ?? '';
    for (const answer of lines) {
      const [id, code] = answer.split(' ').map(Number);
      const fail = waiting.get(id ?? 0);
      waiting.delete(id ?? 0);
      if (code !== 0) fail?.(failed(`setsid ended with ${code}`));
    }
  });
  child.once('error', end);
  child.once('exit', () => end());
  child.stdin.on('error', end);
  child.stdout.on('error', end);
  child.unref();
  // Neither keeps the controller from ending.
  for (const stream of [child.stdin, child.stdout]) if (stream instanceof Socket) stream.unref();
  child.stdin.write(`unset ${marker}; ${shimVariable}=${quote(shimScript)}\n`);
  return {
    expect: (id, onFailure) => waiting.set(id, onFailure),
    write: (text) => child.stdin.write(text),
    close: () => child.stdin.end(),
  };
}

/**
 * In braces, so that the shell runs it whole or, where the controller dies while it writes, not at all. The script comes by
 * a here-document, which is a pipe: it is in no argument list, in no environment and on no disk.
 */
function request(tools: Tools, start: ShimStart, id: number): string {
  const { marks, out, err, fifo, identity, user, command } = start;
  const setup = setupScript(start.env, start.workingDir);
  const script = user === undefined ? setup : `${setup}${becomeProgram}`;
  const program =
    user === undefined ? ['same', ...command] : ['other', ...user, ...readingShell(tools), ...command];
  const args = [marks, out, err, fifo, tools.mkfifo, tools.setsid, ...program];
  const end = `end-${randomUUID()}`; // no line of the script is this one
  return `{ (
export ${shimVariable} ${uidVariable}=${quote(identity.uid)} ${runVariable}=${identity.run}
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
  if (texts.some((text) => text.includes('\0'))) return refuse('an argument or variable holds a NUL byte');
  if (sizes.some((size) => size > limits.one))
    return refuse('an argument or variable is longer than the 128 KiB that Linux allows');
  if (sizes.reduce((sum, size) => sum + size + 8, 0) > limits.all)
    return refuse('arguments and environment together are longer than the 2 MiB that Linux allows');
  return undefined;
}

const failed = (why: string, cause?: unknown): DriverError =>
  new DriverError('Retryable', 'StartFailed', `the process could not be started: ${why}`, { cause });
