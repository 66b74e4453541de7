import { expect, test } from 'vitest';
import { Puppet } from './puppet.ts';
import { key, stage } from './stage.ts';

const hour = 3_600_000;

test('the conversation of a schedule goes on, in a new session, after it was closed for being idle', async () => {
  const puppet = new Puppet();
  const spec = {
    conversations: { idleTTL: '30m' },
    schedule: [{ name: 'hourly', cron: '0 * * * *', message: 'look', conversation: 'Same' as const }],
  };
  await using at = await stage({ w: { agent: puppet.agent, spec } });
  const { world } = at;
  const conversations = (): (string | undefined)[] => puppet.turns.map((turn) => turn.conversationId);
  for (const count of [1, 2, 3]) {
    await world.house.within(2 * hour, () => puppet.turns.length === count, 20_000);
    puppet.done(puppet.turns.at(-1)?.messageId ?? '', 'seen');
    await world.until(() => world.talk.census().messages.length === 0);
    if (count === 2) {
      await world.house.within(hour / 2, () => false, 20_000).catch(() => {}); // idle for as long
      await world.talk.tidy();
      expect(world.house.journal.conversation(conversations()[0] ?? '')).toMatchObject({ state: 'Closed' });
    }
  }
  expect(new Set(conversations()).size).toBe(1);
  expect(world.house.journal.conversation(conversations()[0] ?? '')).toMatchObject({
    state: 'Open',
    instance: 'w-0',
  });
});

test('when its prompts were sent is forgotten with the Agent', async () => {
  const puppet = new Puppet();
  const spec = { schedule: [{ name: 'hourly', cron: '0 * * * *', message: 'look' }] };
  await using at = await stage({ w: { agent: puppet.agent, spec } });
  const { world } = at;
  const marks = (): string[] =>
    [...world.house.journal.load().marks.keys()].filter((name) => name.startsWith('prompt/'));
  await world.house.within(2 * hour, () => puppet.turns.length === 1, 20_000);
  expect(marks()).toHaveLength(1);
  await world.house.user.delete('Agent', key('w'));
  await world.until(() => marks().length === 0);
});
