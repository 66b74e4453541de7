import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Run } from './jsonl-process.ts';

const script = join(import.meta.dirname, '../agents/jsonl.mjs');

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

function start(env: Record<string, string> = {}): Run {
  const run = new Run([process.execPath, script], { cwd, env });
  runs.push(run);
  return run;
}
const kept = (name: string): string[] => {
  const path = join(cwd, name);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
};

describe('the scripted worker', () => {
  test('does what its message says', async () => {
    const run = await start({ GREETING: 'hi' }).ready();
    expect(await run.ask('say a\nchunks 3\nenv GREETING\nnot a command\nsay b\\nc')).toBe(
      'a0 1 2 hinot a commandb\nc',
    );
    expect(await run.ask('long 4194304')).toHaveLength(4194304);
    expect(await run.ask('flood 200000')).toHaveLength(200000);
    await run.ask('tool knit 1\nusage 5\nquota 1000 all gone\nbackground tick', { message: 'm1' });
    expect(run.host.events('m1')).toMatchObject([
      { type: 'tool', title: 'knit', status: 'in_progress' },
      { type: 'tool', status: 'completed' },
    ]);
    expect(run.host.usages('m1')).toEqual([
      { model: 'scripted', inputTokens: 5, outputTokens: 5, totalTokens: 10, counts: 'Turn' },
    ]);
    expect(run.host.of('quota')).toHaveLength(1);
    await expect(run.ask('error no paper')).rejects.toThrow('AgentError: no paper');
    expect(run.wrong).toEqual([]);
    expect(await run.ask('garbage\nsay on')).toBe('on');
    expect(run.host.of('garbage')).toHaveLength(5);
  });

  test('works on several conversations at once, and on one message of each', async () => {
    const run = await start().ready();
    await run.send('silent', { conversation: 'c1', message: 'm1' });
    await run.send('say never', { conversation: 'c1', message: 'm2' });
    expect(await run.ask('say two', { conversation: 'c2' })).toBe('two');
    expect(await run.connection.query('status', {}, { timeout: 30_000 })).toEqual({
      inFlight: ['m1', 'm2'],
      done: 1,
    });
    expect(run.host.results('m2')).toEqual([]);
  });

  test('asks others, and hands scripts on', async () => {
    const run = await start().ready();
    const asked = run.ask('ask bob say x\\nask eve say y\\\\nsay z', { message: 'm1' });
    await run.until(() => run.host.of('route').length === 1);
    expect(run.host.of('route')).toEqual([
      { requestId: 'm1.0', to: 'bob', text: 'say x\nask eve say y\\nsay z', message: 'm1' },
    ]);
    await run.connection.routed('m1.0', { response: 'fine' });
    expect(await asked).toBe('fine');
    const managed = run.ask('manage stop {"targetId":"bob"}', { message: 'm2' });
    await run.until(() => run.host.of('manage').length === 1);
    expect(run.host.of('manage')).toEqual([
      { requestId: 'm2.0', action: 'stop', params: { targetId: 'bob' } },
    ]);
    await run.connection.managed('m2.0', { response: 'stopped' });
    expect(await managed).toBe('{"response":"stopped"}');
  });

  test('speaks as old workers do where it is told to', async () => {
    const run = await start({ JSONL_IDS: 'off', JSONL_ACK: 'off' }).ready();
    expect(await run.ask('say a\nchunks 2', { message: 'm1' })).toBe('a0 1 ');
    expect(run.lines.filter((line) => line.includes('m1"') && line.includes('messageId'))).toEqual([]);
    expect(await run.ask('say b', { message: 'm2', kind: 'Route', from: 'bob' })).toBe('b');
    expect(run.host.events('m2')).toEqual([
      expect.objectContaining({ type: 'background', source: 'route:bob' }),
    ]);
  });

  test('is broken off where it has said that it can be', async () => {
    const run = await start({ JSONL_CANCEL: 'on' }).ready();
    await run.send('say a\nsilent', { message: 'm1' });
    await run.until(() => run.textOf('m1') === 'a');
    run.connection.cancel('m1');
    await run.until(() => run.host.results('m1').length > 0);
    expect(run.host.results('m1')).toEqual([{ state: 'Completed', stopReason: 'cancelled' }]);
  });

  test.each(['crash', 'crash-after-output', 'half', 'crash-done'])(
    'is killed by %s, and does the message when it comes again',
    async (command) => {
      const text = `effect one\n${command}\neffect two\nsay done`;
      const first = await start().ready();
      await first.send(text, { message: 'm1' });
      expect(await first.ended).toEqual({ code: null, signal: 'SIGKILL' });
      expect(first.host.results('m1')).toEqual([]);
      const second = await start().ready();
      expect(await second.ask(text, { message: 'm1' })).toMatch(/done|^$/);
      expect(kept('effects.log').filter((name) => name === 'one')).toHaveLength(1);
      expect(kept('delivered.log')).toEqual(['m1', 'm1']);
    },
  );

  test('has each effect once, wherever it is killed', async () => {
    const text = 'effect one\nsay a\ntool knit\neffect two\nsay b';
    for (let write = 1; write <= 16; write += 1) {
      rmSync(cwd, { recursive: true });
      cwd = mkdtempSync(join(tmpdir(), 'agentctl-test-'));
      const first = start({ JSONL_CRASH_AT: `${write}` });
      await first.send(text, { message: 'm1' });
      const end = await Promise.race([first.ended, first.until(() => first.host.results('m1').length > 0)]);
      if (end !== undefined) {
        const second = await start({ JSONL_CRASH_AT: `${write}` }).ready();
        expect(await second.ask(text, { message: 'm1' })).toBe('ab');
      }
      expect(kept('effects.log')).toEqual(['one', 'two']);
      expect(kept('crashed')).toEqual(write <= 10 ? [`${write}`] : []);
    }
  });

  test('does everything again where dedupe is off', async () => {
    for (let run = 1; run <= 2; run += 1) {
      const one = await start({ JSONL_DEDUPE: 'off' }).ready();
      expect(await one.ask('effect one\nsay a', { message: 'm1' })).toBe('a');
      await one.kill();
      expect(kept('effects.log')).toHaveLength(run);
    }
  });
});
