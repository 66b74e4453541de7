import { describe, expect, test } from 'vitest';
import { AcpPuppet } from './acp-puppet.ts';
import { Puppet } from './puppet.ts';
import { key, type Stage, stage } from './stage.ts';

/** A worker with a message in work, and what the API serves about it. */
async function working(spec: object = {}) {
  const puppet = new Puppet();
  const at = await stage({ w: { agent: puppet.agent, spec } });
  const message = await at.send('w', 'hi');
  await at.world.until(() => puppet.turns.length === 1);
  return { ...at, puppet, message, api: apiOf(at) };
}

const apiOf = ({ world }: Pick<Stage, 'world'>) => world.house.controller.conversations.messages;
const elsewhere = (name: string) => ({ namespace: 'elsewhere', name });
const missing = (what: string) => ({ code: 'NotFound', message: `${what} not found` });

describe('a message', () => {
  test('is not found under another name or in another namespace', async () => {
    await using at = await working();
    const { id } = at.message;
    for (const what of ['retry', 'cancel'] as const) {
      await expect(at.api.change(key('m-none'), what)).rejects.toMatchObject(missing('messages "m-none"'));
      await expect(at.api.change(elsewhere(id), what)).rejects.toMatchObject(missing(`messages "${id}"`));
    }
    expect(() => at.api.stream(key('m-none'), { signal: AbortSignal.abort() })).toThrow(
      'messages "m-none" not found',
    );
  });

  test('is not sent again before it has failed, nor after it was completed', async () => {
    await using at = await working();
    const { id } = at.message;
    const why = 'only a message that failed or expired can be sent again.';
    await expect(at.api.change(key(id), 'retry')).rejects.toMatchObject({
      code: 'Conflict',
      message: expect.stringMatching(new RegExp(`^Message ${id} is (Delivered|Acknowledged): ${why}$`)),
    });
    at.puppet.done(id, 'yes');
    await at.end(id);
    await expect(at.api.change(key(id), 'retry')).rejects.toMatchObject({
      code: 'Conflict',
      message: `Message ${id} is Completed: ${why}`,
    });
  });

  test('is not sent again once its Agent is gone', async () => {
    await using at = await working();
    const { id } = at.message;
    await at.world.house.user.delete('Agent', key('w'));
    expect(await at.end(id)).toMatchObject({
      state: 'Failed',
      reason: 'AgentDeleted',
      error: 'Agent default/w was deleted.',
    });
    await at.world.until(() => at.world.house.controller.cache.agents.get('default/w') === undefined);
    await expect(at.api.change(key(id), 'retry')).rejects.toMatchObject({
      code: 'Conflict',
      message: `Agent w of message ${id} is gone.`,
    });
  });

  test('that has ended cannot be cancelled; one in work says why it ended', async () => {
    await using at = await working();
    const { id } = at.message;
    await at.api.change(key(id), 'cancel');
    expect(await at.end(id)).toMatchObject({
      state: 'Failed',
      reason: 'Cancelled',
      error: 'It was cancelled.',
    });
    await expect(at.api.change(key(id), 'cancel')).rejects.toMatchObject({
      code: 'Conflict',
      message: `Message ${id} is already Failed.`,
    });
  });

  test('is from the user where its sender gives no name', async () => {
    await using at = await working();
    const [one, other] = await at.api.send(key('w'), [{ text: 'a' }, { text: 'b', from: 'me' }]);
    expect(one?.spec).toMatchObject({ kind: 'Chat', from: 'user:user', text: 'a' });
    expect(other?.spec).toMatchObject({ kind: 'Chat', from: 'user:me', text: 'b' });
  });
});

describe('a conversation that is closed', () => {
  test('ends its messages and takes no more, and says so', async () => {
    await using at = await working();
    const { id, conversation } = at.message;
    const waiting = await at.send('w', 'later', { conversation });
    expect(await at.api.closeConversation(key(conversation))).toMatchObject({
      kind: 'Conversation',
      metadata: { name: conversation },
      status: { state: 'Closed', reason: 'ByRequest' },
    });
    for (const each of [id, waiting.id])
      expect(await at.end(each)).toMatchObject({
        state: 'Failed',
        reason: 'Cancelled',
        error: 'Its conversation was closed.',
      });
    await expect(at.send('w', 'again', { conversation })).rejects.toMatchObject({
      message: `Conversation ${conversation} is closed (ByRequest). Omit it to begin a new one.`,
    });
    expect(at.puppet.turns.map(({ message }) => message)).toEqual(['hi']);
  });

  test('a second time keeps its reason', async () => {
    await using at = await working({ conversations: { idleTTL: '1m' } });
    const { id, conversation } = at.message;
    at.puppet.done(id, 'yes');
    await at.end(id);
    at.world.house.clock.advance(120_000);
    await at.world.talk.tidy();
    expect(await at.api.closeConversation(key(conversation))).toMatchObject({ status: { reason: 'Idle' } });
  });

  test('is not found under another name or in another namespace', async () => {
    await using at = await working();
    const { conversation } = at.message;
    await expect(at.api.closeConversation(key('c-none'))).rejects.toMatchObject(
      missing('conversations "c-none"'),
    );
    await expect(at.api.closeConversation(elsewhere(conversation))).rejects.toMatchObject(
      missing(`conversations "${conversation}"`),
    );
    expect(at.world.house.journal.conversation(conversation)?.state).toBe('Open');
  });

  test('tells its agent to close the session', async () => {
    const puppet = new AcpPuppet({
      initialize: () => ({
        protocolVersion: 1,
        agentCapabilities: { loadSession: true, sessionCapabilities: { close: {} } },
      }),
    });
    await using at = await stage({ acp: puppet });
    const { id, conversation } = await at.send('acp', 'hi');
    await at.world.until(() => puppet.prompts.length === 1);
    puppet.end('yes');
    await at.end(id);
    await apiOf(at).closeConversation(key(conversation));
    await at.world.until(() => puppet.of('session/close').length === 1);
    expect(puppet.of('session/close')[0]?.params.sessionId).toBe('s1');
  });
});

describe('a query', () => {
  const ask = (api: ReturnType<typeof apiOf>, name = 'w') =>
    api.query(key(name), { action: 'status', params: { a: 1 } });

  test('is answered by a run that is Ready', async () => {
    await using at = await working();
    const answer = ask(at.api);
    await at.world.until(() => at.puppet.of('query').length === 1);
    const [query] = at.puppet.of('query');
    expect(query).toMatchObject({ action: 'status', params: { a: 1 } });
    at.puppet.runs[0]?.say(
      JSON.stringify({ type: 'query_response', requestId: query?.requestId, data: 'fine' }),
    );
    expect(await answer).toBe('fine');
  });

  test('is refused where no run is Ready, and by an Agent that is not known', async () => {
    await using at = await stage({ w: new Puppet() });
    await at.world.agent('w', { suspend: true });
    await at.world.until(() => at.world.talk.census().links.every(({ state }) => state !== 'Ready'));
    await expect(ask(apiOf(at))).rejects.toMatchObject({
      code: 'ServiceUnavailable',
      message: 'No instance of Agent default/w is Ready.',
    });
    await expect(ask(apiOf(at), 'none')).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('that is not answered in half a minute has timed out', async () => {
    await using at = await working();
    const failed = expect(ask(at.api)).rejects.toMatchObject({
      code: 'Timeout',
      message: expect.stringMatching(/^Agent default\/w: /),
    });
    await at.world.until(() => at.puppet.of('query').length === 1);
    await at.pass(30_000);
    await failed;
  });

  test('that the protocol does not have, or the agent refuses, is a bad request', async () => {
    await using at = await stage({ acp: new AcpPuppet() });
    await expect(ask(apiOf(at), 'acp')).rejects.toMatchObject({
      code: 'BadRequest',
      message: expect.stringMatching(/^Agent default\/acp: /),
    });
  });
});

test('usage of an Agent that is not known is not found; of one without any there is none', async () => {
  await using at = await stage({ w: new Puppet() });
  const api = apiOf(at);
  await expect(api.usage(key('none'), {})).rejects.toMatchObject({ code: 'NotFound' });
  expect(await api.usage(key('w'), {})).toEqual([]);
  expect(await api.usageByAgent({})).toEqual([]);
});

test('usage of an Agent is that of its own turns', async () => {
  await using at = await working();
  at.puppet.say(at.message.id, { type: 'usage', inputTokens: 10, outputTokens: 5, model: 'm' });
  at.puppet.done(at.message.id, 'yes');
  await at.end(at.message.id);
  const usage = await at.api.usage({ name: 'w' }, {});
  expect(usage).toMatchObject([{ model: 'm', inputTokens: 10, outputTokens: 5 }]);
  expect(await at.api.usage(key('w'), {})).toEqual(usage);
  expect(await at.api.usageByAgent({ namespace: 'elsewhere' })).toEqual([]);
});

test('only the run that is named is asked to end', async () => {
  await using at = await working();
  const { conversations } = at.world.house.controller;
  const { uid = '' } = at.world.house.instance('w-0')?.metadata ?? {};
  conversations.shutdown(uid, 2);
  conversations.shutdown('other', 1);
  at.puppet.done(at.message.id, 'yes');
  await at.end(at.message.id);
  expect(at.puppet.of('shutdown')).toEqual([]);
  conversations.shutdown(uid, 1);
  await at.world.until(() => at.puppet.of('shutdown').length === 1);
});
