import { expect, test } from 'vitest';
import { AcpPuppet } from './acp-puppet.ts';
import { Puppet } from './puppet.ts';
import { stage } from './stage.ts';

const text = (said: string) => ({
  sessionUpdate: 'agent_message_chunk',
  content: { type: 'text', text: said },
});
const texts = (at: Awaited<ReturnType<typeof stage>>, id: string): string[] =>
  at.world.house.journal.events(id).flatMap(({ event }) => (event.type === 'text' ? [event.text] : []));

test('what an agent says just after its response is part of the answer', async () => {
  const puppet = new AcpPuppet();
  await using at = await stage({ 'acp-a': { agent: puppet.agent } });
  const { id } = await at.send('acp-a', 'go');
  await at.world.until(() => puppet.prompts.length === 1);
  puppet.end('HEAD ');
  puppet.update(text('TAIL'));
  expect(await at.end(id)).toMatchObject({ state: 'Completed', answer: 'HEAD TAIL' });
});

test('what it says later stands behind its message, and in no other answer', async () => {
  const puppet = new AcpPuppet();
  await using at = await stage({ 'acp-a': { agent: puppet.agent } });
  const { id, conversation } = await at.send('acp-a', 'go');
  await at.world.until(() => puppet.prompts.length === 1);
  puppet.end('HEAD ');
  expect(await at.end(id)).toMatchObject({ answer: 'HEAD ' });
  puppet.update(text('TAIL'));
  await at.world.until(() => texts(at, id).includes('TAIL'));
  const next = await at.send('acp-a', 'again', { conversation });
  await at.world.until(() => puppet.prompts.length === 2);
  puppet.end('next');
  expect(await at.end(next.id)).toMatchObject({ answer: 'next' });
  expect(texts(at, id)).toEqual(['HEAD ', 'TAIL']);
});

test('an agent that was found to speak after its end has time for that before its session is prompted again', async () => {
  const puppet = new AcpPuppet();
  await using at = await stage({ 'acp-a': { agent: puppet.agent } });
  const { id, conversation } = await at.send('acp-a', 'go');
  await at.world.until(() => puppet.prompts.length === 1);
  puppet.end('one ');
  puppet.update(text('more'));
  await at.end(id);
  const next = await at.send('acp-a', 'again', { conversation });
  await at.pass(5_000);
  expect(puppet.prompts).toHaveLength(1);
  puppet.update(text(' and more'));
  await at.world.until(() => puppet.prompts.length === 2, 20_000);
  puppet.end('two');
  expect(await at.end(next.id)).toMatchObject({ answer: 'two' });
  expect(texts(at, id)).toEqual(['one ', 'more', ' and more']);
});

test('what names a message of the agent from the turn before is of that turn', async () => {
  const puppet = new AcpPuppet();
  await using at = await stage({ 'acp-a': { agent: puppet.agent } });
  const { id, conversation } = await at.send('acp-a', 'go');
  await at.world.until(() => puppet.prompts.length === 1);
  puppet.update({ ...text('one'), messageId: 'a' });
  puppet.end('');
  await at.end(id);
  const next = await at.send('acp-a', 'again', { conversation });
  await at.world.until(() => puppet.prompts.length === 2);
  puppet.update({ ...text('two'), messageId: 'b' });
  puppet.update({ ...text(' late'), messageId: 'a' });
  puppet.end('');
  expect(await at.end(next.id)).toMatchObject({ answer: 'two' });
  expect(texts(at, id)).toEqual(['one', ' late']);
});

test('a turn whose end was read, and no more, is completed after a crash of the controller', async () => {
  const puppet = new AcpPuppet();
  await using at = await stage({ 'acp-a': { agent: puppet.agent } });
  const { id } = await at.send('acp-a', 'go');
  await at.world.until(() => puppet.prompts.length === 1);
  puppet.end('all');
  await at.world.until(() => at.message(id)?.stopReason === 'end_turn');
  expect(at.message(id)).toMatchObject({ state: 'Delivered' });
  await at.world.revive();
  expect(await at.end(id)).toMatchObject({ state: 'Completed', answer: 'all' });
});

test('a character that is cut in two comes whole, though its halves are two events', async () => {
  const puppet = new Puppet();
  await using at = await stage({ w: puppet });
  const { id } = await at.send('w', 'go');
  await at.world.until(() => puppet.turns.length === 1);
  for (const part of ['a\ud83d', '\ude00b', '\ud83d', 'c\ud83d'])
    puppet.say(id, { type: 'event', event: { type: 'text', text: part } });
  puppet.done(id);
  expect(await at.end(id)).toMatchObject({ state: 'Completed', answer: 'a\u{1f600}b\ufffdc\ufffd' });
  expect(texts(at, id).every((part) => part.isWellFormed())).toBe(true);
});

test.each([
  ['refusal', 'some', 'Refusal', 'The agent refused to go on.'],
  ['max_tokens', 'some', 'MaxTokens', 'The answer was cut at the most tokens that it may have.'],
  [
    'max_turn_requests',
    'some',
    'MaxTurnRequests',
    'The agent stopped at the most requests to its model that a turn may have.',
  ],
  ['end_turn', '', 'EmptyAnswer', 'The agent ended its turn without an answer.'],
  ['end_turn', ' \n', 'EmptyAnswer', 'The agent ended its turn without an answer.'],
])('a turn that ends with %s and %j says so', async (stopReason, answer, reason, error) => {
  const puppet = new AcpPuppet();
  await using at = await stage({ 'acp-a': { agent: puppet.agent } });
  const { id } = await at.send('acp-a', 'go');
  await at.world.until(() => puppet.prompts.length === 1);
  if (answer !== '') puppet.update(text(answer));
  const [prompt] = puppet.prompts;
  if (prompt !== undefined) puppet.answer(prompt, { stopReason });
  expect(await at.end(id)).toMatchObject({ state: 'Failed', reason, answer, error });
});

test('a turn that does its work without a word is completed', async () => {
  const puppet = new AcpPuppet();
  await using at = await stage({ 'acp-a': { agent: puppet.agent } });
  const { id } = await at.send('acp-a', 'go');
  await at.world.until(() => puppet.prompts.length === 1);
  puppet.update({ sessionUpdate: 'tool_call', toolCallId: 't', title: 'read', kind: 'read' });
  puppet.end('');
  expect(await at.end(id)).toMatchObject({ state: 'Completed', answer: '' });
});

test('Events tell the end of each message, and why it failed', async () => {
  const puppet = new AcpPuppet();
  await using at = await stage({ 'acp-a': { agent: puppet.agent } });
  const heard: string[] = [];
  at.world.house.controller.recorder.onEvent((about, { reason, message }) => {
    if (about.kind === 'Agent') heard.push(`${reason} ${message}`);
  });
  for (const [turn, said] of ['done', ''].entries()) {
    const { id } = await at.send('acp-a', 'go');
    await at.world.until(() => puppet.prompts.length === turn + 1);
    puppet.end(said);
    await at.end(id);
  }
  await at.world.until(() => heard.length === 2);
  expect(heard[0]).toMatch(/^MessageCompleted Message m-\S+ of conversation c-\S+ was completed\.$/);
  expect(heard[1]).toMatch(
    /^MessageFailed Message m-\S+ of conversation c-\S+ failed \(EmptyAnswer\): The agent/,
  );
});
