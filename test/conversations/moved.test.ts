import { expect, test } from 'vitest';
import type { Message } from '../../src/messages/message.ts';
import { TalkWorld } from './world.ts';

test('a conversation whose instance is gone goes on with another one, in a new session', async () => {
  await using world = await TalkWorld.open();
  await world.agent('acp', { replicas: 2 });
  const ready = () => world.talk.census().links.filter(({ state }) => state === 'Ready').length;
  await world.until(() => ready() === 2);
  const ended = async (text: string, conversation?: string) => {
    const { id } = await world.send('acp', { text, conversation });
    await world.until(() => world.ends.has(id));
    expect(world.ends.get(id)).toMatchObject([{ state: 'Completed' }]);
    return world.house.journal.message(id);
  };
  const first = [await ended('task 1'), await ended('task 2')];
  const moved = first.find((message) => message?.instance === 'acp-1');
  const before = world.house.journal.conversation(moved?.conversation ?? '')?.session;
  await world.agent('acp', { replicas: 1 });
  await world.until(() => world.house.instance('acp-1') === undefined);
  expect(await ended('task 3', moved?.conversation)).toMatchObject({ instance: 'acp-0' });
  const after = world.house.journal.conversation(moved?.conversation ?? '');
  expect(after).toMatchObject({ instance: 'acp-0', session: expect.any(String) });
  expect(after?.session).not.toBe(before);
});

test('what a conversation waits for goes to another instance when its own is deleted', async () => {
  await using world = await TalkWorld.open();
  await world.agent('acp', { replicas: 2 });
  await world.until(() => world.talk.census().links.filter(({ state }) => state === 'Ready').length === 2);
  const sent: Message[] = [];
  for (let task = 1; task <= 2; task += 1) sent.push(await world.send('acp', { text: `task ${task}` }));
  for (const { conversation } of [...sent])
    sent.push(await world.send('acp', { text: `task ${sent.length + 1}`, conversation }));
  await world.agent('acp', { replicas: 1 });
  await world.until(() => sent.every(({ id }) => world.ends.has(id)));
  for (const [n, { id }] of sent.entries()) {
    expect(world.ends.get(id)).toMatchObject([{ state: 'Completed', answer: `a${n + 1} b${n + 1}` }]);
    expect(world.ledger.effects.get(n + 1)).toBe(1);
  }
});

test('nothing is kept of an instance that is gone', async () => {
  await using world = await TalkWorld.open();
  await world.agent('acp', { replicas: 2 });
  await world.until(() => world.talk.census().links.filter(({ state }) => state === 'Ready').length === 2);
  const uids = () => world.house.journal.load().links.map(({ uid }) => uid);
  const [stays, goes] = ['acp-0', 'acp-1'].map((name) => world.house.instance(name)?.metadata.uid);
  expect(new Set(uids())).toEqual(new Set([stays, goes]));
  await world.agent('acp', { replicas: 1 });
  await world.until(() => world.house.instance('acp-1') === undefined);
  await world.until(() => !uids().includes(goes ?? ''));
  expect(uids()).toEqual([stays]);
  const { links, drained } = world.talk.census();
  expect(links.map(({ instance }) => instance)).toEqual(['acp-0']);
  expect(drained).toBe(0);
});
