import { expect, test } from 'vitest';
import { JournalObjects } from '../../src/conversations/journal-objects.ts';
import { openJournal } from '../../src/messages/sqlite-journal.ts';
import { silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../fakes/clock.ts';
import { accept, approval, conversation, message } from '../messages/entries.ts';

test('messages of other conversations, and all of other agents, are not read for who asks for one', async () => {
  const journal = openJournal(':memory:', { log: silentLog });
  await journal.commit([
    ...accept(message('1'), message('2', { conversation: 'd' }), message('3', { agent: 'b' })),
    { type: 'Conversation', conversation: conversation('c') },
    { type: 'Conversation', conversation: conversation('e', { agent: 'b' }) },
    { type: 'Approval', approval: approval('p') },
    { type: 'Approval', approval: approval('q', { agent: 'b' }) },
  ]);
  const objects = new JournalObjects(journal, new ManualClock('2026-01-31T12:00:00Z'), silentLog);
  const names = (kind: 'Message' | 'Conversation' | 'Approval', fields: [string, string][]) =>
    Array.from(objects.list(kind, undefined, undefined, new Map(fields)), ({ metadata }) => metadata.name);
  expect(names('Message', [])).toEqual(['3', '2', '1']);
  expect(names('Message', [['spec.agentRef.name', 'a']])).toEqual(['2', '1']);
  expect(names('Message', [['spec.conversation', 'd']])).toEqual(['2']);
  expect(names('Conversation', [['spec.agentRef.name', 'b']])).toEqual(['e']);
  expect(names('Approval', [['spec.agentRef.name', 'b']])).toEqual(['q']);
  await journal.close();
});

test('a listener that throws keeps no change from the others', async () => {
  const journal = openJournal(':memory:', { log: silentLog });
  await journal.commit(accept(message('1')));
  const objects = new JournalObjects(journal, new ManualClock('2026-01-31T12:00:00Z'), silentLog);
  const told: string[] = [];
  objects.onChange(() => {
    throw new Error('a bug');
  });
  objects.onChange((kind, type, { metadata }) => told.push(`${type} ${kind} ${metadata.name}`));
  objects.changed('Message', '1');
  objects.gone({ kind: 'Message', record: message('1') });
  expect(told).toEqual(['ADDED Message 1', 'DELETED Message 1']);
  await journal.close();
});
