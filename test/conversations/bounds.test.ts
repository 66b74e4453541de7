import { expect, test } from 'vitest';
import { Puppet } from './puppet.ts';
import { key, stage } from './stage.ts';

const long = 'x'.repeat(3_000_000);

test('what an agent says of its quota is told in few words', async () => {
  const puppet = new Puppet();
  await using at = await stage({ w: puppet });
  const { id } = await at.send('w', 'hi');
  await at.world.until(() => puppet.turns.length === 1);
  puppet.say(id, { type: 'quota', message: long });
  const events = async () => (await at.world.house.user.list('Event', { namespace: 'default' })).items;
  await at.world.until(() => at.world.house.happened.includes('QuotaExceeded'));
  await at.world.house.rest();
  const lengths = (await events()).map(({ message }) => message?.length ?? 0);
  expect(Math.max(...lengths)).toBe(1_000); // with a full stop
});

test('costs that nobody can sum are passed over, and what has them is listed all the same', async () => {
  const puppet = new Puppet();
  await using at = await stage({ w: puppet });
  const told: string[] = [];
  at.world.talk.objects.onChange((kind, type) => told.push(`${type} ${kind}`));
  const one = await at.send('w', 'hi');
  const other = await at.send('w', 'hi', { conversation: one.conversation });
  for (const { id } of [one, other]) {
    await at.world.until(() => puppet.turns.some(({ messageId }) => messageId === id));
    puppet.say(id, { type: 'usage', cost: { amount: 1.7e308, currency: 'USD' } });
    puppet.done(id, 'done');
    expect(await at.end(id)).toMatchObject({ state: 'Completed' });
  }
  const [conversation] = [...at.world.talk.objects.list('Conversation')];
  expect(conversation).toMatchObject({ status: { cost: '?' } });
  expect(told).toContain('MODIFIED Conversation');
});

test('a listener that fails keeps neither the other listeners nor the message from going on', async () => {
  const puppet = new Puppet();
  await using at = await stage({ w: puppet });
  const heard: string[] = [];
  const { talk } = at.world;
  talk.onChange(() => {
    throw new Error('a listener failed');
  });
  talk.onChange((kind) => heard.push(kind));
  const { id } = await at.send('w', 'hi');
  await at.world.until(() => puppet.turns.length === 1);
  puppet.done(id, 'done');
  expect(await at.end(id)).toMatchObject({ state: 'Completed' });
  expect(heard).toContain('Message');
});

test('a line that is nested without end costs that line, and no more', async () => {
  const puppet = new Puppet();
  await using at = await stage({ w: puppet });
  const { id } = await at.send('w', 'hi');
  await at.world.until(() => puppet.turns.length === 1);
  const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
  puppet.run(id).say(`{"type":"event","messageId":"${id}","event":${deep}}`);
  puppet.done(id, 'all the same');
  expect(await at.end(id)).toMatchObject({ state: 'Completed', answer: 'all the same' });
});

test('a conversation of whom many others are waiting stays one', async () => {
  const puppet = new Puppet();
  const policy = { messages: { queueDepth: 10_000 } };
  await using at = await stage({ w: { agent: puppet.agent, spec: { policy } } });
  const agent = at.world.agentOf('w');
  await at.world.talk.send(
    agent,
    Array.from({ length: 2_000 }, () => ({ text: 'x' })),
  );
  const [first] = await at.world.talk.send(agent, [{ text: 'first' }]);
  const [second] = await at.world.talk.send(agent, [{ text: 'second', conversation: first?.conversation }]);
  const { messages } = at.world.talk.census();
  for (const sent of [first, second])
    expect(messages.find(({ id }) => id === sent?.id)).toMatchObject({ queued: 2 });
});

test('of several that are sent together all are taken, or none', async () => {
  await using at = await stage({
    w: { agent: new Puppet().agent, spec: { policy: { messages: { queueDepth: 2 } } } },
  });
  const agent = at.world.agentOf('w');
  await at.world.talk.send(agent, [{ text: 'in work' }]);
  const three = [{ text: 'a' }, { text: 'b' }, { text: 'c' }];
  await expect(at.world.talk.send(agent, three)).rejects.toMatchObject({ code: 'TooManyRequests' });
  expect(at.world.house.journal.messages()).toHaveLength(1);
  const [one] = await at.world.talk.send(agent, three.slice(1));
  expect(at.world.house.journal.messages()).toHaveLength(3);
  expect(at.world.talk.objects.get('Message', key(one?.id ?? ''))).toMatchObject({ spec: { text: 'b' } });
});
