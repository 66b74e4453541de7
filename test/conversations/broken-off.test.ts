import { expect, test } from 'vitest';
import type { FakeDriver } from '../fakes/driver.ts';
import { AcpPuppet } from './acp-puppet.ts';
import { Puppet } from './puppet.ts';
import { key, stage } from './stage.ts';

const bound = 90_000;

test('a message that is cancelled while its session is being made for ever ends all the same', async () => {
  const puppet: AcpPuppet = new AcpPuppet({
    'session/new': () => (puppet.of('session/new').length === 1 ? puppet.newSession() : undefined),
  });
  await using at = await stage({ acp: puppet });
  const first = await at.send('acp', 'hi');
  await at.world.until(() => puppet.prompts.length === 1);
  puppet.end();
  await at.end(first.id);
  const { id } = await at.send('acp', 'again');
  await at.world.until(() => puppet.of('session/new').length === 2);
  await at.world.talk.cancel(key(id));
  expect(await at.end(id, bound)).toMatchObject({ state: 'Failed', reason: 'Cancelled' });
});

test('an agent that says it can break off a turn, and does not, is waited for no longer than a while', async () => {
  const puppet = new Puppet({ says: { cancel: true } });
  const policy = { messages: { timeout: '60s', inactivityTimeout: '15m' } };
  await using at = await stage({ w: { agent: puppet.agent, spec: { policy } } });
  const { id } = await at.send('w', 'hi');
  await at.pass(62_000);
  expect(puppet.of('cancel')).toHaveLength(1);
  expect(at.message(id)?.state).toBe('Delivered');
  expect(await at.end(id, bound)).toMatchObject({ state: 'Expired', reason: 'Timeout' });
  const next = await at.send('w', 'next');
  await at.world.until(() => puppet.turns.some(({ messageId }) => messageId === next.id));
});

test('a message that waits for a full pipe for ever ends once it is cancelled', async () => {
  let full = false;
  const wrap = (driver: FakeDriver): FakeDriver => ({
    ...driver,
    stdio: {
      attach: async (ref, options) => {
        const attachment = await driver.stdio.attach(ref, options);
        const write = (text: string): Promise<void> =>
          full ? new Promise(() => {}) : attachment.write(text);
        return { ...attachment, write };
      },
    },
  });
  const puppet = new Puppet();
  await using at = await stage({ w: puppet }, { wrap });
  full = true;
  const { id } = await at.send('w', 'hi');
  await at.world.until(() => at.message(id)?.state === 'Delivered');
  await at.world.talk.cancel(key(id));
  expect(await at.end(id, bound)).toMatchObject({ state: 'Failed', reason: 'Cancelled' });
});

test('a turn that was broken off counts so, though the agent ends it as any other', async () => {
  const puppet = new AcpPuppet();
  await using at = await stage({ acp: puppet });
  const { id } = await at.send('acp', 'hi');
  await at.world.until(() => puppet.prompts.length === 1);
  await at.world.talk.cancel(key(id));
  await at.world.until(() => puppet.of('session/cancel').length === 1);
  puppet.end();
  expect(await at.end(id, bound)).toMatchObject({ state: 'Failed', reason: 'Cancelled' });
});
