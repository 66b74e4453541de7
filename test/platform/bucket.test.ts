import { expect, test } from 'vitest';
import { Bucket } from '../../src/platform/clock.ts';
import { ManualClock } from '../fakes/clock.ts';

test('a bucket gives its burst at once, then as much as comes back', () => {
  const clock = new ManualClock('2026-03-02T10:00:00Z');
  const bucket = new Bucket(clock, { rate: 2, burst: 3 });
  expect([1, 2, 3, 4].map(() => bucket.take())).toEqual([true, true, true, false]);
  clock.advance(500);
  expect([bucket.take(), bucket.take()]).toEqual([true, false]);
  clock.advance(3_600_000);
  expect([1, 2, 3, 4].map(() => bucket.take())).toEqual([true, true, true, false]);
});

test('what is charged beyond it is a debt that time pays off', () => {
  const clock = new ManualClock('2026-03-02T10:00:00Z');
  const bucket = new Bucket(clock, { rate: 10, burst: 10 });
  bucket.charge(30);
  expect(bucket.debt).toBe(2_000);
  clock.advance(1_500);
  expect(bucket.debt).toBe(500);
  clock.advance(500);
  expect(bucket.debt).toBe(0);
});

test('a wall clock that is set back, or far ahead, gives no more than the burst', () => {
  const clock = new ManualClock('2026-03-02T10:00:00Z');
  const bucket = new Bucket(clock, { rate: 1, burst: 1 });
  bucket.charge(1);
  clock.jump(-3_600_000);
  expect(bucket.take()).toBe(false);
  clock.jump(7_200_000);
  expect([bucket.take(), bucket.take()]).toEqual([true, false]);
});
