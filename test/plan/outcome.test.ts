import { describe, expect, test } from 'vitest';
import type { InstanceStatus } from '../../src/api/objects.ts';
import type { Action, Outcome } from '../../src/plan/action.ts';
import { applyOutcome } from '../../src/plan/exits.ts';
import { iso, minute, readyStatus, second, start, stopOf } from './worlds.ts';

const now = start + minute;
const succeeded: Outcome = { result: 'Succeeded' };
const failed = (more: Partial<Exclude<Outcome, { result: 'Succeeded' }>> = {}): Outcome => ({
  result: 'Retryable',
  reason: 'EngineBusy',
  message: 'The engine is busy.',
  ...more,
});

const base = { after: [], cause: 'BackOffEnded', message: 'Run 2 starts.', name: 'web-0', uid: 'uid-0' };
const starting: Action = {
  ...base,
  type: 'Start',
  id: 'Start/web-0',
  run: 2,
  revision: 'web-1',
  how: 'Create',
};
const removal: Action = { ...base, type: 'Remove', id: 'Remove/web-0/c1', ref: 'c1', volumes: false };
const stop = (type: 'Shutdown' | 'Kill'): Action => ({
  ...base,
  type,
  id: `${type}/web-0`,
  run: 2,
  ref: 'c1',
});
const signal: Action = {
  ...base,
  type: 'Signal',
  id: 'Signal/web-0',
  run: 2,
  ref: 'c1',
  signal: undefined,
  scope: 'Main',
};

type LastOutcome = NonNullable<InstanceStatus['lastOutcome']>;
const last = (more: Partial<LastOutcome> = {}): LastOutcome => ({
  action: 'Start',
  run: 1,
  at: iso(start),
  result: 'Retryable',
  reason: 'EngineBusy',
  message: 'The engine is busy.',
  count: 2,
  ...more,
});

describe('the end of an action', () => {
  test.each<[string, Action, InstanceStatus]>([
    ['follows nothing', starting, readyStatus()],
    ['follows a success', removal, readyStatus({ lastOutcome: last({ result: 'Succeeded' }) })],
  ])('that is a success and %s is not noted', (_what, action, status) => {
    expect(applyOutcome(status, action, succeeded, now)).toBe(status);
  });

  test('that is a success after a failure is noted, and takes the failure’s place', () => {
    const status = readyStatus({ lastOutcome: last({ fingerprint: 'f', retryAt: iso(now) }) });
    expect(applyOutcome(status, starting, succeeded, now)).toEqual({
      ...status,
      lastOutcome: { action: 'Start', run: 2, at: iso(now), result: 'Succeeded', count: 1 },
    });
  });

  test.each([stop('Shutdown'), signal, stop('Kill')])('of a step of a stop is always noted: %o', (action) => {
    const { lastOutcome } = applyOutcome(readyStatus(), action, succeeded, now);
    expect(lastOutcome).toEqual({ action: action.type, run: 2, at: iso(now), result: 'Succeeded', count: 1 });
    const again = applyOutcome(
      readyStatus({ lastOutcome: last({ ...lastOutcome }) }),
      action,
      succeeded,
      now,
    );
    expect(again.lastOutcome?.result).toBe('Succeeded');
  });

  test('that is a failure is noted with its reason and its message', () => {
    const status = readyStatus();
    expect(applyOutcome(status, starting, failed(), now)).toEqual({
      ...status,
      lastOutcome: {
        action: 'Start',
        run: 2,
        at: iso(now),
        result: 'Retryable',
        reason: 'EngineBusy',
        message: 'The engine is busy.',
        count: 1,
      },
    });
  });

  test('keeps the fingerprint of what was missing, and when to try again', () => {
    const outcome = failed({ result: 'NotStartable', fingerprint: 'f', retryAt: now + second });
    expect(applyOutcome({}, starting, outcome, now).lastOutcome).toMatchObject({
      fingerprint: 'f',
      retryAt: iso(now + second),
    });
  });

  test.each<[string, Partial<LastOutcome>, number]>([
    ['the same', {}, 3],
    ['the same, of a version that did not count', { count: undefined as never }, 2],
    ['another action', { action: 'Remove' }, 1],
    ['another result', { result: 'NotStartable' }, 1],
    ['another reason', { reason: 'DiskFull' }, 1],
  ])('counts how often in a row it was %s', (_what, before, count) => {
    const { count: was, ...rest } = last(before);
    const lastOutcome = was === undefined ? rest : { ...rest, count: was };
    expect(applyOutcome({ lastOutcome }, starting, failed(), now).lastOutcome?.count).toBe(count);
  });

  test('names the run: that of the action, or the newest', () => {
    expect(applyOutcome(readyStatus(), starting, failed(), now).lastOutcome?.run).toBe(2);
    expect(applyOutcome(readyStatus(), removal, failed(), now).lastOutcome?.run).toBe(1);
    expect(applyOutcome({}, removal, failed(), now).lastOutcome?.run).toBe(0);
  });

  test.each<[string, Action, number]>([
    ['a start: its claim', starting, now + second],
    ['a shutdown: the request to stop', stop('Shutdown'), now + 2 * second],
    ['a signal: the request to stop', signal, now + 2 * second],
    ['a kill: the request to stop', stop('Kill'), now + 2 * second],
    ['anything else: nothing', removal, now],
  ])('is never earlier than what it answers, though the clock went back; of %s', (_what, action, at) => {
    const status: InstanceStatus = {
      run: { number: 2, revision: 'web-1', claimedAt: iso(now + second) },
      stop: stopOf('Stay', { run: 2, requestedAt: iso(now + 2 * second) }),
    };
    expect(applyOutcome(status, action, failed(), now).lastOutcome?.at).toBe(iso(at));
    expect(applyOutcome(status, action, failed(), now + minute).lastOutcome?.at).toBe(iso(now + minute));
    expect(applyOutcome({}, action, failed(), now).lastOutcome?.at).toBe(iso(now));
  });
});

describe('a start that lacked something and is tried again', () => {
  const status: InstanceStatus = {
    phase: 'Pending',
    reason: 'ImagePull',
    message: 'No image.',
    run: { number: 2, revision: 'web-1', claimedAt: iso(start + second) },
    lastOutcome: last({ result: 'NotStartable', reason: 'ImagePull', run: 2 }),
  };

  test('is Starting once it has succeeded', () => {
    expect(applyOutcome(status, starting, succeeded, now)).toMatchObject({
      phase: 'Starting',
      reason: 'BackOffEnded',
      message: 'Run 2 starts.',
    });
  });

  test.each<[string, Action, Outcome, InstanceStatus]>([
    ['it fails again', starting, failed({ result: 'NotStartable', reason: 'ImagePull' }), status],
    ['another action succeeds', removal, succeeded, status],
    ['it is waited for', starting, succeeded, { ...status, reason: 'Queued' }],
  ])('stays as it is when %s', (_what, action, outcome, before) => {
    const { phase, reason, message } = before;
    expect(applyOutcome(before, action, outcome, now)).toMatchObject({ phase, reason, message });
  });
});
