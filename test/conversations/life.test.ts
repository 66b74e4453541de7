import { expect, test } from 'vitest';
import type { Agent, New } from '../../src/api/objects.ts';
import { Puppet } from './puppet.ts';
import { TalkWorld } from './world.ts';

async function stage(spec: New<Agent>['spec']) {
  const world = await TalkWorld.open();
  const puppet = new Puppet();
  world.programs.set('w', puppet.agent);
  await world.agent('w', spec);
  return { world, puppet, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

test('an agent on demand starts with its first message, sleeps when it has been idle, and wakes again', async () => {
  await using at = await stage({ policy: { mode: 'OnDemand', onDemand: { keepalive: '10s' } } });
  const { world, puppet } = at;
  await world.until(() => world.house.phase('w-0') === 'Asleep');
  expect(puppet.runs).toHaveLength(0);
  for (const turn of [1, 2]) {
    const { id } = await world.send('w', { text: 'wake' });
    await world.until(() => puppet.turns.length === turn);
    puppet.done(id, 'up');
    await world.until(() => world.ends.has(id));
    expect(world.ends.get(id)).toMatchObject([{ state: 'Completed', answer: 'up', attempts: 1 }]);
    await world.until(() => world.house.phase('w-0') === 'Asleep');
    expect(puppet.runs).toHaveLength(turn);
  }
});

test('the prompt is sent once, over crashes of the agent and the controller', async () => {
  await using at = await stage({ prompt: 'begin' });
  const { world, puppet } = at;
  await world.until(() => puppet.turns.length === 1);
  const [{ messageId: id = '' } = {}] = puppet.turns;
  puppet.done(id, 'begun');
  await world.until(() => world.ends.has(id));
  puppet.run(id).end(1);
  await world.until(() => puppet.runs.length === 2 && world.house.phase('w-0') === 'Ready');
  await world.revive();
  await world.house.rest();
  expect(world.house.journal.messages()).toHaveLength(1);
});

test('the prompt of a schedule is sent when it is due, in the conversation it had before', async () => {
  await using at = await stage({
    schedule: [{ name: 'hourly', cron: '0 * * * *', message: 'look', conversation: 'Same' }],
  });
  const { world, puppet } = at;
  await world.until(() => world.house.phase('w-0') === 'Ready');
  for (const count of [1, 2]) {
    await world.house.within(4_000_000, () => puppet.turns.length === count, 10_000);
    puppet.done(puppet.turns.at(-1)?.messageId ?? '', 'seen');
    await world.until(() => world.talk.census().messages.length === 0);
  }
  expect(new Set(puppet.turns.map(({ conversationId }) => conversationId)).size).toBe(1);
  expect(world.house.journal.messages().map(({ kind }) => kind)).toEqual(['Scheduled', 'Scheduled']);
});

test('an agent is talked to by the new driver once its Runtime has another connection', async () => {
  const world = await TalkWorld.open({
    wrap: (driver) => {
      const closed = new AbortController();
      return {
        ...driver,
        stdio: {
          attach: (ref, options) =>
            driver.stdio.attach(ref, {
              ...options,
              signal: AbortSignal.any([options.signal, closed.signal]),
            }),
        },
        close: async () => closed.abort(),
      };
    },
  });
  await using _ = world;
  const puppet = new Puppet();
  world.programs.set('w', puppet.agent);
  await world.agent('w', {});
  await world.until(() => world.house.phase('w-0') === 'Ready');
  const body = { spec: { endpoint: 'unix:///moved' } };
  await world.house.user.patch('Runtime', { name: 'engine' }, { type: 'merge', body });
  await world.house.rest();
  await world.house.within(2_000, () => world.house.phase('w-0') === 'Ready');
  const { id } = await world.send('w', { text: 'still there?' });
  await world.until(() => puppet.turns.length === 1);
  puppet.done(id, 'yes');
  await world.until(() => world.ends.has(id));
  expect(world.ends.get(id)).toMatchObject([{ state: 'Completed', answer: 'yes', attempts: 1 }]);
  expect(puppet.runs).toHaveLength(1);
});
