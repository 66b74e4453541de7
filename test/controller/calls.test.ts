import { expect, test } from 'vitest';
import { Calls } from '../../src/controller/mcp-http.ts';
import { ManualClock } from '../fakes/clock.ts';

const rest = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

test('an instance has so many calls in work, and another as many', async () => {
  const calls = new Calls(new ManualClock('2026-03-02T10:00:00Z'), { atOnce: 2, rate: 1, burst: 100 });
  const never = (): Promise<never> => new Promise(() => {});
  void calls.run('a', never);
  void calls.run('a', never);
  await expect(calls.run('a', never)).rejects.toMatchObject({ code: 'TooManyRequests' });
  expect(await calls.run('b', async () => 'done')).toBe('done');
});

test('what is asked for too fast is done later', async () => {
  const clock = new ManualClock('2026-03-02T10:00:00Z');
  const calls = new Calls(clock, { atOnce: 10, rate: 1, burst: 2 });
  let done = 0;
  for (let n = 0; n < 4; n += 1)
    void calls.run('a', async () => {
      done += 1;
    });
  await rest();
  expect(done).toBe(2);
  clock.advance(1_000);
  await rest();
  expect(done).toBe(3);
  clock.advance(1_000);
  await rest();
  expect(done).toBe(4);
});
