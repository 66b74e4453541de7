import { beforeEach, expect, test } from 'vitest';
import { Turns } from '../../src/platform/time-slice.ts';

/** Moves with the work alone. */
let now = 0;
let turns: Turns;
beforeEach(() => {
  turns = new Turns(() => now);
});

test('long work lets others go on between its steps, and short work is not held up', async () => {
  const order: string[] = [];
  await turns.next();
  setImmediate(() => order.push('other'));
  for (const step of ['a', 'b']) {
    await turns.next();
    order.push(step);
    now += 5;
  }
  for (const step of ['c', 'd']) {
    await turns.next();
    order.push(step);
  }
  expect(order).toEqual(['a', 'b', 'other', 'c', 'd']);
});

test('of many that wait each long step is the only one of its turn', async () => {
  let inTurn = 0;
  let most = 0;
  const step = async (): Promise<void> => {
    await turns.next();
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
