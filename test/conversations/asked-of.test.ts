import { describe, expect, test } from 'vitest';
import type { Agent, New } from '../../src/api/objects.ts';
import { Puppet } from './puppet.ts';
import { key, type Stage, stage } from './stage.ts';

type Spec = New<Agent>['spec'];

/** `one` works on a message, and asks others. `other` is there to be asked. */
async function pair(specs: { one?: Spec; other?: Spec } = {}) {
  const [one, other] = [new Puppet(), new Puppet()];
  const at = await stage({
    one: { agent: one.agent, spec: { fleetAccess: 'Peers', ...specs.one } },
    other: { agent: other.agent, spec: { fleetAccess: 'Peers', ...specs.other } },
  });
  const { id } = await at.send('one', 'go');
  await at.world.until(() => one.turns.length === 1);
  /** What `one` is answered. */
  const ask = async (toId = 'other') => {
    const requestId = 'r1';
    one.say(id, { type: 'route_request', requestId, toId, message: 'what?' });
    await at.world.until(() => one.of('route_response').length > 0 || other.turns.length > 0);
    return one.of('route_response')[0];
  };
  return { ...at, one, other, id, ask };
}

describe('a question is refused', () => {
  test.each([
    ['nobody', 'There is no agent nobody. There are one, other.'],
    ['elsewhere/other', 'There is no agent elsewhere/other. There are one, other.'],
    ['default/', 'There is no agent default/. There are one, other.'],
  ])('to %s, with the names of those that are there', async (to, error) => {
    await using at = await pair();
    expect(await at.ask(to)).toMatchObject({ error });
  });

  test.each<[string, Spec, string, object?]>([
    ['has no access', { fleetAccess: 'None' }, 'its spec.fleetAccess is None'],
    ['is suspended', { suspend: true }, 'it is suspended'],
    ['has no replicas', { replicas: 0 }, 'its spec.replicas is 0'],
    ['is being deleted', {}, 'it is being deleted', { deletionTimestamp: '2026-03-02T10:00:00Z' }],
  ])('by an Agent that %s', async (_, spec, why, metadata = {}) => {
    await using at = await pair();
    const { conversations, cache } = at.world.house.controller;
    const agent = cache.agents.get('default/one') as Agent; // `pair` has made it
    const { uid = '' } = at.world.house.instance('one-0')?.metadata ?? {};
    const from = {
      ...agent,
      metadata: { ...agent.metadata, ...metadata },
      spec: { ...agent.spec, ...spec },
    } as Agent; // with these fields
    const sender = { kind: 'Agent', namespace: 'default', name: 'one', instance: 'one-0', uid } as const;
    await expect(conversations.ask(from, sender, { to: 'other', text: 'what?' })).rejects.toMatchObject({
      code: 'Forbidden',
      message: `one may not send messages: ${why}.`,
    });
  });

  test.each<[string, Spec, string]>([
    ['is suspended', { suspend: true }, 'it is suspended'],
    ['has no replicas', { replicas: 0 }, 'its spec.replicas is 0'],
  ])('to an Agent that %s', async (_, spec, why) => {
    await using at = await pair();
    await at.world.agent('other', { fleetAccess: 'Peers', ...spec });
    await at.world.house.rest();
    expect(await at.ask()).toMatchObject({
      error: `Agent other does not accept messages now: ${why}.`,
    });
  });

  test('to an Agent that has failed for good', async () => {
    await using at = await pair({ other: { policy: { restart: { on: 'Never' } } } });
    at.other.runs[0]?.end(1);
    const { agents } = at.world.house.controller.cache;
    await at.world.until(() => agents.get('default/other')?.status?.phase === 'Failed');
    expect((await at.ask())?.error).toMatch(
      /^Agent other does not accept messages now: it is Failed: Run 1 /,
    );
  });

  test('with the names in their order, whenever they came', async () => {
    await using at = await pair();
    await at.world.agent('a-new-one');
    await at.ready(3);
    expect(await at.ask('nobody')).toMatchObject({
      error: 'There is no agent nobody. There are a-new-one, one, other.',
    });
  });

  test('to an Agent that has no protocol, as if it were not there', async () => {
    await using at = await pair();
    await at.world.house.agent('mute', {}, { protocol: 'none' });
    await at.world.house.rest();
    expect(await at.ask('nobody')).toMatchObject({
      error: 'There is no agent nobody. There are one, other.',
    });
  });
});

describe('a question', () => {
  test('to the name with the own namespace is one to the name', async () => {
    await using at = await pair();
    await at.ask('default/other');
    expect(at.other.turns).toMatchObject([{ type: 'route', message: 'what?', fromId: 'one' }]);
  });

  test('that fails is answered with the error of the agent as it is', async () => {
    await using at = await pair();
    await at.ask();
    const [asked] = at.other.turns;
    at.other.say(asked?.messageId ?? '', { type: 'error', error: 'I am broken' });
    await at.world.until(() => at.one.of('route_response').length === 1);
    expect(at.one.of('route_response')).toMatchObject([{ requestId: 'r1', error: 'I am broken' }]);
  });

  test('that is cancelled is answered with the reason', async () => {
    await using at = await pair();
    await at.ask();
    const [asked] = at.other.turns;
    await at.world.talk.cancel(key(asked?.messageId ?? ''));
    await at.world.until(() => at.one.of('route_response').length === 1);
    expect(at.one.of('route_response')).toMatchObject([
      { requestId: 'r1', error: 'Cancelled: It was cancelled.' },
    ]);
  });

  test('without a word for an answer has failed', async () => {
    await using at = await pair();
    await at.ask();
    const [asked] = at.other.turns;
    at.other.say(asked?.messageId ?? '', { type: 'route_done', requestId: asked?.requestId, response: ' ' });
    await at.world.until(() => at.one.of('route_response').length === 1);
    expect(at.one.of('route_response')).toMatchObject([
      { error: 'EmptyAnswer: The agent ended its turn without an answer.' },
    ]);
  });

  test('is of the message that its asker works on, and one agent further', async () => {
    await using at = await pair();
    await at.ask();
    const asked = at.world.house.journal.messages().find(({ kind }) => kind === 'Route');
    expect(asked).toMatchObject({ parent: at.id, hops: 1, from: { kind: 'Agent', name: 'one' } });
    expect(at.world.house.journal.conversation(asked?.conversation ?? '')).toMatchObject({ single: true });
  });

  test('leaves its conversation closed once it is answered', async () => {
    await using at = await pair();
    await at.ask();
    const [asked] = at.other.turns;
    at.other.say(asked?.messageId ?? '', {
      type: 'route_done',
      requestId: asked?.requestId,
      response: 'that',
    });
    await at.world.until(() => at.one.of('route_response').length === 1);
    expect(at.one.of('route_response')).toMatchObject([{ response: 'that' }]);
    expect(at.world.house.journal.conversation(asked?.conversationId ?? '')).toMatchObject({
      state: 'Closed',
      reason: 'Answered',
    });
  });

  test('is sent to an agent that sleeps, since it wakes', async () => {
    await using at = await pair();
    const sleeper = new Puppet();
    at.world.programs.set('sleeper', sleeper.agent);
    await at.world.agent('sleeper', { policy: { mode: 'OnDemand' } });
    const { agents } = at.world.house.controller.cache;
    await at.world.until(() => agents.get('default/sleeper')?.status?.phase === 'Asleep');
    at.one.say(at.id, { type: 'route_request', requestId: 'q', toId: 'sleeper', message: 'awake?' });
    await at.world.until(() => sleeper.turns.length === 1);
    expect(sleeper.turns).toMatchObject([{ message: 'awake?' }]);
  });
});

describe('what happens in the background of a question', () => {
  test('is told to who follows the message that it belongs to, with the agent that it is from', async () => {
    await using at = await pair();
    await at.ask();
    const [asked] = at.other.turns;
    at.other.say(asked?.messageId ?? '', {
      type: 'bg_event',
      source: 'route:one',
      conversationId: asked?.conversationId,
      event: { step: 1 },
    });
    const events = () => at.world.house.journal.events(at.id).map(({ event }) => event);
    await at.world.until(() => events().some(({ type }) => type === 'background'));
    expect(events()).toContainEqual(
      expect.objectContaining({ type: 'background', source: 'agent:other', event: { step: 1 } }),
    );
    const own = at.world.house.journal.events(asked?.messageId ?? '').map(({ event }) => event);
    expect(own).toContainEqual(expect.objectContaining({ type: 'background', source: 'route:one' }));
  });
});

describe('an agent that asks by its tools', () => {
  const asker = (at: Stage, name: string) => {
    const { conversations, cache } = at.world.house.controller;
    const agent = cache.agents.get(`default/${name}`);
    if (agent === undefined) throw new Error(`there is no agent ${name}`);
    const instance = `${name}-0`;
    const { uid = '' } = at.world.house.instance(instance)?.metadata ?? {};
    const sender = { kind: 'Agent', namespace: 'default', name, instance, uid } as const;
    const ask = (to: string, conversation?: string) =>
      conversations.ask(agent, sender, { to, text: 'what?', conversation });
    return { ask };
  };

  test('goes on with its own conversations alone', async () => {
    await using at = await pair();
    const third = new Puppet();
    at.world.programs.set('third', third.agent);
    await at.world.agent('third', { fleetAccess: 'Peers' });
    await at.ready(3);
    const [one, other] = [asker(at, 'one'), asker(at, 'other')];
    const first = await one.ask('third');
    await at.world.until(() => third.turns.length === 1);
    third.say(first.id, { type: 'route_done', requestId: third.turns[0]?.requestId, response: 'that' });
    await at.end(first.id);
    expect(await one.ask('third', first.conversation)).toMatchObject({ conversation: first.conversation });
    await expect(other.ask('third', first.conversation)).rejects.toMatchObject({ code: 'NotFound' });
    const people = at.message(at.id)?.conversation;
    await expect(other.ask('one', people)).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('asks for the message that it works on, and for none where it works on several', async () => {
    await using at = await pair({ one: { conversations: { perInstance: 2 } } });
    const one = asker(at, 'one');
    expect(await one.ask('other')).toMatchObject({ parent: at.id, hops: 1 });
    await at.send('one', 'second');
    await at.world.until(() => at.one.turns.length === 2);
    const { parent, hops } = await one.ask('other');
    expect([parent, hops]).toEqual([undefined, 1]);
  });
});

test('how many messages wait for an Agent is known by its name', async () => {
  await using at = await pair();
  const { conversations } = at.world.house.controller;
  const { conversation } = at.message(at.id) ?? {};
  for (const text of ['a', 'b']) await at.send('one', text, { conversation });
  expect(conversations.waiting({ name: 'one' })).toBe(2);
  expect(conversations.waiting(key('one'))).toBe(2);
  expect(conversations.waiting({ namespace: 'elsewhere', name: 'one' })).toBe(0);
  expect(conversations.waiting({ name: 'other' })).toBe(0);
});
