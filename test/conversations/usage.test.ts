import { expect, test } from 'vitest';
import type { StreamEntry } from '../../src/client/streams.ts';
import { Puppet } from './puppet.ts';
import { TalkWorld } from './world.ts';

const w = { namespace: 'default', name: 'w' };
const { signal } = new AbortController();

/** One agent, w, that a test plays, and what the API tells of it. */
async function stage() {
  const world = await TalkWorld.open();
  const puppet = new Puppet();
  world.programs.set('w', puppet.agent);
  await world.agent('w');
  await world.until(() => world.talk.census().links.some(({ state }) => state === 'Ready'));
  const streams = world.house.controller.conversations.messages;
  const send = async (text: string) => (await world.send('w', { text })).id;
  const heard = (count: number) => world.until(() => puppet.turns.length >= count);
  const end = (id: string) => world.until(() => world.ends.has(id));
  const status = (id: string) => world.talk.message({ ...w, name: id })?.status;
  return {
    ...{ world, puppet, streams, send, heard, end, status },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

test('a turn of which nothing is reported counts, and its use is unknown', async () => {
  await using at = await stage();
  expect(await at.streams.usage(w, {})).toEqual([]);
  await expect(at.streams.usage({ ...w, name: 'nobody' }, {})).rejects.toMatchObject({ code: 'NotFound' });
  const silent = await at.send('a');
  await at.heard(1);
  at.puppet.done(silent, 'x');
  await at.end(silent);
  expect(at.status(silent)).toMatchObject({ tokens: '?', cost: '?' });
  const told = await at.send('b');
  await at.heard(2);
  at.puppet.say(told, { type: 'usage', totalTokens: 9 });
  at.puppet.done(told, 'x');
  await at.end(told);
  expect(at.status(told)).toMatchObject({ tokens: '9', cost: '?' });
  expect(await at.streams.usage(w, {})).toEqual([
    {
      namespace: 'default',
      agent: 'w',
      turns: 2,
      totalTokens: 9,
      unreported: { inputTokens: 2, outputTokens: 2, totalTokens: 1, cost: 2 },
    },
  ]);
  expect(await at.streams.usage(w, { since: at.world.house.clock.now() + 1 })).toEqual([]);
});

test('a message that never reached the agent is no turn', async () => {
  await using at = await stage();
  const busy = await at.world.send('w', { text: 'a' });
  const [waiting] = await at.streams.send(w, [{ text: 'b', conversation: busy.conversation }]);
  const name = waiting?.metadata.name ?? '';
  await at.streams.change({ ...w, name }, 'cancel');
  await at.end(name);
  expect(at.world.ends.get(name)).toMatchObject([{ state: 'Failed', reason: 'Cancelled' }]);
  expect(await at.streams.usage(w, {})).toEqual([]);
});

test('what a turn has used that was cut short is not lost', async () => {
  await using at = await stage();
  const id = await at.send('a');
  await at.heard(1);
  at.puppet.say(id, { type: 'usage', model: 'm', totalTokens: 10 });
  at.puppet.text(id, 'half');
  await at.world.until(() => at.world.house.journal.message(id)?.produced === true);
  at.puppet.run(id).end(1);
  await at.heard(2);
  at.puppet.say(id, { type: 'usage', model: 'm', totalTokens: 5 });
  at.puppet.done(id);
  await at.end(id);
  expect(at.status(id)).toMatchObject({ attempts: 2, tokens: '15' });
  expect(await at.streams.usage(w, {})).toMatchObject([{ model: 'm', turns: 2, totalTokens: 15 }]);
});

test('a stream that is not followed tells what has come so far, and waits for nothing', async () => {
  await using at = await stage();
  const so = async (name: string): Promise<StreamEntry[]> => {
    const entries: StreamEntry[] = [];
    for await (const entry of at.streams.stream({ ...w, name }, { follow: false, signal }))
      entries.push(entry);
    return entries;
  };
  const id = await at.send('a');
  await at.heard(1);
  at.puppet.text(id, 'half');
  await at.world.until(() => at.world.talk.census().messages.find((one) => one.id === id)?.seq === 1);
  expect(await so(id)).toMatchObject([{ state: expect.any(String) }, { seq: 1, event: { text: 'half' } }]);
  at.puppet.done(id);
  await at.end(id);
  expect(await so(id)).toMatchObject([{ seq: 1 }, { end: { status: { answer: 'half' } } }]);
});

test('whoever watches is told of what is tidied away', async () => {
  await using at = await stage();
  const id = await at.send('a');
  await at.heard(1);
  at.puppet.done(id, 'x');
  await at.end(id);
  const told: string[] = [];
  at.world.talk.objects.onChange((kind, type, { metadata }) => told.push(`${type} ${kind} ${metadata.name}`));
  at.world.house.clock.advance(25 * 3_600_000);
  await at.world.talk.tidy();
  expect(told).toContain(`DELETED Message ${id}`);
  expect(at.world.house.journal.message(id)).toBeUndefined();
  expect(await at.streams.usage(w, {})).toHaveLength(1);
});
