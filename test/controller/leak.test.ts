import { expect, test } from 'vitest';
import { House } from './house.ts';

test('nothing is kept of agents that are gone', async () => {
  await using house = await House.open();
  const names = Array.from({ length: 40 }, (_, at) => `a${at}`);
  const { agents, instances, revisions } = house.controller.cache;
  for (const [at, name] of names.entries())
    await house.agent(
      name,
      at % 4 === 0 ? { endsAfterMs: 500, ends: 1 } : {},
      at % 4 === 1 ? { protocol: 'jsonl' } : {},
    );
  await house.within(60_000, () => instances.list().length === names.length);
  for (const name of names) await house.user.delete('Agent', { namespace: 'default', name });
  await house.within(120_000, () => agents.list().length + instances.list().length === 0);
  await house.within(60_000, () => revisions.list().length === 0);
  house.clock.advance(120_000); // the Runtime is listed again
  await house.rest();
  const { admission, runtimes, conversations } = house.controller;
  expect({
    ...conversations.census(),
    waiting: admission.waiting,
    places: admission.places.size,
    grants: admission.grants.size,
    observed: runtimes.sessions().flatMap((session) => session.all()),
  }).toEqual({
    mailboxes: [],
    messages: [],
    links: [],
    drained: 0,
    waiting: 0,
    places: 0,
    grants: 0,
    observed: [],
  });
});
