import { describe, expect, test } from 'vitest';
import { settle, talk, talkAgain } from './world.ts';

describe('turns of acp', () => {
  test.each(['end_turn', 'max_tokens', 'max_turn_requests', 'refusal', 'cancelled'])(
    'end by %s',
    async (stopReason) => {
      const { agent, connection, host, begin } = await talk();
      const turn = await begin({ message: 'm1', attempt: 3 });
      expect(agent.sent('session/prompt')).toMatchObject([{ id: 'turn/m1/3', params: { sessionId: 's1' } }]);
      connection.receive(agent.ends(turn, { stopReason }));
      expect(host.results('m1')).toEqual([{ state: 'Completed', stopReason }]);
    },
  );

  test('fail with what the agent says, also where it says it beside the message', async () => {
    const { connection, host, begin } = await talk();
    await begin({ message: 'm1' });
    const error = { code: -32603, message: 'Internal error', data: { details: 'overloaded' } };
    connection.receive(JSON.stringify({ jsonrpc: '2.0', id: 'turn/m1/1', error }));
    expect(host.results('m1')).toEqual([
      { state: 'Failed', reason: 'AgentError', message: 'Internal error: overloaded' },
    ]);
  });

  test('fail as AuthRequired where the agent wants to be logged in', async () => {
    const { agent, connection, host, begin } = await talk();
    connection.receive(agent.fails(await begin({ message: 'm1' }), 'log in', -32000));
    expect(host.results('m1')).toMatchObject([{ state: 'Failed', reason: 'AuthRequired' }]);
  });

  test('an answer to an earlier attempt does not end a later one', async () => {
    const { agent, connection, host, begin } = await talk();
    const turn = await begin({ message: 'm1', attempt: 2 });
    connection.receive(agent.ends({ ...turn, attempt: 1 }));
    expect(host.results('m1')).toEqual([]);
  });

  test('the late end of one does not take what is said from the next one of its session', async () => {
    const { agent, connection, host, begin } = await talk();
    const one = await begin({ message: 'm1' });
    const two = { ...one, message: 'm2' };
    await connection.prompt(two);
    connection.receive(agent.ends(one));
    connection.receive(agent.text(two, 'second'));
    expect(host.events('m2')).toEqual([{ type: 'text', text: 'second' }]);
  });

  test('a tool call has its changes and its output, and what is absent has not changed', async () => {
    const { agent, connection, host, begin } = await talk();
    const turn = await begin({ message: 'm1' });
    const call = { toolCallId: 't' };
    const said = (text: string): object => ({ type: 'content', content: { type: 'text', text } });
    for (const update of [
      { sessionUpdate: 'tool_call', ...call, title: 'look' },
      { sessionUpdate: 'tool_call_update', ...call, status: 'in_progress', kind: null, title: null },
      {
        sessionUpdate: 'tool_call_update',
        ...call,
        content: [said('a'), { type: 'diff', path: '/x', newText: '' }, said('b')],
      },
      { sessionUpdate: 'tool_call_update', ...call, status: 'completed', rawOutput: 'y'.repeat(70_000) },
      { sessionUpdate: 'tool_call_update', ...call, status: 'strange', content: 'none' },
      { sessionUpdate: 'tool_call_update' },
    ])
      connection.receive(agent.update(turn, update));
    expect(host.events('m1')).toEqual([
      { type: 'tool', id: 't', title: 'look', kind: 'other', status: 'pending' },
      { type: 'tool', id: 't', status: 'in_progress' },
      { type: 'tool', id: 't', output: 'a\n[changed /x]\nb' },
      { type: 'tool', id: 't', status: 'completed', output: 'y'.repeat(65_536) },
      { type: 'tool', id: 't' },
    ]);
  });

  test('a plan is told; what nobody reads is not', async () => {
    const { agent, connection, host, begin } = await talk();
    const turn = await begin({ message: 'm1' });
    for (const update of [
      { sessionUpdate: 'plan', entries: [{ content: 'look', status: 'in_progress', priority: 'high' }, 7] },
      { sessionUpdate: 'available_commands_update', availableCommands: [] },
      { sessionUpdate: 'user_message_chunk', content: { type: 'text', text: 'mine' } },
      { sessionUpdate: 'agent_message_chunk', content: { type: 'text' } },
      { sessionUpdate: 'agent_message_chunk' },
      {},
    ])
      connection.receive(agent.update(turn, update));
    expect(host.events('m1')).toEqual([
      { type: 'plan', entries: [{ content: 'look', status: 'in_progress' }] },
    ]);
    expect(host.of('garbage')).toEqual([]);
  });

  test('a picture is told without its content', async () => {
    const { agent, connection, host, begin } = await talk();
    const turn = await begin({ message: 'm1' });
    const content = { type: 'image', mimeType: 'image/png', data: 'x'.repeat(1000) };
    connection.receive(agent.update(turn, { sessionUpdate: 'agent_message_chunk', content }));
    expect(host.events('m1')).toEqual([{ type: 'other', event: { type: 'image', mimeType: 'image/png' } }]);
  });

  test("two messages of the agent's read as two paragraphs", async () => {
    const { agent, connection, host, begin } = await talk();
    const turn = await begin({ message: 'm1' });
    for (const [text, id] of [
      ['a', 'x'],
      ['b', 'x'],
      ['c', 'y'],
      ['d', undefined],
      ['e', 'y'],
    ] as const)
      connection.receive(agent.text(turn, text, id));
    expect(host.events('m1').map((event) => event.type === 'text' && event.text)).toEqual([
      'a',
      'b',
      '\n\nc',
      'd',
      'e',
    ]);
  });

  test.each(['fs/read_text_file', 'terminal/create', 'elicitation/create', '_own/method'])(
    'a request %s is answered with `method not found`',
    async (method) => {
      const { agent, connection, host } = await talk();
      const calls = host.calls.length;
      connection.receive(JSON.stringify({ jsonrpc: '2.0', id: 5, method, params: { path: '/etc/passwd' } }));
      expect(agent.lines.at(-1)).toMatchObject({ id: 5, error: { code: -32601 } });
      expect(host.calls).toHaveLength(calls);
    },
  );
});

describe('a cancelled turn of acp', () => {
  test('ends as the agent ends it', async () => {
    const { agent, connection, host, clock, begin } = await talk();
    const turn = await begin({ message: 'm1' });
    connection.cancel('m1');
    connection.cancel('m1');
    expect(agent.cancelled).toEqual(['s1']);
    connection.receive(agent.ends(turn, { stopReason: 'cancelled' }));
    clock.advance(60_000);
    expect(host.results('m1')).toEqual([{ state: 'Completed', stopReason: 'cancelled' }]);
  });

  test('counts as cancelled where the agent answers that its request was', async () => {
    const { agent, connection, host, begin } = await talk();
    const turn = await begin({ message: 'm1' });
    connection.cancel('m1');
    connection.receive(agent.fails(turn, 'cancelled', -32800));
    expect(host.results('m1')).toEqual([{ state: 'Completed', stopReason: 'cancelled' }]);
  });

  test('is given up after 10 s of silence, and its late end changes nothing', async () => {
    const { agent, connection, host, clock, begin } = await talk();
    const turn = await begin({ message: 'm1' });
    connection.cancel('m1');
    clock.advance(9_999);
    expect(host.results('m1')).toEqual([]);
    clock.advance(1);
    expect(host.results('m1')).toMatchObject([{ state: 'Failed', reason: 'Cancelled' }]);
    connection.receive(agent.ends(turn));
    expect(host.results('m1')).toHaveLength(1);
  });

  test('is given up after a minute, however much the agent says', async () => {
    const { agent, connection, host, clock, begin } = await talk();
    const turn = await begin({ message: 'm1' });
    connection.cancel('m1');
    for (let said = 0; said < 5; said += 1) {
      connection.receive(agent.text(turn, 'wait'));
      clock.advance(10_000);
    }
    expect(host.results('m1')).toEqual([]);
    connection.receive(agent.text(turn, 'wait'));
    clock.advance(10_000);
    expect(host.results('m1')).toHaveLength(1);
  });

  test('that an earlier connection began is cancelled too', async () => {
    const first = await talk();
    const turn = await first.begin({ message: 'm1' });
    const { connection, agent, host } = await talkAgain(first, { turns: [turn] });
    connection.cancel('m1');
    expect(agent.cancelled).toEqual(['s1']);
    connection.receive(agent.ends(turn, { stopReason: 'cancelled' }));
    expect(host.results('m1')).toHaveLength(1);
  });

  test('is not waited for once the connection is closed', async () => {
    const { connection, clock, begin } = await talk();
    await begin({ message: 'm1' });
    connection.cancel('m1');
    connection.close('the run has ended');
    expect(clock.waiting).toBe(0);
    await settle();
  });
});
