/** Runs the built command line in a state folder of its own, as a user would. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Instance } from '../../src/api/objects.ts';
import type { TestEngine } from '../engines/engine.ts';

/** What is tested: what `make build` made, unless told otherwise. */
const bin = process.env.AGENTCTL_TEST_BIN ?? join(import.meta.dirname, '../../dist/agentctl.mjs');

export interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

export class Session {
  readonly folder = mkdtempSync(join(tmpdir(), 'agentctl-test-'));
  readonly state = join(this.folder, 'state');
  readonly #environment: NodeJS.ProcessEnv;

  constructor(environment: Record<string, string> = {}) {
    const { PATH, HOME } = process.env;
    this.#environment = { PATH, HOME, NO_COLOR: '1', AGENTCTL_STATE_DIR: this.state, ...environment };
  }

  /** Writes a file of this session and answers its path. */
  file(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  run(args: readonly string[], input = ''): Promise<Result> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [bin, ...args], { env: this.#environment, cwd: this.folder });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk;
      });
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk;
      });
      child.on('error', reject);
      child.on('close', (code) => resolve({ code: code ?? 128, stdout, stderr }));
      child.stdin.end(input);
    });
  }

  /** How a program of somebody else's starts it, as MCP clients do. */
  command(args: readonly string[]): { command: string; args: string[]; env: Record<string, string> } {
    const env = Object.entries(this.#environment).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    );
    return { command: process.execPath, args: [bin, ...args], env: Object.fromEntries(env) };
  }

  /** Runs one that goes on by itself, as `logs -f` does, until `end`. */
  begin(args: readonly string[]): { output: () => string; end: () => Promise<void> } {
    const child = spawn(process.execPath, [bin, ...args], { env: this.#environment, cwd: this.folder });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk;
      });
    }
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    return {
      output: () => output,
      end: () => {
        child.kill('SIGINT');
        return closed;
      },
    };
  }

  /** As `run` with the words of one line; fails unless it ends with 0. Answers what it printed. */
  async ok(line: string, input = ''): Promise<string> {
    const result = await this.run(line.split(' '), input);
    if (result.code !== 0)
      throw new Error(`agentctl ${line} ended with ${result.code}\n${result.stdout}${result.stderr}`);
    return result.stdout;
  }

  async json<T>(line: string): Promise<T> {
    return JSON.parse(await this.ok(`${line} -o json`)) as T; // the caller names what it asked for
  }

  async apply(manifest: string): Promise<string> {
    return this.ok('apply -f -', manifest);
  }

  /** Kills an instance behind the controller's back. */
  async kill(stage: { engine?: TestEngine }, { status }: Instance): Promise<void> {
    const { ref = '', startedAt = '' } = status?.run ?? {};
    if (stage.engine !== undefined) await stage.engine.call('POST', `/containers/${ref}/kill`);
    else process.kill(Number(startedAt.split(':')[1]), 'SIGKILL');
  }

  async controllerPid(): Promise<number> {
    return (await this.json<{ pid: number }>('controller status')).pid;
  }

  /** Deletes all agents, ends the controller and removes the folder. */
  async end(): Promise<void> {
    await this.run(['delete', 'agents', '--all', '--timeout=90s']);
    await this.run(['controller', 'stop', '--agents']);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Asks again until the answer satisfies; fails with the last answer after the time. */
export async function eventually<T>(
  ask: () => T | Promise<T>,
  satisfied: (answer: T) => boolean,
  within = 90_000,
): Promise<T> {
  const end = Date.now() + within;
  for (;;) {
    const answer = await ask();
    if (satisfied(answer)) return answer;
    if (Date.now() > end)
      throw new Error(`not within ${within} ms; the last answer was ${JSON.stringify(answer, null, 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
