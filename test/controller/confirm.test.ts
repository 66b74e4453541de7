import { expect, test } from 'vitest';
import type { Driver } from '../../src/drivers/driver.ts';
import { House } from './house.ts';

/** An engine whose word comes too late to count. */
const withoutHints = (driver: Driver): Driver => ({
  ...driver,
  watch: (_, signal) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })),
});

test('a run that has ended without a word of the engine is never called Ready', async () => {
  await using house = await House.open({ wrap: withoutHints });
  await house.agent('brief', { ends: 3, endsAfterMs: 5 });
  await house.within(5_000, () => house.phase('brief-0') === 'BackOff');
  expect(house.happened).not.toContain('Ready');
});

test('a run that goes on is called Ready after one more look', async () => {
  await using house = await House.open({ wrap: withoutHints });
  await house.agent('steady');
  expect(await house.ready('steady-0')).toBeLessThan(2_000);
});
