import { describe, expect, test } from 'vitest';
import { able, type Talk, talk, talkAgain } from './world.ts';

const used = (total: number): object => ({
  usage: { inputTokens: total - 1, outputTokens: 1, totalTokens: total },
});

/** One turn after the other in one session, each of which reports so many tokens. */
async function turns(world: Talk, totals: readonly number[]): Promise<unknown[]> {
  const { connection, agent, host, begin } = world;
  const first = await begin({ message: 'm0' });
  for (const [n, total] of totals.entries()) {
    const turn = { ...first, message: `m${n}` };
    if (n > 0) await connection.prompt(turn);
    connection.receive(agent.ends(turn, used(total)));
  }
  return host.of('usage').map((usage) => (usage as { counts: string }).counts); // only `usage` adds them
}

describe('usage of acp', () => {
  test('tokens come with the end of a turn, before it', async () => {
    const { connection, agent, host, begin } = await talk();
    const usage = {
      inputTokens: 10,
      outputTokens: 2,
      totalTokens: 12,
      cachedReadTokens: null,
      thoughtTokens: 0,
    };
    connection.receive(agent.ends(await begin({ message: 'm1' }), { usage }));
    expect(host.usages('m1')).toEqual([
      { inputTokens: 10, outputTokens: 2, totalTokens: 12, thoughtTokens: 0, counts: 'Session' },
    ]);
    expect(host.calls.map(({ call }) => call)).toEqual(['ready', 'usage', 'ended']);
  });

  test.each([undefined, null, {}, { inputTokens: 'many' }, { totalTokens: -1 }, 7])(
    'a report %j is none',
    async (usage) => {
      const { connection, agent, host, begin } = await talk();
      connection.receive(agent.ends(await begin({ message: 'm1' }), { usage }));
      expect(host.of('usage')).toEqual([]);
    },
  );

  test('tokens are sums of the session, as the specification has it', async () => {
    expect(await turns(await talk(), [10, 20, 15])).toEqual(['Session', 'Session', 'Session']);
  });

  test.each(['OpenCode', '@agentclientprotocol/claude-agent-acp'])(
    'tokens of %s are those of a turn',
    async (name) => {
      expect(await turns(await talk(able({}, { agentInfo: { name, version: '1' } })), [10, 20])).toEqual([
        'Turn',
        'Turn',
      ]);
    },
  );

  test("Gemini's are those of all requests of a turn, and tell of none that it does not know", async () => {
    const { connection, agent, host, begin } = await talk();
    const turn = await begin({ message: 'm1' });
    const told = (input: number, output: number): object => ({
      _meta: { quota: { token_count: { input_tokens: input, output_tokens: output }, model_usage: [] } },
    });
    connection.receive(agent.ends(turn, told(10, 2)));
    for (const [message, result] of [
      ['m2', told(0, 0)],
      ['m3', {}],
    ] as const) {
      await connection.prompt({ ...turn, message });
      connection.receive(agent.ends({ ...turn, message }, result));
    }
    expect(['m1', 'm2', 'm3'].map((message) => host.usages(message))).toEqual([
      [{ inputTokens: 10, outputTokens: 2, counts: 'Turn' }],
      [],
      [],
    ]);
  });

  describe('of an agent that tells it of each request', () => {
    const qwen = able({}, { agentInfo: { name: 'qwen-code', version: '1' } });
    const told = (inputTokens: number, outputTokens: number): object => ({
      sessionUpdate: 'agent_message_chunk',
      content: { type: 'text', text: '' },
      _meta: { usage: { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens } },
    });

    test('is their sum', async () => {
      const { connection, agent, host, begin } = await talk(qwen);
      const turn = await begin({ message: 'm1' });
      connection.receive(agent.update(turn, told(10, 2)));
      connection.receive(agent.update(turn, told(20, 3)));
      connection.receive(agent.ends(turn, {}));
      await connection.prompt({ ...turn, message: 'm2' });
      connection.receive(agent.update(turn, told(30, 4)));
      const used = (inputTokens: number, outputTokens: number): object => ({
        ...{ inputTokens, outputTokens, totalTokens: inputTokens + outputTokens },
        counts: 'Turn',
      });
      expect(host.usages('m1')).toEqual([used(10, 2), used(30, 5)]);
      expect(host.usages('m2')).toEqual([used(30, 4)]);
    });

    test('is unknown of a turn of which an earlier connection has read some', async () => {
      const before = await talk(qwen);
      const turn = await before.begin({ message: 'm1' });
      before.connection.receive(before.agent.update(turn, told(10, 2)));
      const { connection, agent, host } = await talkAgain(before, { turns: [turn] });
      connection.receive(agent.update(turn, told(20, 3)));
      connection.receive(agent.ends(turn, {}));
      expect(host.usages('m1')).toEqual([]);
    });

    test('is not read of another agent', async () => {
      const { connection, agent, host, begin } = await talk();
      const turn = await begin({ message: 'm1' });
      connection.receive(agent.update(turn, told(10, 2)));
      expect(host.usages('m1')).toEqual([]);
    });
  });

  test('the cost of a loaded session is what it said while it was loaded', async () => {
    const cost = (amount: number): object => ({ used: 1, size: 9, cost: { amount, currency: 'USD' } });
    const { connection, agent } = await talk({
      ...able({ loadSession: true }),
      'session/load': () => {
        for (const amount of [3, 4])
          connection.receive(
            agent.update({ session: 'old' }, { sessionUpdate: 'usage_update', ...cost(amount) }),
          );
        return { result: {} };
      },
    });
    await expect(
      connection.session({ id: 'c', session: 'old', live: false, workingDir: '/work' }),
    ).resolves.toEqual({
      session: 'old',
      how: 'Loaded',
      cost: { amount: 4, currency: 'USD' },
    });
  });

  test('the cost is a sum of the session, and comes with how full the context is', async () => {
    const { connection, agent, host, begin } = await talk();
    const turn = await begin({ message: 'm1' });
    const update = { sessionUpdate: 'usage_update', used: 200, size: 8000 };
    connection.receive(agent.update(turn, { ...update, cost: { amount: 0.01, currency: 'USD' } }));
    connection.receive(agent.update(turn, { ...update, cost: null }));
    connection.receive(agent.update(turn, { sessionUpdate: 'usage_update' }));
    const context = { used: 200, size: 8000 };
    expect(host.usages('m1')).toEqual([
      { context, cost: { amount: 0.01, currency: 'USD' }, counts: 'Session' },
      { context, counts: 'Session' },
    ]);
  });

  test('nothing used and nothing spent are what an agent reports that does not know', async () => {
    const { connection, agent, host, begin } = await talk();
    const turn = await begin({ message: 'm1' });
    const cost = { amount: 0, currency: 'USD' };
    connection.receive(agent.update(turn, { sessionUpdate: 'usage_update', used: 0, size: 8000, cost }));
    connection.receive(agent.update(turn, { sessionUpdate: 'usage_update', used: 1, size: 8000, cost }));
    connection.receive(agent.ends(turn, { usage: { inputTokens: 0, outputTokens: 0, totalTokens: 0 } }));
    expect(host.usages('m1')).toEqual([{ context: { used: 1, size: 8000 }, counts: 'Session' }]);
  });

  test('names the model that the session uses', async () => {
    const option = { id: 'model', category: 'model', type: 'select', currentValue: 'small', options: [] };
    const { connection, agent, host, begin } = await talk({
      'session/new': () => ({ result: { sessionId: 'n', configOptions: [option] } }),
    });
    const turn = await begin({ message: 'm1' });
    connection.receive(agent.usage(turn, 1));
    const configOptions = [{ ...option, currentValue: 'large' }];
    connection.receive(agent.update(turn, { sessionUpdate: 'config_option_update', configOptions }));
    connection.receive(agent.usage(turn, 2));
    expect(host.usages('m1')).toMatchObject([{ model: 'small' }, { model: 'large' }]);
  });

  describe("a quota that Claude's adapter reports", () => {
    const report = async (info: object) => {
      const { connection, agent, host, begin } = await talk();
      const turn = await begin({ message: 'm1' });
      const _meta = { '_claude/rateLimit': info };
      connection.receive(agent.update(turn, { sessionUpdate: 'usage_update', used: 1, size: 8, _meta }));
      return host.of('quota');
    };

    test('is used up until the time of the reset, which is in seconds', async () => {
      const limit = { status: 'rejected', resetsAt: 1_772_400_000, rateLimitType: 'five_hour' };
      expect(await report({ ...limit, overageStatus: 'rejected' })).toEqual([
        { until: Date.parse('2026-03-01T21:20:00Z'), message: 'The usage limit five_hour is reached.' },
      ]);
    });

    test.each([{}, { resetsAt: 'at 4pm' }, { resetsAt: -1 }, { resetsAt: 1_772_400_000_000 }])(
      'with %j is used up until nobody knows when',
      async (reset) => {
        expect(await report({ status: 'rejected', ...reset })).toEqual([
          { message: 'The usage limit of its account is reached.' },
        ]);
      },
    );

    test.each([
      { status: 'allowed_warning', resetsAt: 1_772_400_000 },
      { status: 'rejected', resetsAt: 1_772_400_000, overageStatus: 'allowed' },
      { status: 'rejected', resetsAt: 1_772_400_000, isUsingOverage: true },
      { resetsAt: 1_772_400_000 },
    ])('as %j is not used up', async (info) => {
      expect(await report(info)).toEqual([]);
    });
  });

  test('a number of which no sum means anything is not reported', async () => {
    const { connection, agent, host, begin } = await talk();
    const turn = await begin({ message: 'm1' });
    const cost = { amount: 1.7e308, currency: 'USD' };
    connection.receive(agent.update(turn, { sessionUpdate: 'usage_update', used: 1e300, size: 5, cost }));
    connection.receive(agent.ends(turn, { usage: { inputTokens: 1e13, outputTokens: 2 } }));
    for (const usage of host.usages('m1')) {
      expect(usage).not.toHaveProperty('cost');
      expect(usage).not.toHaveProperty('inputTokens');
      expect(usage).not.toHaveProperty('context');
    }
    expect(host.usages('m1').at(-1)).toMatchObject({ outputTokens: 2 });
  });
});
