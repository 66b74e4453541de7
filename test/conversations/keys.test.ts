import { expect, test } from 'vitest';
import type { Journal } from '../../src/messages/journal.ts';
import { Puppet } from './puppet.ts';
import { key, type Stage, stage, withCommit } from './stage.ts';

const anew = async ({ world }: Stage, meanwhile: () => unknown = () => {}): Promise<void> => {
  await world.house.user.delete('Agent', key('w'));
  await world.until(() => world.house.controller.cache.agents.get('default/w') === undefined);
  meanwhile();
  await world.agent('w');
  await world.until(() => world.house.phase('w-0') === 'Ready');
};

test('a key of one sender is not another sender’s', async () => {
  await using at = await stage({ w: new Puppet() });
  const one = await at.send('w', 'mine', { from: 'alice', key: '1' });
  const other = await at.send('w', 'yours', { from: 'bob', key: '1' });
  expect(other.id).not.toBe(one.id);
  expect((await at.send('w', 'mine', { from: 'alice', key: '1' })).id).toBe(one.id);
});

test('a name with a slash is no other name with a longer key', async () => {
  await using at = await stage({ w: new Puppet() });
  const one = await at.send('w', 'same', { from: 'ann', key: 'b/1' });
  const other = await at.send('w', 'same', { from: 'ann/b', key: '1' });
  expect(other.id).not.toBe(one.id);
  expect(at.world.talk.objects.get('Message', key(other.id))?.spec).toMatchObject({ key: '1' });
});

test('the API shows the key as its sender gave it', async () => {
  await using at = await stage({ w: new Puppet() });
  const { id } = await at.send('w', 'mine', { key: 'a/b/c' });
  expect(at.world.talk.objects.get('Message', key(id))?.spec).toMatchObject({ key: 'a/b/c' });
});

test('a new Agent of the same name knows neither the keys nor the conversations of the old one', async () => {
  const puppet = new Puppet();
  await using at = await stage({ w: puppet });
  const one = await at.send('w', 'for the old one', { key: '1' });
  await at.world.until(() => puppet.turns.length === 1);
  puppet.done(one.id);
  await at.end(one.id);
  await anew(at);
  const other = await at.send('w', 'for the new one', { key: '1' });
  expect(other.id).not.toBe(one.id);
  const agent = at.world.agentOf('w');
  const goesOn = at.world.talk.send(agent, [{ text: 'go on', conversation: one.conversation }]);
  await expect(goesOn).rejects.toMatchObject({
    code: 'Conflict',
    message: expect.stringContaining('closed (AgentDeleted)'),
  });
});

test.each(['before', 'after'])(
  'a message that is still being written when its Agent is deleted, %s there is a new one, fails',
  async (when) => {
    let hold = false;
    const held: (() => void)[] = [];
    const journal = (kept: Journal): Journal =>
      withCommit(kept, async (entries) => {
        if (hold && entries[0]?.type === 'Accept') await new Promise<void>((resolve) => held.push(resolve));
        return kept.commit(entries);
      });
    const puppet = new Puppet();
    await using at = await stage({ w: puppet }, { journal });
    hold = true;
    const sent = at.world.talk.send(at.world.agentOf('w'), [{ text: 'for the old one' }]);
    await at.world.until(() => held.length === 1);
    await anew(at, () => when === 'before' && held[0]?.());
    held[0]?.();
    const [one] = await sent;
    expect(await at.end(one?.id ?? '')).toMatchObject({ state: 'Failed', reason: 'AgentDeleted' });
    await at.world.house.rest();
    expect(puppet.turns).toEqual([]);
  },
);

test('a message for an Agent that was made just now, and of which the controller has not heard, waits for it', async () => {
  await using at = await stage({ w: new Puppet() });
  const { metadata, ...rest } = at.world.agentOf('w');
  const unheard = {
    ...rest,
    metadata: { ...metadata, name: 'new', uid: 'f2c0a9d1-6a53-4f0e-9d1b-3f6a1e5d7c11' },
  };
  const [one] = await at.world.talk.send(unheard, [{ text: 'the first' }]);
  expect(at.message(one?.id ?? '')?.state).toBe('Pending');
});

test('a key that was used for another text is refused, since the new text would be lost', async () => {
  await using at = await stage({ w: new Puppet() });
  const send = (text: string) => at.world.talk.send(at.world.agentOf('w'), [{ text, key: 'k' }]);
  const [one] = await send('first');
  expect(await send('first')).toMatchObject([{ id: one?.id }]);
  await expect(send('second')).rejects.toThrow(
    `The key k was already used for another text, in message ${one?.id}`,
  );
});

test('of several with keys that are sent together all are taken, or none', async () => {
  const spec = { policy: { messages: { queueDepth: 2 } } };
  await using at = await stage({ w: { agent: new Puppet().agent, spec } });
  const agent = at.world.agentOf('w');
  await at.world.talk.send(agent, [{ text: 'in work', key: '0' }]);
  const three = ['a', 'b', 'c'].map((text) => ({ text, key: text }));
  await expect(at.world.talk.send(agent, three)).rejects.toMatchObject({ code: 'TooManyRequests' });
  const mixed = [
    { text: 'a', key: 'a' },
    { text: 'other work', key: '0' },
  ];
  await expect(at.world.talk.send(agent, mixed)).rejects.toMatchObject({ code: 'Conflict' });
  expect(at.world.house.journal.messages()).toHaveLength(1);
  const twice = await at.world.talk.send(agent, [
    ...three.slice(1),
    { text: 'in work', key: '0' },
    { text: 'b', key: 'b' },
  ]);
  expect(at.world.house.journal.messages()).toHaveLength(3);
  expect(twice.map(({ text }) => text)).toEqual(['b', 'c', 'in work', 'b']);
  expect(twice[3]?.id).toBe(twice[0]?.id);
});
