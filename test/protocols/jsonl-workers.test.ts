import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseManifests } from '../../src/api/manifest.ts';
import { lacks } from '../needs.ts';
import { Run } from './jsonl-process.ts';

const folder = join(import.meta.dirname, '../../manifests/jsonl');

let cwd: string;
let runs: Run[];
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'agentctl-test-'));
  runs = [];
});
afterEach(async () => {
  await Promise.all(runs.map((run) => run.kill()));
  rmSync(cwd, { recursive: true });
});

const languages = [
  {
    language: 'TypeScript',
    command: (name: string) => [process.execPath, join(folder, `${name}.ts`)],
    there: true,
  },
  {
    language: 'Python',
    command: (name: string) => ['python3', join(folder, `${name}.py`)],
    there: !lacks('python3'),
  },
];

describe.each(languages)('a worker in $language', ({ command, there }) => {
  const start = (name: string, env: Record<string, string> = {}): Promise<Run> => {
    const run = new Run(command(name), { cwd, env });
    runs.push(run);
    return run.ready();
  };

  test.runIf(there)('answers people and agents, and knows its peers', async () => {
    const run = await start('echo');
    run.connection.peers([{ id: 'bob', capabilities: [] }]);
    expect(await run.ask('one two  drei ✓', { message: 'm1' })).toBe('one two drei ✓ ');
    expect(run.host.events('m1')).toHaveLength(4);
    expect(run.host.of('acknowledged', 'm1')).toHaveLength(1);
    expect(await run.ask('well?', { kind: 'Route', from: 'bob' })).toBe('well? ');
    expect(await run.connection.query('status', {}, { timeout: 30_000 })).toEqual({ peers: 1 });
    await expect(run.connection.query('dance', {}, { timeout: 30_000 })).rejects.toThrow(
      'there is no query dance',
    );
    expect(run.wrong).toEqual([]);
    run.connection.shutdown();
    expect(await run.ended).toEqual({ code: 0, signal: null });
  });

  test.runIf(there)('ends when its answer cannot be written, as on a full disk', async () => {
    const line = { type: 'chat', messageId: 'm1', conversationId: 'c1', fromId: 'user', message: 'one' };
    const full = openSync('/dev/full', 'w');
    const [program = '', ...args] = command('echo');
    // Its input stays open: it must not end by that.
    const child = spawn(program, args, { cwd, stdio: ['pipe', full, 'ignore'] });
    child.stdin?.write(`${JSON.stringify(line)}\n`);
    const [status] = await once(child, 'exit');
    closeSync(full);
    expect(status).toBe(74);
  });

  test.runIf(there)('asks another agent, several at once, and tells where that failed', async () => {
    const run = await start('asker', { ASK: 'bob' });
    const one = run.ask('1?', { message: 'm1' });
    const two = run.ask('2?', { message: 'm2' });
    const failed = expect(run.ask('3?', { message: 'm3' })).rejects.toThrow('bob is gone');
    await run.until(() => run.host.of('route').length === 3);
    expect(run.host.of('route')).toEqual(
      expect.arrayContaining([{ requestId: 'm2.1', to: 'bob', text: '2?', message: 'm2' }]),
    );
    await run.connection.routed('m3.1', { error: 'bob is gone' });
    await run.connection.routed('m2.1', { response: 'two' });
    await run.connection.routed('m1.1', { response: 'one' });
    expect(await one).toBe('bob says: one');
    expect(await two).toBe('bob says: two');
    await failed;
    expect(run.wrong).toEqual([]);
  });

  test.runIf(there)('does not do again what it has done, though a crash cut its notes short', async () => {
    const first = await start('asker', { ASK: 'bob' });
    const asked = first.ask('1?', { message: 'm1' });
    await first.until(() => first.host.of('route').length === 1);
    await first.connection.routed('m1.1', { response: 'one' });
    expect(await asked).toBe('bob says: one');
    await first.kill();
    appendFileSync(join(cwd, 'done.jsonl'), '["m2","bob s');
    const second = await start('asker', { ASK: 'bob' });
    expect(await second.ask('1?', { message: 'm1' })).toBe('bob says: one');
    expect(second.host.of('route')).toEqual([]);
    const again = second.ask('2?', { message: 'm2' });
    await second.until(() => second.host.of('route').length === 1);
    await second.connection.routed('m2.1', { response: 'two' });
    expect(await again).toBe('bob says: two');
  });

  test.runIf(there)('takes the answer to a request of an earlier run, which it makes again', async () => {
    const run = await start('asker', { ASK: 'bob' });
    await run.connection.routed('m1.1', { response: 'early' });
    expect(await run.ask('1?', { message: 'm1' })).toBe('bob says: early');
    expect(run.host.of('route')).toEqual([]);
  });

  test.runIf(there)('breaks a turn off when it is told to, and goes on with the next one', async () => {
    const run = await start('asker', { ASK: 'bob' });
    const asked = run.ask('1?', { message: 'm1', conversation: 'c' });
    await run.until(() => run.host.of('route').length === 1);
    const next = run.ask('2?', { message: 'm2', conversation: 'c' });
    run.connection.cancel('m1');
    await expect(asked).rejects.toThrow('cancelled');
    await run.until(() => run.host.of('route').length === 2);
    await run.connection.routed('m1.1', { response: 'late' });
    await run.connection.routed('m2.1', { response: 'two' });
    expect(await next).toBe('bob says: two');
    expect(run.host.results('m1')).toHaveLength(1);
  });

  test.runIf(there)('works once on a message that comes twice', async () => {
    const run = await start('asker', { ASK: 'bob' });
    await run.send('1?', { message: 'm1' });
    await run.send('1?', { message: 'm1' });
    await run.until(() => run.host.of('acknowledged').length === 2);
    await run.connection.routed('m1.1', { response: 'one' });
    await run.until(() => run.host.results('m1').length > 0);
    await expect(run.connection.query('anything', {}, { timeout: 30_000 })).rejects.toThrow('no query');
    expect(run.host.of('route')).toHaveLength(1);
    expect(run.lines.filter((line) => line.includes('chat_done'))).toHaveLength(1);
  });
});

test('the manifests hold the workers as they stand beside them', () => {
  const name = join(folder, 'workers.yaml');
  const [map] = parseManifests([{ name, bytes: readFileSync(name) }]).documents;
  const files = readdirSync(folder).filter((file) => /\.(py|ts)$/.test(file));
  const data = Object.fromEntries(files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
  expect(map?.object).toMatchObject({ data });
});
