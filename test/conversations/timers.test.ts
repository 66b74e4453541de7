import { expect, test } from 'vitest';
import { Puppet } from './puppet.ts';
import { key, stage } from './stage.ts';

const minutes = 60_000;
const soon = { policy: { messages: { timeout: '1h', inactivityTimeout: '5m' } } };

test('one timer is enough for all messages', async () => {
  const puppet = new Puppet();
  await using at = await stage({ w: { agent: puppet.agent, spec: soon } });
  const { clock } = at.world.house;
  await at.send('w', 'in work');
  await at.pass(10_000);
  const before = clock.waiting;
  for (let n = 0; n < 20; n += 1) await at.send('w', `${n}`, { timeout: 10 * minutes });
  await at.world.house.rest();
  expect(clock.waiting).toBe(before);
});

test('a message that comes later and expires sooner is looked at in time', async () => {
  await using at = await stage({ w: { agent: new Puppet().agent, spec: soon } });
  await at.send('w', 'in work');
  await at.pass(minutes);
  const { id } = await at.send('w', 'soon', { timeout: 3_000 });
  const before = at.world.house.clock.now();
  expect(await at.end(id)).toMatchObject({ state: 'Expired', reason: 'Timeout' });
  expect(at.world.house.clock.now() - before).toBeLessThan(4_000);
});

test('each sign of life counts as one, and silence from the last on', async () => {
  const puppet = new Puppet();
  await using at = await stage({ w: { agent: puppet.agent, spec: soon } });
  const { id } = await at.send('w', 'hi');
  await at.world.until(() => puppet.turns.length === 1);
  for (let n = 0; n < 4; n += 1) {
    await at.pass(4 * minutes);
    puppet.text(id, `${n}`);
    await at.world.house.rest();
  }
  await at.pass(4 * minutes);
  expect(at.world.ends.has(id)).toBe(false);
  await at.pass(2 * minutes);
  expect(await at.end(id)).toMatchObject({
    state: 'Failed',
    reason: 'Inactive',
    error: 'The agent was silent for 300 s.',
  });
});

test('one that was being broken off before a restart of the controller is given up after it', async () => {
  const puppet = new Puppet({ says: { cancel: true } });
  await using at = await stage({ w: puppet });
  const { id } = await at.send('w', 'hi');
  await at.world.until(() => at.message(id)?.written === true);
  await at.world.talk.cancel(key(id));
  await at.world.revive();
  expect(at.world.ends.has(id)).toBe(false);
  await at.pass(2 * minutes);
  expect(await at.end(id)).toMatchObject({ state: 'Failed', reason: 'Cancelled' });
});
