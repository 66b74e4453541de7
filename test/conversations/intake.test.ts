import { describe, expect, test } from 'vitest';
import type { Agent } from '../../src/api/objects.ts';
import { type Journal, JournalError } from '../../src/messages/journal.ts';
import { Puppet } from './puppet.ts';
import { key, type Stage, stage, withCommit } from './stage.ts';

const refusal = (sent: Promise<unknown>): Promise<unknown> =>
  sent.then(
    () => 'sent',
    (error: unknown) => error,
  );

const sent = ({ world }: Stage, agent: Agent, text = 'hi'): Promise<unknown> =>
  refusal(world.talk.send(agent, [{ text }]));

const minute = 60_000;
/** Its conversations are closed after a minute. */
const brief = { conversations: { idleTTL: '1m' } } as never;

/** Closes it for being idle. */
async function closed({ world }: Stage, conversation: string): Promise<void> {
  world.house.clock.advance(2 * minute);
  await world.talk.tidy();
  expect(world.house.journal.conversation(conversation)).toMatchObject({ state: 'Closed', reason: 'Idle' });
}

const messages = (rules: object) => ({ policy: { messages: rules } }) as never;

describe('a message is refused', () => {
  test('by an Agent without a protocol, and by one that is being deleted', async () => {
    await using at = await stage({ w: new Puppet() });
    const agent = at.world.agentOf('w');
    const mute = { ...agent, spec: { ...agent.spec, protocol: 'none' as const } };
    expect(await sent(at, mute)).toMatchObject({
      code: 'BadRequest',
      message:
        'Agent default/w has no protocol, so it cannot receive messages. Set spec.protocol to acp or jsonl.',
    });
    const going = { ...agent, metadata: { ...agent.metadata, deletionTimestamp: '2026-03-02T10:00:00Z' } };
    expect(await sent(at, going)).toMatchObject({
      code: 'Conflict',
      message: 'Agent default/w is being deleted.',
    });
    expect(at.world.house.journal.messages()).toEqual([]);
  });

  test('where its text is longer than 4 MiB, and not where it is as long', async () => {
    await using at = await stage({ w: new Puppet() });
    const agent = at.world.agentOf('w');
    const most = 4 * 1024 * 1024;
    expect(await sent(at, agent, 'x'.repeat(most + 1))).toMatchObject({
      code: 'BadRequest',
      message: 'A message can have at most 4 MiB. Send the path of a file instead.',
    });
    expect(await sent(at, agent, 'x'.repeat(most))).toBe('sent');
  });

  test.each([
    [1, '1 message waits'],
    [2, '2 messages wait'],
  ])('where %i wait already, as many as the queue takes', async (queueDepth, waits) => {
    await using at = await stage({ w: { agent: new Puppet().agent, spec: messages({ queueDepth }) } });
    const agent = at.world.agentOf('w');
    await sent(at, agent, 'in work');
    await at.world.house.rest();
    for (let n = 0; n < queueDepth; n += 1) expect(await sent(at, agent)).toBe('sent');
    expect(await sent(at, agent)).toMatchObject({
      code: 'TooManyRequests',
      message: `${waits} for Agent default/w already, the limit of messages.queueDepth in its policy. Send it later, or cancel some: agentctl messages get --agent w --state pending.`,
    });
  });

  test('for a conversation that is not known', async () => {
    await using at = await stage({ w: new Puppet() });
    expect(await refusal(at.send('w', 'hi', { conversation: 'c-"none"' }))).toMatchObject({
      code: 'NotFound',
      message:
        'conversation "c-\\"none\\"" not found. List them with agentctl get conversations, or omit it to begin a new one.',
    });
  });

  test('for a conversation that was closed, with the reason', async () => {
    const puppet = new Puppet();
    await using at = await stage({ w: { agent: puppet.agent, spec: brief } });
    const { id, conversation } = await at.send('w', 'hi');
    await at.world.until(() => puppet.turns.length === 1);
    puppet.done(id);
    await at.end(id);
    await closed(at, conversation);
    expect(await refusal(at.send('w', 'again', { conversation }))).toMatchObject({
      code: 'Conflict',
      message: expect.stringMatching(
        `^Conversation ${conversation} is closed \\(Idle\\)\\. Omit it to begin a new one\\.$`,
      ),
    });
  });

  test('for a conversation that has been idle for too long, though nobody has closed it yet', async () => {
    const puppet = new Puppet();
    await using at = await stage({ w: { agent: puppet.agent, spec: brief } });
    const { id, conversation } = await at.send('w', 'hi');
    await at.world.until(() => puppet.turns.length === 1);
    at.world.house.clock.advance(2 * minute);
    expect(await refusal(at.send('w', 'while it works', { conversation }))).not.toBeInstanceOf(Error);
    puppet.done(id);
    await at.world.until(() => puppet.turns.length === 2);
    puppet.done(puppet.turns[1]?.messageId ?? '');
    await at.world.until(() => at.world.talk.census().messages.length === 0);
    expect(await refusal(at.send('w', 'in time', { conversation }))).not.toBeInstanceOf(Error);
    await at.world.until(() => puppet.turns.length === 3);
    puppet.done(puppet.turns[2]?.messageId ?? '');
    await at.world.until(() => at.world.talk.census().messages.length === 0);
    at.world.house.clock.advance(minute);
    expect(at.world.house.journal.conversation(conversation)?.state).toBe('Open');
    expect(await refusal(at.send('w', 'too late', { conversation }))).toMatchObject({
      code: 'Conflict',
      message: `Conversation ${conversation} is closed (Idle). Omit it to begin a new one.`,
    });
  });
});

describe('a message that cannot be journalled', () => {
  const broken = async (reason: JournalError['code'], text: string) => {
    let fails = false;
    const journal = (kept: Journal): Journal =>
      withCommit(kept, async (entries, spare) => {
        if (fails && entries[0]?.type === 'Accept') throw new JournalError(reason, text);
        return kept.commit(entries, spare);
      });
    const at = await stage(
      { w: { agent: new Puppet().agent, spec: messages({ queueDepth: 1 }) } },
      { journal },
    );
    const agent = at.world.agentOf('w');
    await sent(at, agent, 'in work');
    await at.world.house.rest();
    fails = true;
    const error = await sent(at, agent);
    fails = false;
    return { at, agent, error };
  };

  test.each<[JournalError['code'], object]>([
    [
      'Full',
      {
        code: 'ServiceUnavailable',
        message:
          'The message was not accepted: the disk with the state folder is full. Free some space, and send it again.',
      },
    ],
    ['Locked', { code: 'ServiceUnavailable', message: 'The message was not accepted: It is held.' }],
    ['Final', { code: 'Conflict', message: 'It has already been sent again.' }],
    ['Duplicate', { name: 'JournalError', code: 'Duplicate' }],
  ])('since the journal is %s is refused, and takes no place in the queue', async (reason, expected) => {
    const { at, agent, error } = await broken(reason, 'It is held');
    await using _ = at;
    expect(error).toMatchObject(expected);
    expect(await sent(at, agent)).toBe('sent');
    expect(await sent(at, agent)).toMatchObject({ code: 'TooManyRequests' });
  });
});

describe('a message that failed', () => {
  test('cannot be sent again once its conversation is closed', async () => {
    const puppet = new Puppet();
    await using at = await stage({ w: { agent: puppet.agent, spec: brief } });
    const { id, conversation } = await at.send('w', 'hi');
    await at.world.until(() => puppet.turns.length === 1);
    puppet.say(id, { type: 'error', error: 'no' });
    expect(await at.end(id)).toMatchObject({ state: 'Failed' });
    await closed(at, conversation);
    expect(await refusal(at.world.talk.retry(key(id)))).toMatchObject({
      code: 'Conflict',
      message: `Conversation ${conversation} of message ${id} is closed. Send the text as a new message: agentctl send w.`,
    });
  });

  test('is sent again as the same message, in the same conversation', async () => {
    const puppet = new Puppet();
    await using at = await stage({ w: puppet });
    const { id, conversation } = await at.send('w', 'hi');
    await at.world.until(() => puppet.turns.length === 1);
    puppet.say(id, { type: 'error', error: 'no' });
    await at.end(id);
    await at.world.talk.retry(key(id));
    await at.world.until(() => puppet.turns.length === 2);
    expect(puppet.turns[1]).toMatchObject({ messageId: id, conversationId: conversation, message: 'hi' });
    puppet.done(id, 'yes');
    await at.world.until(() => at.message(id)?.state === 'Completed');
    expect(at.world.house.journal.messages()).toHaveLength(1);
  });
});
