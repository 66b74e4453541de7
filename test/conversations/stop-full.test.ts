import { expect, test } from 'vitest';
import { JournalError, journalError } from '../../src/messages/journal.ts';
import { Puppet } from './puppet.ts';
import { stage, withCommit } from './stage.ts';

test('a controller whose disk is full stops all the same, and the next one reads on from what was written', async () => {
  let full = false;
  const puppet = new Puppet();
  await using at = await stage(
    { w: puppet },
    {
      journal: (kept) =>
        withCommit(kept, async (entries) => {
          if (full) throw new JournalError('Full', 'no room');
          return kept.commit(entries);
        }),
    },
  );
  const { id } = await at.send('w', 'hi');
  await at.world.until(() => puppet.turns.length === 1);
  full = true;
  puppet.done(id, 'done');
  await at.pass(2_000);
  let stopped = false;
  const stopping = at.world.talk.stop().then(() => {
    stopped = true;
  });
  await at.pass(10_000);
  expect(stopped).toBe(true);
  await stopping;
  full = false;
  await at.world.revive();
  expect(await at.end(id)).toMatchObject({ state: 'Completed', answer: 'done', attempts: 1 });
});

test('a message that the full disk does not take is refused, with one remedy', async () => {
  let full = false;
  const refuse = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  await using at = await stage(
    { w: new Puppet() },
    {
      journal: (kept) =>
        withCommit(kept, async (entries) => {
          if (full) throw journalError(refuse, '/state/messages.db');
          return kept.commit(entries);
        }),
    },
  );
  full = true;
  await expect(at.send('w', 'hi')).rejects.toMatchObject({
    code: 'ServiceUnavailable',
    message:
      'The message was not accepted: the disk with the state folder is full. Free some space, and send it again.',
  });
});
