import { expect, test } from 'vitest';
import { Puppet } from './puppet.ts';
import { key, stage } from './stage.ts';

test('a dead letter whose instance is gone is sent again by another', async () => {
  const puppet = new Puppet();
  await using at = await stage({ w: { agent: puppet.agent, spec: { replicas: 2 } } });
  const sent = [await at.send('w', 'a'), await at.send('w', 'b')];
  await at.world.until(() => puppet.turns.length === 2);
  for (const { id } of sent) puppet.say(id, { type: 'error', error: 'broken' });
  for (const { id } of sent) await at.end(id);
  const lost = sent.find(({ id }) => at.message(id)?.instance === 'w-1');
  await at.world.agent('w', { replicas: 1 });
  await at.world.until(() => at.world.house.instance('w-1') === undefined);
  await at.world.talk.retry(key(lost?.id ?? ''));
  await at.world.until(() => puppet.turns.length === 3);
  puppet.done(lost?.id ?? '', 'done');
  await at.world.until(() => at.world.ends.get(lost?.id ?? '')?.length === 2);
  expect(at.message(lost?.id ?? '')).toMatchObject({ state: 'Completed', instance: 'w-0', answer: 'done' });
});

test('of two who send a dead letter again at once, one does, and the other is told that it waits already', async () => {
  const puppet = new Puppet();
  await using at = await stage({ w: puppet });
  const { id } = await at.send('w', 'a');
  await at.world.until(() => puppet.turns.length === 1);
  puppet.say(id, { type: 'error', error: 'broken' });
  await at.end(id);
  const both = await Promise.allSettled([at.world.talk.retry(key(id)), at.world.talk.retry(key(id))]);
  expect(both).toMatchObject([{ status: 'fulfilled' }, { reason: { code: 'Conflict' } }]);
  await at.world.until(() => puppet.turns.length === 2);
});
