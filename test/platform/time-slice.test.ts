import { beforeEach, expect, test } from 'vitest';
import { TimeSlice } from '../../src/platform/clock.ts';

/** Moves with the work alone. */
let now = 0;
let slice: TimeSlice;
beforeEach(() => {
  slice = new TimeSlice(() => now);
});

test('long work lets others go on between its steps, and short work is not held up', async () => {
  const order: string[] = [];
  await slice.next();
  setImmediate(() => order.push('other'));
  for (const step of ['a', 'b']) {
    await slice.next();
    order.push(step);
    now += 5;
  }
  for (const step of ['c', 'd']) {
    await slice.next();
    order.push(step);
  }
  expect(order).toEqual(['a', 'b', 'other', 'c', 'd']);
});

test('of many that wait each long step is the only one of its turn', async () => {
  let inTurn = 0;
  let most = 0;
  const step = async (): Promise<void> => {
    await slice.next();
    now += 12;
    inTurn += 1;
    most = Math.max(most, inTurn);
    setImmediate(() => {
      inTurn -= 1;
    });
  };
  await Promise.all(Array.from({ length: 8 }, step));
  expect(most).toBe(1);
});
