import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { silentLog } from '../../../src/platform/log.ts';
import type { Connection, ConnectOptions, Turn } from '../../../src/protocols/protocol.ts';
import { acp } from '../../../src/protocols/protocol-index.ts';
import { Told, until } from '../../contracts/protocol/world.ts';
import { ManualClock } from '../../fakes/clock.ts';

const program = fileURLToPath(new URL('../../agents/acp.mjs', import.meta.url));

export interface Run {
  connection: Connection;
  host: Told;
  /** All lines that it wrote. */
  lines: string[];
  /** Its exit code or signal. */
  ended: Promise<unknown>;
  kill(): Promise<void>;
  /** Gives the connection up and begins another one to the same process. */
  again(epoch: string, turns: readonly Turn[]): void;
  turn(text: string, fields?: Partial<Turn>): Promise<Turn>;
}

/** The scripted agent as a process, with a connection to it. */
export function start(
  cwd: string,
  env: Record<string, string> = {},
  more: Partial<ConnectOptions> = {},
): Run {
  const child = spawn(process.execPath, [program], { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] });
  const clock = new ManualClock('2026-03-01T00:00:00Z');
  const lines: string[] = [];
  let count = 0;
  const write = (line: string): Promise<void> =>
    new Promise((resolve, reject) => {
      child.stdin.write(`${line}\n`, (error) => (error ? reject(error) : resolve()));
    });
  const connect = (host: Told, options: Partial<ConnectOptions>): Connection =>
    acp.connect({ write, answer: write }, host, {
      clock,
      log: silentLog,
      version: '1',
      epoch: '1',
      turns: [],
      probeDir: cwd,
      ...more,
      ...options,
    });
  const host = new Told();
  const run: Run = {
    connection: connect(host, {}),
    host,
    lines,
    ended: once(child, 'close').then(([code, signal]) => code ?? signal),
    kill: async () => {
      child.kill('SIGKILL');
      await run.ended;
    },
    again: (epoch, turns) => {
      run.connection.close('the controller ends');
      const facts = run.host.of('ready')[0] as ConnectOptions['facts']; // only `ready` adds them
      run.host = new Told();
      run.connection = connect(run.host, { facts, epoch, turns });
    },
    turn: async (text, fields = {}) => {
      await until(() => run.host.of('ready').length > 0);
      count += 1;
      const { message = `m${count}`, conversation = 'c', session: before } = fields;
      const { session } = await run.connection.session({
        id: conversation,
        session: before,
        live: false,
        workingDir: cwd,
      });
      const turn: Turn = {
        attempt: 1,
        kind: 'Chat',
        from: 'ann',
        text,
        ...fields,
        message,
        conversation,
        session,
      };
      await run.connection.prompt(turn);
      return turn;
    },
  };
  child.stdin.on('error', () => undefined); // each write tells its own
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    run.connection.receive(line);
  });
  return run;
}

export const answer = (host: Told, message: string): string =>
  host
    .events(message)
    .map((event) => (event.type === 'text' ? event.text : ''))
    .join('');

export const ended = (host: Told, message: string): Promise<unknown> =>
  until(() => host.results(message).length > 0);
