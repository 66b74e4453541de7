import { expect, test } from 'vitest';
import { withTimeout } from '../../src/cli/timeout.ts';
import { ManualClock } from '../fakes/clock.ts';

test('an answer in time is passed on, a late one fails, and a stream is not bounded', async () => {
  const clock = new ManualClock('2026-01-31T12:00:00Z');
  const parts = {
    soon: async () => 1,
    never: () => new Promise<number>(() => undefined),
    async *stream() {
      yield 2;
    },
    inner: { soon: async () => 3 },
  };
  const timed = withTimeout(parts, 5000, clock);
  expect([await timed.soon(), await timed.inner.soon()]).toEqual([1, 3]);
  const late = timed.never();
  clock.advance(5000);
  await expect(late).rejects.toThrow('the controller did not answer within 5s');
  for await (const value of timed.stream()) expect(value).toBe(2);
});
