import { expect, test } from 'vitest';
import type { Agent, New } from '../../src/api/objects.ts';
import type { NewMessage } from '../../src/client/streams.ts';
import { Puppet } from './puppet.ts';
import { TalkWorld } from './world.ts';

type Spec = New<Agent>['spec'];

/** One agent of the line protocol, w, that a test plays; not waited for where it never gets ready. */
async function stage({ ready = true, ...spec }: Spec & { ready?: boolean } = {}) {
  const world = await TalkWorld.open();
  const puppet = new Puppet({ ready });
  world.programs.set('w', puppet.agent);
  await world.agent('w', spec);
  const replicas = spec.replicas ?? 1;
  if (ready)
    await world.until(
      () => world.talk.census().links.filter(({ state }) => state === 'Ready').length === replicas,
    );
  const send = (text: string, newMessage: Partial<NewMessage> = {}) =>
    world.send('w', { text, ...newMessage });
  const heard = (count: number) => world.until(() => puppet.turns.length >= count);
  const end = async (id: string, count = 1) => {
    await world.until(() => (world.ends.get(id)?.length ?? 0) >= count);
    return world.ends.get(id)?.at(-1);
  };
  const key = (name: string) => ({ namespace: 'default', name });
  return { world, puppet, send, heard, end, key, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}

const messages = (rules: NonNullable<NonNullable<Spec>['policy']>['messages']): Spec => ({
  policy: { messages: rules },
});

test('a key that is known gives the message that has it', async () => {
  await using at = await stage({ ready: false });
  const [one, other] = await Promise.all([at.send('a', { key: 'k' }), at.send('a', { key: 'k' })]);
  expect(other.id).toBe(one.id);
  expect((await at.send('a', { key: 'k' })).id).toBe(one.id);
  expect(at.world.house.journal.messages()).toHaveLength(1);
});

test('more than the depth of the queue are refused, however many come at once', async () => {
  await using at = await stage({ ready: false, ...messages({ queueDepth: 2 }) });
  const agent = at.world.agentOf('w');
  const all = await Promise.allSettled(
    [1, 2, 3, 4].map((n) => at.world.talk.send(agent, [{ text: `${n}` }])),
  );
  expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
  expect(all[3]).toMatchObject({
    reason: { code: 'TooManyRequests', message: expect.stringContaining('queueDepth') },
  });
});

test('a message expires when its time is over, waiting or in work', async () => {
  await using at = await stage();
  const working = await at.send('a', { timeout: 60_000 });
  const waiting = await at.send('b', { timeout: 1_000, conversation: working.conversation });
  expect(await at.end(waiting.id)).toMatchObject({
    state: 'Expired',
    reason: 'Timeout',
    error: 'No instance had taken it before the timeout.',
  });
  expect(at.world.ends.has(working.id)).toBe(false);
  expect(await at.end(working.id)).toMatchObject({
    state: 'Expired',
    reason: 'Timeout',
    error: 'The agent had not ended its turn before the timeout.',
  });
});

test('an agent that is silent for too long is broken off, but not while a tool call is open', async () => {
  await using at = await stage(messages({ inactivityTimeout: '5s' }));
  const { id } = await at.send('a');
  await at.heard(1);
  const tool = { type: 'tool', id: 't', title: 'saw' };
  at.puppet.say(id, { type: 'event', event: { ...tool, status: 'in_progress' } });
  await at.world.house.within(20_000, () => at.world.house.clock.now() >= Date.parse('2026-03-02T10:00:20Z'));
  expect(at.world.ends.has(id)).toBe(false);
  at.puppet.say(id, { type: 'event', event: { ...tool, status: 'completed' } });
  const before = at.world.house.clock.now();
  expect(await at.end(id)).toMatchObject({ state: 'Failed', reason: 'Inactive' });
  expect(at.world.house.clock.now() - before).toBeLessThanOrEqual(11_000);
});

test('one that is cancelled while it waits is never sent, one in work ends', async () => {
  await using at = await stage();
  const working = await at.send('a');
  const waiting = await at.send('b', { conversation: working.conversation });
  await at.heard(1);
  await at.world.talk.cancel(at.key(waiting.id));
  await at.world.talk.cancel(at.key(working.id));
  expect(await at.end(waiting.id)).toMatchObject({ state: 'Failed', reason: 'Cancelled' });
  expect(await at.end(working.id)).toMatchObject({ state: 'Failed', reason: 'Cancelled' });
  expect(at.puppet.turns.map(({ message }) => message)).toEqual(['a']);
  await expect(at.world.talk.cancel(at.key(working.id))).rejects.toMatchObject({ code: 'Conflict' });
});

test('a dead letter is sent again, with an answer of that attempt alone', async () => {
  await using at = await stage();
  const { id } = await at.send('a');
  await at.heard(1);
  at.puppet.text(id, 'half an answer');
  at.puppet.say(id, { type: 'error', error: 'broken' });
  expect(await at.end(id)).toMatchObject({ state: 'Failed', reason: 'AgentError', error: 'broken' });
  await at.world.talk.retry(at.key(id));
  await at.heard(2);
  at.puppet.text(id, 'whole');
  await at.world.until(() => at.world.house.journal.events(id).length >= 3);
  await at.world.revive();
  at.puppet.done(id);
  expect(await at.end(id, 2)).toMatchObject({ state: 'Completed', answer: 'whole' });
  await expect(at.world.talk.retry(at.key(id))).rejects.toMatchObject({ code: 'Conflict' });
});

test('a dead letter that is sent again while a later one is in work waits its turn, over a restart too', async () => {
  await using at = await stage();
  const first = await at.send('a');
  const second = await at.send('b', { conversation: first.conversation });
  await at.heard(1);
  at.puppet.say(first.id, { type: 'error', error: 'broken' });
  await at.heard(2);
  await at.world.talk.retry(at.key(first.id));
  at.puppet.text(second.id, 'y');
  await at.world.until(() => at.world.house.journal.message(second.id)?.produced === true);
  await at.world.revive();
  at.puppet.done(second.id);
  expect(await at.end(second.id)).toMatchObject({ state: 'Completed', answer: 'y' });
  await at.heard(3);
  at.puppet.done(first.id, 'x');
  expect(await at.end(first.id, 2)).toMatchObject({ state: 'Completed', answer: 'x' });
  const third = await at.send('c', { conversation: first.conversation });
  await at.heard(4);
  at.puppet.done(third.id, 'z');
  expect(await at.end(third.id)).toMatchObject({ state: 'Completed', answer: 'z' });
});

test.each([
  { onInterrupted: 'Fail', output: true, expected: { state: 'Failed', reason: 'Interrupted', attempts: 1 } },
  { onInterrupted: 'Fail', output: false, expected: { state: 'Completed', attempts: 2 } },
  { onInterrupted: 'Retry', output: true, expected: { state: 'Completed', answer: 'all', attempts: 2 } },
] as const)(
  'a turn that is cut short, $onInterrupted, output: $output',
  async ({ onInterrupted, output, expected }) => {
    await using at = await stage(messages({ onInterrupted }));
    const { id } = await at.send('a');
    await at.heard(1);
    if (output) at.puppet.text(id, 'half');
    at.puppet.run(id).end(1);
    if (expected.state === 'Completed') {
      await at.heard(2);
      at.puppet.done(id, 'all');
    }
    expect(await at.end(id)).toMatchObject(expected);
  },
);

test('one that is cut short each time is given up after so many attempts', async () => {
  await using at = await stage(messages({ maxAttempts: 3 }));
  const { id } = await at.send('a');
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    await at.heard(attempt);
    at.puppet.run(id).end(1);
  }
  expect(await at.end(id)).toMatchObject({ state: 'Failed', reason: 'MaxAttempts', attempts: 3 });
});

test('what an interrupted turn is told is told again after one that was cut short at once', async () => {
  await using at = await stage(messages({ onInterrupted: 'Resume' }));
  const { id } = await at.send('a');
  await at.heard(1);
  at.puppet.text(id, 'half');
  at.puppet.run(id).end(1);
  await at.heard(2);
  at.puppet.run(id).end(1);
  await at.heard(3);
  const again = `[agentctl] Your turn on the message below was interrupted: run 1 of w-0 ended. Check what of it is done already, do not do it twice, and finish it.\n\na`;
  const told = at.puppet.turns.map(({ message }) => message.replace(' with exit code 1', ''));
  expect(told).toEqual(['a', again, again]);
  const notes = at.world.house.journal
    .events(id)
    .flatMap(({ event }) => (event.type === 'note' ? [event.text] : []));
  expect(notes).toEqual(['It is taken up again, by w-0.', 'It is taken up again, by w-0.']);
});

test('a cancel while the run that has it dies is no message sent again', async () => {
  await using at = await stage();
  const { id } = await at.send('a');
  await at.heard(1);
  at.puppet.run(id).end(1);
  at.world.talk.cancel(at.key(id)).catch(() => {}); // it is looked at below
  expect(await at.end(id)).toMatchObject({ state: 'Failed', reason: 'Cancelled' });
});

test('new conversations go to the instance with the fewest, and stay there', async () => {
  await using at = await stage({ replicas: 3, conversations: { perInstance: 9 } });
  const first = [await at.send('a'), await at.send('b'), await at.send('c')];
  await at.heard(3);
  expect(new Set(first.map(({ id }) => at.puppet.run(id))).size).toBe(3);
  for (const { id } of first) at.puppet.done(id);
  for (const { id } of first) await at.end(id);
  for (const one of first) {
    const next = await at.send('more', { conversation: one.conversation });
    await at.world.until(() => at.puppet.turns.some(({ messageId }) => messageId === next.id));
    expect(at.puppet.run(next.id)).toBe(at.puppet.run(one.id));
  }
});

test('an instance works on no more conversations at once than it may', async () => {
  await using at = await stage({ conversations: { perInstance: 2 } });
  const all = [await at.send('a'), await at.send('b'), await at.send('c')];
  await at.heard(2);
  await at.world.house.rest();
  expect(at.puppet.turns).toHaveLength(2);
  at.puppet.done(all[0]?.id ?? '');
  await at.heard(3);
});
