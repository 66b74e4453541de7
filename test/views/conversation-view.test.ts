import { expect, test } from 'vitest';
import { conversationView } from '../../src/views/conversation-view.ts';
import { conversationOf, messageOf } from './objects.ts';

test('a conversation has each message with its answer, how long it took and whether it has ended', () => {
  const messages = [
    messageOf('m-1', {
      state: 'Completed',
      deliveredAt: '2026-01-31T12:00:01Z',
      endedAt: '2026-01-31T12:00:13Z',
      answer: 'yes',
    }),
    messageOf('m-2', { state: 'Failed', endedAt: '2026-01-31T12:00:14Z', reason: 'Cancelled' }),
    messageOf('m-3'),
  ];
  const view = conversationView(conversationOf('c-1', { state: 'Open', instance: 'web-0' }), messages);
  expect(view).toMatchObject({ agent: 'web', status: { instance: 'web-0' } });
  const told = view.dialogue.map(({ metadata, status, isEnded, took }) => [
    metadata.name,
    status.state,
    isEnded,
    took,
  ]);
  expect(told).toEqual([
    ['m-1', 'Completed', true, 12_000],
    ['m-2', 'Failed', true, undefined],
    ['m-3', 'Pending', false, undefined],
  ]);
});
