import { describe, expect, test } from 'vitest';
import { Answer, bounded, sizeOf, Tail } from '../../src/conversations/open-message.ts';
import type { TurnEvent } from '../../src/protocols/turn-events.ts';

describe('the size of an event in the journal', () => {
  test.each<[TurnEvent, number]>([
    [{ type: 'text', text: '12345' }, 105],
    [{ type: 'thought', text: '1234' }, 104],
    [{ type: 'note', text: '123' }, 103],
    [{ type: 'tool', id: 't1', status: 'in_progress' }, 102],
    [{ type: 'tool', id: 't1', status: 'completed', title: '123', output: '1234' }, 109],
    [{ type: 'background', source: 'task', event: { a: 1 } }, 107],
    [{ type: 'other', event: { a: 12 } }, 108],
    [{ type: 'other', event: undefined }, 100],
    [
      {
        type: 'plan',
        entries: [
          { content: '12', status: 'pending' },
          { content: '3', status: 'completed' },
        ],
      },
      119,
    ],
    [{ type: 'plan', entries: [] }, 100],
    [{ type: 'approval', id: 'p-1', title: '12345678', state: 'Pending' }, 108],
  ])('of %o is %i', (event, size) => expect(sizeOf(event)).toBe(size));
});

describe('the newest events of a message', () => {
  const tailOf = (...lengths: number[]): Tail => {
    const tail = new Tail();
    for (const [index, length] of lengths.entries())
      tail.add({ seq: index + 1, at: 0, event: { type: 'text', text: 'x'.repeat(length) } });
    return tail;
  };
  const seqs = (tail: Tail): number[] => tail.events.map(({ seq }) => seq);

  test('are at most 512: with one more, the older half goes', () => {
    expect(seqs(tailOf(...Array.from({ length: 512 }, () => 1)))).toHaveLength(512);
    const cut = seqs(tailOf(...Array.from({ length: 513 }, () => 1)));
    expect([cut[0], cut.at(-1), cut.length]).toEqual([258, 513, 256]);
  });

  test('have at most 2 MiB: with more, the older half goes, but never the last', () => {
    const mebi = 1024 * 1024;
    expect(seqs(tailOf(mebi - 100, mebi - 100))).toEqual([1, 2]);
    expect(seqs(tailOf(mebi - 100, mebi - 99))).toEqual([2]);
    expect(seqs(tailOf(1, 3 * mebi))).toEqual([2]);
    expect(seqs(tailOf(3 * mebi))).toEqual([1]);
    expect(seqs(tailOf(3 * mebi, 1, 1))).toEqual([2, 3]);
  });
});

describe('an answer of more than four million characters', () => {
  const most = 4 * 1024 * 1024;

  test('is cut, and says how long it is', () => {
    expect(bounded(undefined)).toBeUndefined();
    const fits = 'x'.repeat(most);
    expect(bounded(fits)).toBe(fits);
    expect(bounded(`${fits}y`)).toBe(`${fits}\n[agentctl: cut here; the answer has ${most + 1} characters]`);
  });

  test('that arrives in parts is cut, and says how much more there is', () => {
    const answer = new Answer();
    answer.add('x'.repeat(most - 1));
    expect(answer.full).toBe(false);
    answer.add('y');
    expect(answer.full).toBe(true);
    expect(answer.toString()).toBe(`${'x'.repeat(most - 1)}y`);
    answer.add('zz');
    expect(answer.toString()).toBe(
      `${'x'.repeat(most - 1)}y\n[agentctl: cut here; 2 more characters are in the message's events]`,
    );
    answer.clear();
    answer.add('again');
    expect([answer.full, answer.toString()]).toEqual([false, 'again']);
  });
});
