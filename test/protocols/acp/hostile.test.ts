import fc from 'fast-check';
import { expect, test } from 'vitest';
import { settle, talk } from './world.ts';

/** Any JSON, with the names that matter often in it. */
const names = [
  'sessionUpdate',
  'content',
  'toolCallId',
  'title',
  'rawInput',
  'entries',
  'cost',
  'type',
  'text',
  'options',
  'sessionId',
];
const words = [
  'agent_message_chunk',
  'tool_call',
  'tool_call_update',
  'plan',
  'usage_update',
  'config_option_update',
  'text',
  's1',
];
const { any } = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(...words),
    fc.jsonValue({ maxDepth: 1 }),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...names), tie('any'), { maxKeys: 6 }),
  ),
}));
const fields = fc.dictionary(fc.constantFrom(...names), any);

test('updates and permissions of any shape are taken without a word, and end no turn', async () => {
  const { connection, agent, host, begin } = await talk();
  const turn = await begin({ message: 'm1' });
  const messages = fc.oneof(
    fields.map((update) => ({ method: 'session/update', params: { sessionId: turn.session, update } })),
    fields.map((params) => ({ method: 'session/update', params })),
    fields.map((params) => ({
      id: 1,
      method: 'session/request_permission',
      params: { sessionId: turn.session, ...params },
    })),
    fc
      .tuple(fc.constantFrom('1.0', '1.1', 'turn/m1/2', 'turn/', null, 7), any)
      .map(([id, result]) => ({ id, result })),
  );
  fc.assert(
    fc.property(messages, (message) => connection.receive(JSON.stringify({ jsonrpc: '2.0', ...message }))),
    { numRuns: 500 },
  );
  await settle();
  expect(host.results('m1')).toEqual([]);
  expect(host.of('garbage')).toEqual([]);
  expect(JSON.parse(JSON.stringify(host.calls))).toHaveLength(host.calls.length);
  connection.receive(agent.ends(turn));
  expect(host.results('m1')).toHaveLength(1);
});

test('an answer to the handshake of any shape makes it ready or refused, once', async () => {
  await fc.assert(
    fc.asyncProperty(any, any, async (capabilities, session) => {
      const { host } = await talk(
        {
          initialize: () => ({
            result: { protocolVersion: 1, agentCapabilities: capabilities, agentInfo: session },
          }),
          'session/new': () => ({ result: { sessionId: 's', configOptions: session, modes: capabilities } }),
        },
        { model: 'text' },
      );
      expect(host.calls).toHaveLength(1);
    }),
    { numRuns: 100 },
  );
});

test('a tool input that is nested too deeply to be written is put to people all the same', async () => {
  const { connection, agent, host, begin } = await talk();
  const line = agent.asks(await begin({ message: 'm1' }), 1, { toolCallId: 't', rawInput: 'DEEP' });
  connection.receive(line.replace('"DEEP"', `${'['.repeat(50_000)}${']'.repeat(50_000)}`));
  expect(host.of('permission')).toHaveLength(1);
  expect(() => JSON.stringify(host.calls)).not.toThrow();
});
