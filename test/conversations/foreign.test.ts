import { expect, test } from 'vitest';
import { AcpPuppet } from './acp-puppet.ts';
import { Puppet } from './puppet.ts';
import { key, stage } from './stage.ts';

test("lines that name another instance's message, conversation or question reach neither", async () => {
  const [one, stranger] = [new Puppet(), new Puppet()];
  await using at = await stage({ target: { agent: one.agent }, stranger: { agent: stranger.agent } });
  const { id, conversation } = await at.send('target', 'work');
  const own = await at.send('stranger', 'work too');
  await at.world.until(() => one.turns.length === 1 && stranger.turns.length === 1);
  one.text(id, 'mine');
  const query = at.world.talk.query(await at.world.house.user.get('Agent', key('target')), {
    action: 'status',
  });
  await at.world.until(() => one.of('query').length === 1);
  const [{ requestId = '' } = {}] = one.of('query');

  stranger.say(
    own.id,
    { type: 'ack', messageId: id },
    { type: 'event', messageId: id, event: { type: 'text', text: 'forged' } },
    {
      type: 'event',
      messageId: undefined,
      conversationId: conversation,
      event: { type: 'text', text: 'forged' },
    },
    { type: 'usage', messageId: id, inputTokens: 666 },
    { type: 'route_done', messageId: id, requestId: id, response: 'forged' },
    { type: 'error', messageId: id, error: 'forged' },
    { type: 'chat_done', messageId: undefined, conversationId: conversation },
    { type: 'chat_done', messageId: id },
    { type: 'query_response', requestId, data: 'forged' },
    { type: 'event', event: { type: 'text', text: 'done' } },
    { type: 'chat_done' },
  );
  expect(await at.end(own.id)).toMatchObject({ state: 'Completed', answer: 'done' });
  expect(at.message(id)).toMatchObject({ state: 'Delivered' });
  one.say(id, { type: 'query_response', requestId, data: 'true' });
  expect(await query).toBe('true');
  one.done(id);
  expect(await at.end(id)).toMatchObject({ state: 'Completed', answer: 'mine' });
  expect(at.message(id)?.spent?.inputTokens).toBeUndefined();
});

test("an ACP agent that names another's session or turn changes nothing there", async () => {
  const one = new AcpPuppet();
  const stranger = new AcpPuppet({ 'session/new': () => ({ sessionId: 'own' }) });
  const permissions = { default: 'Ask' as const };
  await using at = await stage({
    'acp-target': { agent: one.agent, spec: { permissions } },
    'acp-stranger': { agent: stranger.agent, spec: { permissions } },
  });
  const { id } = await at.send('acp-target', 'work');
  const own = await at.send('acp-stranger', 'work too');
  await at.world.until(() => one.prompts.length === 1 && stranger.prompts.length === 1);
  const [prompt] = one.prompts;
  const say = (message: object) => stranger.runs[0]?.say(JSON.stringify({ jsonrpc: '2.0', ...message }));
  const sessionId = prompt?.params.sessionId;
  const text = { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'forged' } };
  say({ method: 'session/update', params: { sessionId, update: text } });
  say({ id: prompt?.id, result: { stopReason: 'end_turn' } });
  stranger.end();
  expect(await at.end(own.id)).toMatchObject({ state: 'Completed' });
  expect(at.message(id)).toMatchObject({ state: 'Delivered' });
  one.end();
  expect(await at.end(id)).toMatchObject({ state: 'Completed', answer: 'done' });
});

test('a conversation of another namespace is as unknown as one that never was', async () => {
  await using at = await stage({ one: { agent: new Puppet().agent } });
  const { user } = at.world.house;
  await user.create('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'else' } });
  const other = await user.create('Agent', {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Agent',
    metadata: { name: 'other', namespace: 'else' },
    spec: { protocol: 'jsonl', template: { image: 'test-image:1' } },
  });
  const [{ conversation = '' } = {}] = await at.world.talk.send(other, [{ text: 'hi' }]);
  const refusal = (id: string) =>
    at.send('one', 'hi', { conversation: id }).then(
      () => 'sent',
      ({ message }: Error) => message.replaceAll(id, 'ID'),
    );
  expect(await refusal(conversation)).toBe(await refusal('c-none'));
});
