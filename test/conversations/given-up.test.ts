import { expect, test } from 'vitest';
import { DriverError } from '../../src/drivers/driver.ts';
import type { FakeDriver } from '../fakes/driver.ts';
import { AcpPuppet } from './acp-puppet.ts';
import { stage } from './stage.ts';

const text = (said: string) => ({
  sessionUpdate: 'agent_message_chunk',
  content: { type: 'text', text: said },
});

/** An agent whose turn was cancelled, and that goes on with it. */
async function deaf() {
  const puppet = new AcpPuppet();
  const at = await stage({ 'acp-a': { agent: puppet.agent } });
  const { id, conversation } = await at.send('acp-a', 'work');
  await at.world.until(() => puppet.prompts.length === 1);
  puppet.update(text('w'));
  await at.world.until(() => at.message(id)?.produced === true);
  await at.world.talk.cancel({ namespace: 'default', name: id });
  expect(await at.end(id)).toMatchObject({ state: 'Failed', reason: 'Cancelled' });
  const next = await at.send('acp-a', 'second', { conversation });
  return { at, puppet, id, next };
}

test('a session that works on after a cancel is prompted once it has ended', async () => {
  const { at, puppet, id, next } = await deaf();
  await using _ = at;
  puppet.update(text('still'));
  await at.pass(5_000);
  expect(puppet.prompts).toHaveLength(1);
  const [first] = puppet.prompts;
  if (first !== undefined) puppet.answer(first, { stopReason: 'end_turn' });
  await at.world.until(() => puppet.prompts.length === 2);
  puppet.end('answer');
  expect(await at.end(next.id)).toMatchObject({ state: 'Completed', answer: 'answer' });
  const said = at.world.house.journal.events(id).map(({ event }) => event);
  expect(said).toContainEqual({ type: 'text', text: 'still' });
});

test('one that never ends it is restarted, and then has the next message', async () => {
  const { at, puppet, next } = await deaf();
  await using _ = at;
  await at.world.until(() => puppet.prompts.length === 2, 120_000);
  expect(puppet.runs).toHaveLength(2);
  puppet.end('answer');
  expect(await at.end(next.id)).toMatchObject({ state: 'Completed', answer: 'answer', attempts: 1 });
});

test('a restart of the controller does not forget that a session works on', async () => {
  const { at, puppet, next } = await deaf();
  await using _ = at;
  await at.world.revive();
  puppet.update(text('still'));
  await at.pass(5_000);
  expect(puppet.prompts).toHaveLength(1);
  const [first] = puppet.prompts;
  if (first !== undefined) puppet.answer(first, { stopReason: 'cancelled' });
  await at.world.until(() => puppet.prompts.length === 2);
  puppet.end('answer');
  expect(await at.end(next.id)).toMatchObject({ state: 'Completed', answer: 'answer' });
});

test.each([
  { code: -32600, message: 'Prompt already in progress' },
  { code: -32003, message: 'session_busy' },
])('a message that a session does not take now, as by $message, waits', async (error) => {
  const puppet = new AcpPuppet();
  await using at = await stage({ 'acp-a': { agent: puppet.agent } });
  const { id } = await at.send('acp-a', 'go');
  await at.world.until(() => puppet.prompts.length === 1);
  puppet.refuse(error);
  await at.world.until(() => at.message(id)?.state === 'Pending');
  await at.world.until(() => puppet.prompts.length === 2);
  puppet.end('answer');
  expect(await at.end(id)).toMatchObject({ state: 'Completed', answer: 'answer', attempts: 1 });
});

test('an agent that has closed its standard input is restarted, and then has the message', async () => {
  const puppet = new AcpPuppet();
  let closed = false;
  const wrap = (driver: FakeDriver): FakeDriver => ({
    ...driver,
    stdio: {
      attach: async (ref, options) => {
        const attachment = await driver.stdio.attach(ref, options);
        const write = (text: string): Promise<void> =>
          closed && puppet.runs.length === 1
            ? Promise.reject(new DriverError('Retryable', 'NotRunning', 'no process reads it'))
            : attachment.write(text);
        return { ...attachment, write };
      },
    },
  });
  await using at = await stage({ 'acp-a': { agent: puppet.agent } }, { wrap });
  closed = true;
  const { id } = await at.send('acp-a', 'go');
  await at.world.until(() => puppet.prompts.length === 1);
  expect(puppet.runs).toHaveLength(2);
  puppet.end('answer');
  expect(await at.end(id)).toMatchObject({ state: 'Completed', answer: 'answer', attempts: 1 });
});
