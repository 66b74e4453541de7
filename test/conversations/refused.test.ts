import { expect, test } from 'vitest';
import { type Journal, JournalError } from '../../src/messages/journal.ts';
import { Puppet } from './puppet.ts';
import { stage, withCommit } from './stage.ts';

test('a question that the journal refuses costs neither what came with it, nor a place in the queue', async () => {
  const refusal = new JournalError('Missing', 'it is refused');
  const journal = (kept: Journal): Journal =>
    withCommit(kept, async (entries, spare) => {
      const isRoute = (part: typeof entries) =>
        part.some((entry) => entry.type === 'Accept' && entry.message.text === 'what?');
      if (!isRoute(entries)) return kept.commit(entries, spare);
      if (spare === undefined) throw refusal;
      for (const [index, part] of spare.parts.entries())
        if (isRoute(part)) spare.refused(index, refusal);
        else await kept.commit(part);
    });
  const [one, other] = [new Puppet(), new Puppet()];
  const spec = { fleetAccess: 'Peers' as const, policy: { messages: { queueDepth: 1 } } };
  await using at = await stage(
    { one: { agent: one.agent, spec }, other: { agent: other.agent, spec } },
    { journal },
  );
  const { id } = await at.send('one', 'go');
  await at.world.until(() => one.turns.length === 1);
  one.say(id, { type: 'route_request', requestId: 'r', toId: 'other', message: 'what?' });
  one.done(id, 'done');
  expect(await at.end(id)).toMatchObject({ state: 'Completed', answer: 'done' });
  await at.world.until(() => one.of('route_response').length === 1);
  expect(one.of('route_response')).toMatchObject([
    { requestId: 'r', error: expect.stringContaining('not accepted') },
  ]);
  expect(await at.send('other', 'there is room')).toMatchObject({ state: 'Pending' });
});
