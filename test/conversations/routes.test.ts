import { expect, test } from 'vitest';
import { Puppet } from './puppet.ts';
import { TalkWorld } from './world.ts';

async function pair() {
  const world = await TalkWorld.open();
  const [one, other] = [new Puppet(), new Puppet()];
  world.programs.set('one', one.agent);
  world.programs.set('other', other.agent);
  await world.agent('one', { fleetAccess: 'Peers' });
  await world.agent('other', { fleetAccess: 'Peers' });
  const ready = () => world.talk.census().links.filter(({ state }) => state === 'Ready').length === 2;
  await world.until(ready);
  const { id } = await world.send('one', { text: 'go' });
  await world.until(() => one.turns.length === 1);
  return { world, one, other, id, ready, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

const question = { type: 'route_request', requestId: 'r1', toId: 'other', message: 'what?' };

test('a question that is asked twice in one breath is one question, and what comes with it is not lost', async () => {
  await using at = await pair();
  at.one.say(
    at.id,
    question,
    question,
    { type: 'event', event: { type: 'text', text: 'x' } },
    { type: 'chat_done' },
  );
  await at.world.until(() => at.world.ends.has(at.id) && at.other.turns.length > 0);
  expect(at.world.ends.get(at.id)).toMatchObject([{ state: 'Completed', answer: 'x' }]);
  await at.world.house.rest();
  expect(at.other.turns.map(({ message }) => message)).toEqual(['what?']);
});

test('an answer is kept for an asker that is down, and given when it is back', async () => {
  await using at = await pair();
  at.one.say(at.id, question);
  await at.world.until(() => at.other.turns.length === 1);
  at.one.run(at.id).end(1);
  const [asked] = at.other.turns;
  at.other.say(asked?.messageId ?? '', { type: 'route_done', requestId: asked?.requestId, response: 'that' });
  await at.world.until(() => at.one.of('route_response').length > 0);
  expect(at.one.of('route_response')).toMatchObject([{ requestId: 'r1', response: 'that' }]);
});

test('agents that ask each other in a circle come to an end', async () => {
  await using at = await pair();
  at.one.say(at.id, question);
  const sides = [
    { puppet: at.other, to: 'one' },
    { puppet: at.one, to: 'other' },
  ];
  // Each works on one conversation at a time: what is asked back waits for a second place.
  await at.world.agent('one', { fleetAccess: 'Peers', conversations: { perInstance: 20 } });
  await at.world.agent('other', { fleetAccess: 'Peers', conversations: { perInstance: 20 } });
  const refused = () => [...at.one.of('route_response'), ...at.other.of('route_response')];
  const seen = new Set<string>();
  await at.world.until(() => {
    for (const { puppet, to } of sides)
      for (const { type, messageId } of puppet.turns) {
        if (type !== 'route' || seen.has(messageId)) continue;
        seen.add(messageId);
        puppet.say(messageId, {
          type: 'route_request',
          requestId: `q-${messageId}`,
          toId: to,
          message: 'and you?',
        });
      }
    return refused().length > 0;
  });
  expect(refused()).toMatchObject([{ error: expect.stringContaining('circle') }]);
  expect(seen.size).toBe(8);
});

test('all are told of their peers when one comes, once for many changes', async () => {
  await using at = await pair();
  const before = at.one.of('peers_update').length;
  await at.world.agent('third');
  await at.world.agent('fourth');
  await at.world.until(() => at.one.of('peers_update').length > before);
  await at.world.house.rest();
  const told = at.one.of('peers_update').slice(before);
  expect(told.at(-1)?.peers.map(({ id }) => id)).toEqual(['fourth', 'other', 'third']);
  expect(told.length).toBeLessThanOrEqual(2);
});

test('a query that waits is rejected with the reason when its run ends', async () => {
  await using at = await pair();
  const asked = at.world.talk.query(at.world.agentOf('one'), { action: 'status' });
  const failed = expect(asked).rejects.toThrow(/has ended/);
  await at.world.until(() => at.one.of('query').length === 1);
  at.one.run(at.id).end(1);
  await failed;
});
