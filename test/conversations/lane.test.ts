import { expect, test } from 'vitest';
import { Lane } from '../../src/conversations/mailbox.ts';
import type { Open } from '../../src/conversations/open-message.ts';

const open = (order: number): Open => ({ order }) as Open; // a lane looks at nothing else

test('they come out in the order of their acceptance, however they were added', () => {
  const lane = new Lane();
  const all = [3, 1, 2].map(open);
  for (const one of all) lane.add(one);
  const out: (number | undefined)[] = [];
  for (let head = lane.peek(); head !== undefined; head = lane.peek()) {
    out.push(head.order);
    expect(lane.remove(head)).toBe(true);
  }
  expect(out).toEqual([1, 2, 3]);
});

test('one is removed from the middle, and only one that is there', () => {
  const lane = new Lane();
  const [first, second, third] = [open(1), open(2), open(3)];
  for (const one of [first, second, third]) lane.add(one);
  expect([lane.remove(second), lane.remove(second), lane.remove(open(1))]).toEqual([true, false, false]);
  expect(lane.size).toBe(2);
  lane.remove(first);
  lane.add(first);
  expect(lane.peek()).toBe(first);
});

test('after thousands it still knows its first and how many there are', () => {
  const lane = new Lane();
  const all = Array.from({ length: 5_000 }, (_, order) => open(order));
  for (const one of all) lane.add(one);
  for (const one of all.slice(0, 4_000)) lane.remove(one);
  expect([lane.size, lane.peek()]).toEqual([1_000, all[4_000]]);
  const early = open(10);
  lane.add(early);
  expect([lane.size, lane.peek()]).toEqual([1_001, early]);
});
