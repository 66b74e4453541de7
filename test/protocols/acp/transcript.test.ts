import { expect, test } from 'vitest';
import { createTranscript } from '../../../src/protocols/acp/transcript.ts';

const line = (message: object): string => JSON.stringify({ jsonrpc: '2.0', ...message });
const update = (body: object, sessionId = 's'): string =>
  line({ method: 'session/update', params: { sessionId, update: body } });
const text = (words: string, sessionId?: string): string =>
  update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: words } }, sessionId);
const thought = (words: string): string =>
  update({ sessionUpdate: 'agent_thought_chunk', content: { type: 'text', text: words } });
const tool = (fields: object, sessionUpdate = 'tool_call_update'): string =>
  update({ sessionUpdate, toolCallId: 't', ...fields });

const read = (...lines: string[]): string[] => {
  const transcript = createTranscript();
  return [...lines.flatMap((one) => transcript(one)), ...transcript.flush()];
};

test('a talk reads as its golden file', async () => {
  const lines = read(
    'listening on stdio',
    line({ id: '1.0', result: { protocolVersion: 1 } }),
    line({ id: '1.1', result: { sessionId: 's' } }),
    update({ sessionUpdate: 'available_commands_update', availableCommands: [] }),
    thought('Let me '),
    thought('see.\nFirst the list'),
    text('I look '),
    text('at the files.\n\nThen'),
    text(' I change one.'),
    tool({ title: 'bash', kind: 'execute', status: 'pending' }, 'tool_call'),
    tool({ title: 'ls -l', status: 'in_progress' }),
    tool({ content: [{ type: 'content', content: { type: 'text', text: 'a b c' } }] }),
    line({
      id: 0,
      method: 'session/request_permission',
      params: { sessionId: 's', toolCall: { toolCallId: 't' }, options: [] },
    }),
    tool({ status: 'completed' }),
    update({ sessionUpdate: 'plan', entries: [{ content: 'change it', status: 'pending' }] }),
    update({ sessionUpdate: 'usage_update', used: 1, size: 2 }),
    text('Done.'),
    line({ id: 'turn/m1/1', result: { stopReason: 'end_turn' } }),
    line({ id: 'turn/m2/1', error: { code: -32603, message: 'overloaded' } }),
    line({ id: '1.2', error: { code: -32002, message: 'no such session' } }),
    '{"jsonrpc":"2.0","method":"session/upd',
    text('without an end'),
  );
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('../../golden/acp/transcript.txt');
});

test('a line is told as soon as it is complete, and not before', () => {
  const transcript = createTranscript();
  expect(transcript(text('a'))).toEqual([]);
  expect(transcript(text('b\nc'))).toEqual(['ab']);
  expect(transcript.flush()).toEqual(['c']);
  expect(transcript.flush()).toEqual([]);
});

test('what two sessions say at once is not mixed in one line', () => {
  expect(read(text('a', 'one'), text('b', 'two'), text('c', 'one'))).toEqual(['a', 'b', 'c']);
});

test('a text that never comes to a newline is told in parts', () => {
  const transcript = createTranscript();
  const told = Array.from({ length: 100 }, () => transcript(text('x'.repeat(100)))).flat();
  expect(told.length).toBeGreaterThan(1);
  expect([...told, ...transcript.flush()].join('')).toBe('x'.repeat(10_000));
});

test.each(['', '{}', 'null', '[1]', '{"jsonrpc":"2.0"}'])('%j stays as it is', (one) => {
  expect(read(one)).toEqual([one]);
});

test.each([
  update({}),
  line({ method: 'session/update' }),
  line({ method: 'session/update', params: { update: { sessionUpdate: 'agent_message_chunk' } } }),
  line({ method: 'own/notice', params: 7 }),
  line({ id: 3, method: 'fs/read_text_file' }),
])('%s says nothing to people', (one) => {
  expect(read(one)).toEqual([]);
});

test('a tool call without anything but its id is told', () => {
  expect(read(tool({}))).toEqual(['[tool] without a title (pending)']);
});

test('of tool calls that never end only the newest are remembered', () => {
  const calls = Array.from({ length: 1_001 }, (_, n) => tool({ toolCallId: `t${n}`, title: `call ${n}` }));
  const failed = (id: string): string => tool({ toolCallId: id, status: 'failed' });
  expect(read(...calls, failed('t0'), failed('t1000')).slice(-2)).toEqual([
    '[tool] without a title (failed)',
    '[tool] call 1000 (failed)',
  ]);
});
