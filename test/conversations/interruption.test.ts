import { expect, test } from 'vitest';
import { afterInterruption } from '../../src/conversations/turn-ends.ts';

const turn = { id: 'm', attempts: 1, produced: true, interrupted: undefined };
const rules = { maxAttempts: 3, onInterrupted: 'Resume' as const };
const by = { why: 'it crashed', stopping: false };

test.each([
  ['Resume', { attempts: 1, interrupted: 'it crashed' }],
  ['Retry', { attempts: 1, interrupted: undefined }],
  ['Fail', { state: 'Failed', reason: 'Interrupted', error: 'The turn was interrupted: it crashed.' }],
] as const)('after an effect, %s says what follows', (onInterrupted, next) => {
  expect(afterInterruption(turn, { ...rules, onInterrupted }, by)).toEqual(next);
});

test.each(['Resume', 'Retry', 'Fail'] as const)(
  'without an effect it is sent again, even with %s',
  (onInterrupted) => {
    const quiet = { ...turn, produced: false };
    expect(afterInterruption(quiet, { ...rules, onInterrupted }, by)).toEqual({
      attempts: 1,
      interrupted: undefined,
    });
  },
);

test('what an attempt before it has done is told again', () => {
  const second = { ...turn, produced: false, interrupted: 'the first crash' };
  expect(afterInterruption(second, rules, by)).toEqual({ attempts: 1, interrupted: 'the first crash' });
});

test.each([
  { attempts: 2, stopping: false, failed: false },
  { attempts: 3, stopping: false, failed: true },
  { attempts: 3, stopping: true, failed: false },
  { attempts: 4, stopping: true, failed: true },
])(
  'after $attempts attempts, stopped by us: $stopping, it is given up: $failed',
  ({ attempts, stopping, failed }) => {
    const next = afterInterruption({ ...turn, attempts }, rules, { ...by, stopping });
    expect('state' in next && next.reason === 'MaxAttempts').toBe(failed);
  },
);

test('a stop of ours counts as no attempt, and never below none', () => {
  const stopped = { ...by, stopping: true };
  expect(afterInterruption({ ...turn, attempts: 2 }, rules, stopped)).toMatchObject({ attempts: 1 });
  expect(afterInterruption({ ...turn, attempts: 0 }, rules, stopped)).toMatchObject({ attempts: 0 });
});

test('who is given up is told how to send it again', () => {
  expect(afterInterruption({ ...turn, attempts: 3 }, rules, by)).toMatchObject({
    error: expect.stringContaining('agentctl messages retry m'),
  });
});
