import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { afterAll, beforeAll } from 'vitest';
import type { Cli, Client } from '../../src/cli/cli.ts';
import { AsIs, shown } from '../../src/cli/print/shown.ts';
import { run as runCli } from '../../src/cli/run-command.ts';
import type { Streams } from '../../src/client/streams.ts';
import { ScriptedTalk } from '../fakes/talk.ts';
import { type Running, run } from '../server/support.ts';

export interface Screen {
  out: string;
  err: string;
  code: number;
  /** As a terminal would show it: the command, what it printed, and its exit code unless 0. */
  text: string;
}

export interface How {
  stdin?: string;
  signal?: AbortSignal;
  onOut?: (text: string) => void;
  onErr?: (text: string) => void;
  terminal?: Partial<Cli['terminal']>;
  /** For a dialogue, in place of `stdin`. */
  input?: PassThrough;
  environment?: Record<string, string>;
  /** What stands between the command line and the server. */
  through?: (client: Client) => Client;
}

export interface Shell {
  server: Running;
  /** What becomes of messages, as the test says. */
  talk: ScriptedTalk;
  /** A folder for files of the test. */
  folder: string;
  write(name: string, text: string | Uint8Array): string;
  run(argv: readonly string[], how?: How): Promise<Screen>;
  /** How often a verb asked for a controller to be started. */
  starts: number;
}

/** The command line in this process, before the real server over the real registry. Its time stands at noon, 2026-01-31. */
export function useShell(streams: Partial<Streams> = {}): Shell {
  const shell: Partial<Shell> & { starts: number } = { starts: 0 };
  beforeAll(async () => {
    const talk = new ScriptedTalk();
    const all = new Proxy(talk, { get: (own, name) => memberOf(streams, name) ?? memberOf(own, name) });
    const server = await run({ streams: all as Partial<Streams>, talk });
    const folder = mkdtempSync(join(tmpdir(), 'agentctl-cli-'));
    Object.assign(shell, {
      server,
      talk,
      folder,
      write(name: string, text: string | Uint8Array) {
        const path = join(folder, name);
        writeFileSync(path, text);
        return path;
      },
      run: (argv: readonly string[], how = {}) => runOne(argv, shell as Shell, how),
    });
  });
  afterAll(async () => {
    await shell.server?.end();
    rmSync(shell.folder ?? '', { recursive: true });
  });
  return shell as Shell; // complete once the tests begin
}

const memberOf = (object: object, name: string | symbol): unknown => {
  const member: unknown = Reflect.get(object, name);
  return typeof member === 'function' ? member.bind(object) : member;
};

async function runOne(
  argv: readonly string[],
  shell: Shell,
  {
    stdin = '',
    signal = new AbortController().signal,
    onOut,
    onErr,
    terminal = {},
    environment = {},
    through = (client) => client,
    input = new PassThrough().end(stdin),
  }: How,
): Promise<Screen> {
  const screen = { out: '', err: '', both: '' };
  const cli: Cli = {
    clock: shell.server.clock,
    environment: { AGENTCTL_STATE_DIR: shell.folder, ...environment },
    terminal: { out: false, err: false, in: false, color: false, ...terminal },
    out(text) {
      screen.out += shown(text);
      screen.both += shown(text);
      onOut?.(screen.out);
    },
    err(text) {
      screen.err += shown(text);
      screen.both += shown(text);
      onErr?.(screen.err);
    },
    dialogue: () => ({
      input,
      output: new Writable({
        write(chunk, _encoding, done) {
          cli.out(new AsIs(String(chunk)));
          done();
        },
      }),
    }),
    user: () => 'ann',
    stdin: async () => Buffer.from(stdin),
    signal,
    get interrupted() {
      return signal.aborted;
    },
    async connect(_options, { start = false } = {}) {
      if (start) shell.starts += 1;
      return through(shell.server.client);
    },
    exitCode: 0,
  };
  const code = await runCli(argv, cli);
  const line = `$ agentctl ${argv.map((word) => (/[\s'"{}]/.test(word) ? `'${word}'` : word)).join(' ')}`;
  const text = `${line}\n${screen.both}${code === 0 ? '' : `[exit code ${code}]\n`}`
    .replaceAll(shell.folder, '.')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uid>');
  return { out: screen.out, err: screen.err, code, text };
}

/** Runs one line after the other and joins what is seen, for a golden file. */
export async function session(shell: Shell, lines: readonly (readonly string[])[]): Promise<string> {
  let text = '';
  for (const line of lines) text += `${(await shell.run(line)).text}\n`;
  return text;
}

export const golden = (name: string): string => join(import.meta.dirname, `../golden/cli/${name}.txt`);
