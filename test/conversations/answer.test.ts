import { expect, test } from 'vitest';
import { Answer, bounded, sizeOf, Tail } from '../../src/conversations/open-message.ts';
import type { TurnEvent } from '../../src/protocols/turn-events.ts';

const mebi = 1024 * 1024;

test('an answer is its pieces', () => {
  const answer = new Answer();
  answer.add('half ');
  answer.add('way');
  expect(String(answer)).toBe('half way');
  answer.clear();
  answer.add('anew');
  expect(String(answer)).toBe('anew');
});

test('of an answer that does not end its beginning is kept, and what is missing is told', () => {
  const answer = new Answer();
  for (let n = 0; n < 50; n += 1) answer.add('x'.repeat(mebi));
  expect(String(answer)).toBe(
    `${'x'.repeat(4 * mebi)}\n[agentctl: cut here; ${46 * mebi} more characters are in the message's events]`,
  );
});

test.each([
  ['many small events', 10_000, 1],
  ['few large ones', 50, mebi],
])('of %s the newest are at hand, in order and without gaps', (_, count, size) => {
  const tail = new Tail();
  for (let seq = 1; seq <= count; seq += 1)
    tail.add({ seq, at: 0, event: { type: 'text', text: 'x'.repeat(size) } });
  const seqs = tail.events.map(({ seq }) => seq);
  expect(seqs.at(-1)).toBe(count);
  expect(seqs).toEqual(seqs.map((_, n) => count - seqs.length + 1 + n));
  expect(seqs.length).toBeLessThanOrEqual(512);
  expect(seqs.length * size).toBeLessThanOrEqual(2 * mebi);
});

test('one event is at hand, however large', () => {
  const tail = new Tail();
  tail.add({ seq: 1, at: 0, event: { type: 'tool', id: 't', output: 'x'.repeat(3 * mebi) } });
  expect(tail.events).toHaveLength(1);
});

test('whoever reads while events come reads on', () => {
  const tail = new Tail();
  tail.add({ seq: 1, at: 0, event: { type: 'plan', entries: [] } });
  const read = tail.events;
  tail.add({ seq: 2, at: 0, event: { type: 'other', event: undefined } });
  expect(read).toHaveLength(2);
});

test.each<[number, TurnEvent]>([
  [5, { type: 'text', text: 'hello' }],
  [5, { type: 'thought', text: 'hello' }],
  [5, { type: 'note', text: 'hello' }],
  [1, { type: 'tool', id: 't' }],
  [1 + 4 + 6, { type: 'tool', id: 't', title: 'look', output: 'a file', kind: 'read' }],
  [7, { type: 'background', source: 's', event: { a: 1 } }],
  [7, { type: 'other', event: { a: 1 } }],
  [0, { type: 'other', event: undefined }],
  [
    4 + 7 + 4 + 4,
    {
      type: 'plan',
      entries: [
        { content: 'look', status: 'pending' },
        { content: 'tell', status: 'done' },
      ],
    },
  ],
  [4, { type: 'approval', id: 'p', title: 'look', state: 'Pending' }],
])('%i characters, and a row, are the size of %j', (characters, event) => {
  expect(sizeOf(event)).toBe(100 + characters);
});

test('an answer that comes whole is cut where it is too long, and says how long it was', () => {
  expect(bounded(undefined)).toBeUndefined();
  expect(bounded('x'.repeat(4 * mebi))).toBe('x'.repeat(4 * mebi));
  expect(bounded('x'.repeat(4 * mebi + 1))).toBe(
    `${'x'.repeat(4 * mebi)}\n[agentctl: cut here; the answer has ${4 * mebi + 1} characters]`,
  );
});
