import { describe, expect, test } from 'vitest';
import type { Permission } from '../../../src/protocols/turn-events.ts';
import { type Talk, talk, talkAgain } from './world.ts';

const call = { toolCallId: 't', title: 'rm -r /', kind: 'execute', rawInput: { command: 'rm -r /' } };
const permissions = ({ host }: Pick<Talk, 'host'>): Permission[] => host.of('permission') as Permission[]; // only `permission` adds them
const outcome = (id: unknown, optionId?: string): object => ({
  jsonrpc: '2.0',
  id,
  result: { outcome: optionId === undefined ? { outcome: 'cancelled' } : { outcome: 'selected', optionId } },
});

describe('a permission of acp', () => {
  test.each([
    ['Allow', 'once'],
    ['Deny', 'no'],
    ['Cancelled', undefined],
  ] as const)('is put to the host, and %s answers it', async (decision, optionId) => {
    const { agent, connection, host, begin } = await talk();
    connection.receive(agent.asks(await begin({ message: 'm1' }), 0, call));
    const [permission] = permissions({ host });
    expect(permission).toEqual({
      id: expect.any(String),
      title: 'rm -r /',
      toolKind: 'execute',
      toolCallId: 't',
      input: { command: 'rm -r /' },
      options: [
        { id: 'always', name: 'Always', kind: 'allow_always' },
        { id: 'once', name: 'Once', kind: 'allow_once' },
        { id: 'never', name: 'Never', kind: 'reject_always' },
        { id: 'no', name: 'No', kind: 'reject_once' },
      ],
    });
    expect(host.calls.at(-1)?.message).toBe('m1');
    const lines = agent.lines.length;
    connection.decide(permission?.id ?? '', decision);
    connection.decide(permission?.id ?? '', 'Allow');
    expect(agent.lines.slice(lines)).toEqual([outcome(0, optionId)]);
  });

  test('says what is known of the call from before', async () => {
    const { agent, connection, host, begin } = await talk();
    const turn = await begin({ message: 'm1' });
    connection.receive(
      agent.update(turn, { sessionUpdate: 'tool_call', toolCallId: 't', title: 'bash', kind: 'execute' }),
    );
    connection.receive(
      agent.update(turn, { sessionUpdate: 'tool_call_update', toolCallId: 't', title: 'ls', rawInput: 'ls' }),
    );
    connection.receive(agent.asks(turn, 'x', { toolCallId: 't' }));
    expect(permissions({ host })).toMatchObject([{ title: 'ls', toolKind: 'execute', input: 'ls' }]);
  });

  test('of which nothing is known is put all the same', async () => {
    const { agent, connection, host, begin } = await talk();
    connection.receive(agent.asks(await begin({ message: 'm1' }), 1, { toolCallId: 't' }));
    expect(permissions({ host })).toMatchObject([{ title: 'tool call t', toolKind: 'other' }]);
  });

  test('has the same id when it is read again, and another one in another turn', async () => {
    const first = await talk();
    const turn = await first.begin({ message: 'm1' });
    const line = first.agent.asks(turn, 0, call);
    first.connection.receive(line);
    const second = await talkAgain(first, { turns: [turn] });
    second.connection.receive(line);
    const later = await talkAgain(second, { turns: [{ ...turn, attempt: 2 }], epoch: '3' });
    later.connection.receive(line);
    const [one, two, three] = [first, second, later].map((world) => permissions(world)[0]?.id);
    expect(two).toBe(one);
    expect(three).not.toBe(one);
  });

  test('that an earlier connection read is answered by a later one', async () => {
    const first = await talk();
    const turn = await first.begin({ message: 'm1' });
    first.connection.receive(first.agent.asks(turn, 'q7', call));
    const { connection, agent } = await talkAgain(first, { turns: [turn] });
    connection.decide(permissions(first)[0]?.id ?? '', 'Allow');
    expect(agent.lines.at(-1)).toEqual(outcome('q7', 'once'));
  });

  test.each([
    ['Allow', [{ optionId: 'always', kind: 'allow_always' }], 'always'],
    ['Deny', [{ optionId: 'never', kind: 'reject_always' }], 'never'],
    ['Deny', [{ optionId: 'always', kind: 'allow_always' }], undefined],
    ['Allow', [], undefined],
  ] as const)('%s takes what of %j there is', async (decision, options, optionId) => {
    const { agent, connection, host, begin } = await talk();
    connection.receive(agent.asks(await begin({ message: 'm1' }), 1, call, options));
    connection.decide(permissions({ host })[0]?.id ?? '', decision);
    expect(agent.lines.at(-1)).toEqual(outcome(1, optionId));
  });

  test('is answered with the option that is named', async () => {
    const { agent, connection, host, begin } = await talk();
    connection.receive(agent.asks(await begin({ message: 'm1' }), 1, call));
    connection.decide(permissions({ host })[0]?.id ?? '', 'Allow', 'always');
    expect(agent.lines.at(-1)).toEqual(outcome(1, 'always'));
  });

  test('of a session of the agent’s own belongs to the only turn, or to that which has the call', async () => {
    const { agent, connection, host, begin } = await talk();
    const one = await begin({ message: 'm1' });
    connection.receive(agent.asks({ ...one, session: 'helper' }, 1, call));
    const two = await begin({ message: 'm2' });
    connection.receive(agent.update(two, { sessionUpdate: 'tool_call', ...call }));
    connection.receive(agent.asks({ ...one, session: 'helper' }, 2, call));
    connection.receive(agent.asks({ ...one, session: 'helper' }, 3, { ...call, toolCallId: 'unknown' }));
    const asked = host.calls.filter((told) => told.call === 'permission');
    expect(asked.map(({ message }) => message)).toEqual(['m1', 'm2', undefined]);
  });

  test('of a session whose turn is over belongs to no other turn', async () => {
    const { agent, connection, host, begin } = await talk();
    const one = await begin({ message: 'm1' });
    connection.receive(agent.ends(one, { stopReason: 'end_turn' }));
    await begin({ message: 'm2' });
    connection.receive(agent.asks(one, 1, call));
    expect(host.calls.findLast((told) => told.call === 'permission')?.message).toBeUndefined();
  });

  test('is missed where a tool is used after the end of its turn, and not where it fails with a cancel', async () => {
    const { agent, connection, host, begin } = await talk();
    const one = await begin({ message: 'm1' });
    connection.receive(agent.update(one, { sessionUpdate: 'tool_call', ...call }));
    connection.cancel('m1');
    const end = (status: string): string =>
      agent.update(one, { sessionUpdate: 'tool_call_update', toolCallId: 't', status });
    connection.receive(end('failed'));
    connection.receive(agent.ends(one, { stopReason: 'cancelled' }));
    expect(host.of('used')).toEqual([]);
    connection.receive(end('completed'));
    expect(host.of('used', 'm1')).toMatchObject([{ asked: false, end: 'completed' }]);
  });

  test('in one turn is none for a call of the same id in another', async () => {
    const { agent, connection, host, begin } = await talk();
    const [one, two] = [await begin({ message: 'm1' }), await begin({ message: 'm2' })];
    connection.receive(agent.asks(one, 1, call));
    for (const turn of [one, two]) {
      connection.receive(agent.update(turn, { sessionUpdate: 'tool_call', ...call }));
      connection.receive(
        agent.update(turn, { sessionUpdate: 'tool_call_update', toolCallId: 't', status: 'completed' }),
      );
    }
    expect(host.of('used', 'm1')).toMatchObject([{ asked: true }]);
    expect(host.of('used', 'm2')).toMatchObject([{ asked: false }]);
  });

  test('that waits when its turn is cancelled is answered so', async () => {
    const { agent, connection, host, begin } = await talk();
    const turn = await begin({ message: 'm1' });
    connection.receive(agent.asks(turn, 1, call));
    connection.receive(agent.asks(turn, 2, call));
    connection.decide(permissions({ host })[0]?.id ?? '', 'Deny');
    connection.cancel('m1');
    expect(agent.lines.slice(-3)).toEqual([
      outcome(1, 'no'),
      { jsonrpc: '2.0', method: 'session/cancel', params: { sessionId: turn.session } },
      outcome(2),
    ]);
  });

  test('without a tool call is answered as an error, and not put', async () => {
    const { agent, connection, host } = await talk();
    connection.receive(
      '{"jsonrpc":"2.0","id":4,"method":"session/request_permission","params":{"options":[]}}',
    );
    expect(agent.lines.at(-1)).toMatchObject({ id: 4, error: { code: -32602 } });
    expect(permissions({ host })).toEqual([]);
  });

  test('of a vast input is put with the beginning of it', async () => {
    const { agent, connection, host, begin } = await talk();
    connection.receive(
      agent.asks(await begin({ message: 'm1' }), 1, { ...call, rawInput: { text: 'x'.repeat(1e6) } }),
    );
    expect(String(permissions({ host })[0]?.input)).toHaveLength(65_537);
  });

  test.each(['', '{}', '{"turn":"x"}', '[]', 'null'])('an id %j of nobody is passed over', async (id) => {
    const { agent, connection } = await talk();
    const lines = agent.lines.length;
    connection.decide(id, 'Allow');
    expect(agent.lines).toHaveLength(lines);
  });
});
