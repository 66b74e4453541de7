import { expect, test } from 'vitest';
import { merged } from '../../src/conversations/ledger.ts';
import type { Entry } from '../../src/messages/journal.ts';
import { conversation, event } from '../messages/entries.ts';

const change = (id: string, set: object): Entry => ({ type: 'Change', id, set });
const thread = (id: string, activeAt: number): Entry => ({
  type: 'Conversation',
  conversation: conversation(id, { activeAt }),
});

test('changes of a message are one, in which the later ones win, at the place of the last', () => {
  const entries = [
    change('1', { state: 'Acknowledged', written: true }),
    change('2', { produced: true }),
    event('1', 1),
    change('1', { state: 'Completed', answer: undefined }),
  ];
  expect(merged(entries)).toEqual([
    change('2', { produced: true }),
    event('1', 1),
    change('1', { state: 'Completed', written: true, answer: undefined }),
  ]);
});

test('a conversation stands there as it last was; events stay, each and in order', () => {
  expect(merged([thread('c', 1), event('1', 1), thread('d', 2), event('1', 2), thread('c', 3)])).toEqual([
    event('1', 1),
    thread('d', 2),
    event('1', 2),
    thread('c', 3),
  ]);
});

test('a message and a conversation of one id are two', () => {
  expect(merged([change('x', { written: true }), thread('x', 1)])).toHaveLength(2);
});

test('what is given is not changed', () => {
  const entries = [change('1', { written: true }), change('1', { produced: true })];
  const before = structuredClone(entries);
  merged(entries);
  expect(entries).toEqual(before);
  expect(merged([])).toEqual([]);
});
