import { expect, test } from 'vitest';
import { AcpPuppet } from './acp-puppet.ts';
import { key, type Stage, stage } from './stage.ts';

/** What the newest prompt brought, block by block. */
const told = (puppet: AcpPuppet): (string | undefined)[] =>
  (puppet.prompts.at(-1)?.params.prompt ?? []).map(({ text }) => text);

const systemPrompt = 'You are the painter.';
const preface = `${systemPrompt}\n\n`;

/** One agent that the test plays. */
const alone = (
  answers: ConstructorParameters<typeof AcpPuppet>[0] = {},
  spec: object = {},
): { puppet: AcpPuppet; at: Promise<Stage> } => {
  const puppet = new AcpPuppet(answers);
  return { puppet, at: stage({ acp: { agent: puppet.agent, spec: { minReady: '0s', ...spec } } }) };
};

const prompted = (at: Stage, puppet: AcpPuppet, count: number): Promise<void> =>
  at.world.until(() => puppet.prompts.length === count);

/** The run ends, and the next one is Ready. */
async function restart(at: Stage, puppet: AcpPuppet): Promise<void> {
  const runs = puppet.runs.length;
  puppet.runs.at(-1)?.end(1);
  await at.world.until(() => puppet.runs.length > runs);
  await at.ready(1);
}

test('a turn that fails or is refused leaves the system prompt to the next one', async () => {
  const { puppet, at: opening } = alone({}, { systemPrompt });
  await using at = await opening;
  const first = await at.send('acp', 'one');
  const { conversation } = first;
  await prompted(at, puppet, 1);
  puppet.refuse({ code: -32603, message: 'out of memory' });
  expect(await at.end(first.id)).toMatchObject({ state: 'Failed', reason: 'AgentError' });
  const second = await at.send('acp', 'two', { conversation });
  await prompted(at, puppet, 2);
  expect(told(puppet)).toEqual([preface, 'two']);
  puppet.end('no', 'refusal');
  await at.end(second.id);
  at.world.kill();
  await at.world.revive();
  await at.ready(1);
  const third = await at.send('acp', 'three', { conversation });
  await prompted(at, puppet, 3);
  expect(told(puppet)).toEqual([preface, 'three']);
  puppet.end();
  await at.end(third.id);
  await restart(at, puppet);
  const fourth = await at.send('acp', 'four', { conversation });
  await prompted(at, puppet, 4);
  expect(told(puppet)).toEqual(['four']);
  puppet.end();
  await at.end(fourth.id);
});

test('a system prompt that was changed is told to the conversations that there are', async () => {
  const { puppet, at: opening } = alone({}, { systemPrompt });
  await using at = await opening;
  const { id, conversation } = await at.send('acp', 'one');
  await prompted(at, puppet, 1);
  puppet.end();
  await at.end(id);
  await at.world.agent('acp', { systemPrompt: 'You are the poet.' });
  await at.world.until(() => puppet.runs.length === 2);
  await at.ready(1);
  await at.send('acp', 'two', { conversation });
  await prompted(at, puppet, 2);
  expect(told(puppet)).toEqual(['You are the poet.\n\n', 'two']);
  puppet.end();
});

/** A conversation whose session is to be loaded again. */
async function resumed(answers: ConstructorParameters<typeof AcpPuppet>[0]) {
  const { puppet, at: opening } = alone(answers);
  const at = await opening;
  const first = await at.send('acp', 'one');
  await prompted(at, puppet, 1);
  puppet.end();
  await at.end(first.id);
  await restart(at, puppet);
  return { puppet, at, conversation: first.conversation };
}

test('a session that is not opened holds up no other conversation, says so, and fails in time', async () => {
  const { puppet, at: staged, conversation } = await resumed({ 'session/load': () => undefined });
  await using at = staged;
  const stuck = await at.send('acp', 'two', { conversation });
  const other = await at.send('acp', 'other');
  await prompted(at, puppet, 2);
  expect(told(puppet)).toEqual(['other']);
  expect(at.message(stuck.id)).toMatchObject({
    state: 'Pending',
    reason: 'OpeningSession',
    error: 'acp-0 has not opened its session for 5 s.',
  });
  puppet.end();
  await at.end(other.id);
  expect(await at.end(stuck.id, 70_000)).toMatchObject({
    state: 'Failed',
    reason: 'NoSession',
    error: expect.stringContaining('did not answer session/load within 60 s'),
  });
});

test('a message that waits for its session ends at once when it is cancelled; the next one has the session', async () => {
  const { puppet, at: staged, conversation } = await resumed({ 'session/load': () => undefined });
  await using at = staged;
  const { id } = await at.send('acp', 'two', { conversation });
  await at.world.until(() => puppet.of('session/load').length === 1);
  await at.world.talk.cancel(key(id));
  expect(await at.end(id, 100)).toMatchObject({ state: 'Failed', reason: 'Cancelled' });
  const next = await at.send('acp', 'three', { conversation });
  await at.world.until(() => at.message(next.id)?.reason === 'OpeningSession');
  expect(puppet.of('session/load')).toHaveLength(1);
  puppet.answer(puppet.of('session/load')[0], {});
  await prompted(at, puppet, 2);
  expect(told(puppet)).toEqual(['three']);
  puppet.end();
  expect(await at.end(next.id)).toMatchObject({ state: 'Completed' });
  expect(at.message(next.id)?.reason).toBeUndefined();
});

test('a session that is opened late waits for its place again', async () => {
  const { puppet, at: staged, conversation } = await resumed({ 'session/load': () => undefined });
  await using at = staged;
  const late = await at.send('acp', 'two', { conversation });
  await at.send('acp', 'other');
  await prompted(at, puppet, 2);
  puppet.answer(puppet.of('session/load')[0], {});
  await at.pass(2_000);
  expect(at.message(late.id)).toMatchObject({ state: 'Pending' });
  expect(puppet.prompts).toHaveLength(2);
  puppet.end();
  await prompted(at, puppet, 3);
  expect(told(puppet)).toEqual(['two']);
  expect(puppet.of('session/load')).toHaveLength(1);
  puppet.end();
  await at.end(late.id);
});

test('a refusal that may pass is asked again, and loses no conversation', async () => {
  let locked = 1;
  const {
    puppet,
    at: staged,
    conversation,
  } = await resumed({
    'session/load': () =>
      locked-- > 0 ? { error: { code: -32603, message: 'the database is locked' } } : {},
  });
  await using at = staged;
  const second = await at.send('acp', 'two', { conversation });
  await prompted(at, puppet, 2);
  puppet.end();
  expect(await at.end(second.id)).toMatchObject({ state: 'Completed' });
  locked = 99;
  await restart(at, puppet);
  const third = await at.send('acp', 'three', { conversation });
  await at.world.until(() => at.message(third.id)?.reason === 'OpeningSession');
  expect(at.message(third.id)?.error).toMatch(/the database is locked.*\. It is asked again\.$/);
  expect(await at.end(third.id)).toMatchObject({
    state: 'Failed',
    reason: 'NoSession',
    error: expect.stringMatching(
      new RegExp(`the database is locked.* Send it again: agentctl messages retry ${third.id}\\.$`),
    ),
  });
  expect(at.world.house.journal.conversation(conversation)).toMatchObject({ state: 'Open' });
});

test('a session that the agent has lost ends the message and its conversation, and says what to do', async () => {
  const error = { code: -32002, message: 'no session s1' };
  const { at: staged, conversation } = await resumed({ 'session/load': () => ({ error }) });
  await using at = staged;
  const { id } = await at.send('acp', 'two', { conversation });
  expect(await at.end(id)).toMatchObject({
    state: 'Failed',
    reason: 'SessionLost',
    error: expect.stringMatching(/no session s1.* Begin a new conversation\.$/),
  });
  expect(at.world.house.journal.conversation(conversation)).toMatchObject({
    state: 'Closed',
    reason: 'SessionLost',
  });
});

test('an agent that cannot take a session up again is not spoken to as if it knew, and that is told', async () => {
  const {
    puppet,
    at: staged,
    conversation,
  } = await resumed({
    initialize: () => ({ protocolVersion: 1, agentCapabilities: {} }),
  });
  await using at = staged;
  const { id } = await at.send('acp', 'two', { conversation });
  await prompted(at, puppet, 2);
  puppet.end();
  await at.end(id);
  expect(at.world.house.journal.events(id, 0, 10)[0]).toMatchObject({
    event: {
      type: 'note',
      text: 'Its session is new: the one of before could not be taken up, and what was said in this conversation is not known to it.',
    },
  });
});

test('a session that is answered with something else fails the message, and is not asked for again', async () => {
  const sessions = [{ sessionId: 's1' }];
  const { puppet, at: opening } = alone({ 'session/new': () => sessions.shift() ?? {} });
  await using at = await opening;
  const first = await at.send('acp', 'one');
  await prompted(at, puppet, 1);
  puppet.end();
  await at.end(first.id);
  const { id } = await at.send('acp', 'two');
  expect(await at.end(id, 70_000)).toMatchObject({ state: 'Failed', reason: 'NoSession' });
  expect(puppet.of('session/new')).toHaveLength(2);
});
