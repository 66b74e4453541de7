import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ConnectOptions } from '../../../src/protocols/protocol.ts';
import type { Permission } from '../../../src/protocols/turn-events.ts';
import { until } from '../../contracts/protocol/world.ts';
import { answer, ended, type Run, start } from './run.ts';

let cwd: string;
let runs: Run[];

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'acp-'));
  runs = [];
});
afterEach(async () => {
  await Promise.all(runs.map((run) => run.kill()));
  rmSync(cwd, { recursive: true });
});

function begin(env: Record<string, string> = {}, more: Partial<ConnectOptions> = {}): Run {
  const run = start(cwd, env, more);
  runs.push(run);
  return run;
}

const effects = (): string[] =>
  readFileSync(join(cwd, 'effects.log'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' ')[0] ?? '');

/** As the controller words it. */
const resumed = (text: string): string =>
  `The turn was interrupted. Check what is done, and finish:\n${text}`;

describe('acp with a scripted agent as a process', () => {
  test('a turn has its thoughts, tool calls, text and usage', async () => {
    const run = begin();
    await run.turn('think hm\neffect a\nsay hello\nusage 10 2 0.5');
    await ended(run.host, 'm1');
    expect(run.host.events('m1')).toMatchObject([
      { type: 'thought', text: 'hm' },
      { type: 'tool', title: 'effect a', kind: 'execute', status: 'pending' },
      { type: 'tool', status: 'in_progress' },
      { type: 'tool', status: 'completed', output: 'done' },
      { type: 'text', text: 'hello' },
    ]);
    expect(run.host.usages('m1')).toEqual([
      {
        model: 'small',
        cost: { amount: 0.5, currency: 'USD' },
        context: { used: 12, size: 100_000 },
        counts: 'Session',
      },
      { model: 'small', inputTokens: 10, outputTokens: 2, totalTokens: 12, counts: 'Session' },
    ]);
    expect(run.host.results('m1')).toEqual([{ state: 'Completed', stopReason: 'end_turn' }]);
    expect(effects()).toEqual(['a']);
  });

  test('leave is asked, and a denial ends the call and not the turn', async () => {
    const run = begin({ ASK: '1' });
    await run.turn('effect a\nsay done');
    await until(() => run.host.of('permission').length > 0);
    const [permission] = run.host.of('permission') as Permission[]; // only `permission` adds them
    expect(permission).toMatchObject({ title: 'effect a', toolKind: 'execute', input: { effect: 'a' } });
    run.connection.decide(permission?.id ?? '', 'Deny');
    await ended(run.host, 'm1');
    expect(run.host.events('m1')).toContainEqual(
      expect.objectContaining({ status: 'failed', output: 'denied' }),
    );
    expect(answer(run.host, 'm1')).toBe('done');
    expect(effects).toThrow();
  });

  test('the model and the system prompt reach it', async () => {
    const run = begin({}, { model: 'large', systemPrompt: 'You are Bob.' });
    await run.turn('model\nblocks', { preface: 'You are Bob.' });
    await ended(run.host, 'm1');
    expect(answer(run.host, 'm1')).toMatch(/^large.*"You are Bob\./);
  });

  test('a turn is cancelled', async () => {
    const run = begin();
    await run.turn('say now\nsilent\nsay never');
    await until(() => answer(run.host, 'm1') === 'now');
    run.connection.cancel('m1');
    await ended(run.host, 'm1');
    expect(run.host.results('m1')).toEqual([{ state: 'Completed', stopReason: 'cancelled' }]);
  });

  test('a turn goes on under a second connection to the same process', async () => {
    const run = begin({ ASK: '1' });
    const turn = await run.turn('say one \neffect a\nsay two');
    await until(() => run.host.of('permission').length > 0);
    const [permission] = run.host.of('permission') as Permission[]; // only `permission` adds them
    run.again('2', [turn]);
    run.connection.decide(permission?.id ?? '', 'Allow');
    await ended(run.host, 'm1');
    expect(answer(run.host, 'm1')).toBe('two');
    await run.turn('say three');
    await ended(run.host, 'm2');
    expect(effects()).toEqual(['a']);
  });

  test.each([{}, { NO_RESUME: '1' }])(
    'after a crash the session is loaded again, and each effect is counted once (%j)',
    async (env) => {
      const text = 'effect a\nsay half\ncrash once\neffect b\nsay whole';
      const first = begin(env);
      const { session } = await first.turn(text);
      await first.ended;
      expect(first.host.results('m1')).toEqual([]);
      const second = begin(env);
      await second.turn(resumed(text), { message: 'm1', attempt: 2, session });
      await ended(second.host, 'm1');
      expect(answer(second.host, 'm1')).toBe('halfwhole');
      expect(effects()).toEqual(['a', 'b']);
    },
  );

  test('a prompt that is wrongly sent twice shows in its effects', async () => {
    const run = begin();
    await run.turn('effect a');
    await run.turn('effect a');
    await ended(run.host, 'm2');
    expect(effects()).toEqual(['a', 'a']);
  });

  test('half a line, garbage and a flood do no harm', async () => {
    const first = begin();
    await first.turn('garbage\nflood 1000000\nhalf');
    await first.ended;
    expect(first.host.of('garbage')).toHaveLength(2);
    expect(answer(first.host, 'm1')).toHaveLength(1_000_000);
    const second = begin();
    await second.turn('exit 3');
    expect(await second.ended).toBe(3);
  });

  test('an agent that wants a login is ready once it has one', async () => {
    const run = begin({ AUTH: '1' });
    await until(() => run.host.of('unready').length > 0);
    expect(run.host.of('unready')).toMatchObject([
      { reason: 'AuthRequired', message: expect.stringContaining('write a file called token') },
    ]);
    writeFileSync(join(cwd, 'token'), '');
    await run.kill();
    const next = begin({ AUTH: '1' });
    await until(() => next.host.of('ready').length > 0);
  });

  test.each([
    [{ LOAD_REFUSED: '1' }, 'LoadRefused'],
    [{ NO_LOAD: '1' }, 'New'],
  ])('with %j an old session is %s', async (env, what) => {
    const run = begin(env);
    await until(() => run.host.of('ready').length > 0);
    const loaded = run.connection.session({ id: 'c', session: 'old', live: false, workingDir: cwd });
    if (what === 'New') await expect(loaded).resolves.toMatchObject({ how: 'New' });
    else await expect(loaded).rejects.toMatchObject({ code: what });
  });
});
