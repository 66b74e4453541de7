import { expect, test } from 'vitest';
import { Puppet } from './puppet.ts';
import { type Stage, stage } from './stage.ts';

const minute = 60_000;
const hour = 60 * minute;

const refusal = (sent: Promise<unknown>): Promise<unknown> =>
  sent.then(
    () => 'sent',
    (error: unknown) => error,
  );

/** The conversation as the journal has it. */
const recorded = ({ world }: Stage, id: string | undefined) => world.house.journal.conversation(id ?? '');

test('a message to one Agent cannot go on with the conversation of another', async () => {
  const [one, other] = [new Puppet(), new Puppet()];
  await using at = await stage({ one: { agent: one.agent }, other: { agent: other.agent } });
  const { conversation } = await at.send('one', 'hi');
  await at.world.until(() => one.turns.length === 1);
  expect(await refusal(at.send('other', 'and you?', { conversation }))).toMatchObject({
    status: 400,
    code: 'BadRequest',
    message: `Conversation ${conversation} is with Agent default/one, not default/other.`,
  });
  expect(at.world.house.journal.messages()).toHaveLength(1);
  expect(other.turns).toEqual([]);
  await at.send('one', 'again', { conversation });
  expect(at.world.house.journal.messages()).toHaveLength(2);
});

test('the conversation of spec.prompt stays open, and people can go on with it', async () => {
  const puppet = new Puppet();
  await using at = await stage({ w: { agent: puppet.agent, spec: { prompt: 'begin' } } });
  await at.world.until(() => puppet.turns.length === 1);
  const [{ messageId = '', conversationId = '' } = {}] = puppet.turns;
  puppet.done(messageId, 'begun');
  expect(await at.end(messageId)).toMatchObject({ state: 'Completed' });
  expect(recorded(at, conversationId)).toMatchObject({ state: 'Open', single: false });
  await at.send('w', 'go on', { conversation: conversationId });
  await at.world.until(() => puppet.turns.length === 2);
  expect(puppet.turns[1]).toMatchObject({ conversationId, message: 'go on' });
});

test.each([
  ['Same', 'Open'],
  ['New', 'Closed'],
] as const)(
  'the conversation of a schedule with conversation %s is %s after the answer',
  async (which, state) => {
    const puppet = new Puppet();
    const spec = { schedule: [{ name: 'hourly', cron: '0 * * * *', message: 'look', conversation: which }] };
    await using at = await stage({ w: { agent: puppet.agent, spec } });
    const conversations: string[] = [];
    for (const count of [1, 2]) {
      await at.world.house.within(2 * hour, () => puppet.turns.length === count, minute);
      const { messageId = '', conversationId = '' } = puppet.turns.at(-1) ?? {};
      puppet.done(messageId, 'seen');
      await at.end(messageId);
      conversations.push(conversationId);
      expect(recorded(at, conversationId)?.state).toBe(state);
    }
    expect(new Set(conversations).size).toBe(which === 'Same' ? 1 : 2);
  },
);
