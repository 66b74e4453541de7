import { describe, expect, test } from 'vitest';
import type { InstanceStatus } from '../../src/api/objects.ts';
import type { ActionType, Outcome, Want } from '../../src/plan/action.ts';
import {
  admit,
  type Breaker,
  breakerEvent,
  closed,
  halfOpensAt,
  nextBreaker,
  occupancy,
  type RuntimeLoad,
} from '../../src/plan/admit.ts';
import { holdsPlace, retries } from '../../src/plan/draft.ts';
import { delay } from '../../src/plan/restart.ts';
import { settingsOf } from '../../src/plan/settings.ts';
import { instanceOf, iso, minute, policyOf, readyStatus, runtimeOf, second, start } from './worlds.ts';

const want = (uid: string, more: Partial<Want> = {}): Want => ({
  uid,
  instance: uid,
  namespace: 'default',
  runtime: 'docker',
  priority: 0,
  since: start,
  ...more,
});
type Spec = Parameters<typeof runtimeOf>[0];
const load = (spec: Spec = {}, more: Partial<RuntimeLoad> = {}): RuntimeLoad => ({
  name: 'docker',
  spec: runtimeOf(spec).spec,
  held: 0,
  starting: 0,
  ...more,
});
const open = (since: number): Breaker => ({ state: 'Open', failures: 5, openedAt: iso(since) });
const ask = (runtimes: RuntimeLoad[], wants: Want[], grants: string[] = []) => {
  const { grants: given, ...answer } = admit({ now: start, runtimes, wants, grants: new Set(grants) });
  return { ...answer, given: [...given].sort() };
};

describe('who waits for a place', () => {
  test('goes by namespace, then by name, then by uid, where all else is the same', () => {
    const wants = [
      want('4', { namespace: 'b', instance: 'a' }),
      want('3', { namespace: 'a', instance: 'b' }),
      want('2', { namespace: 'a', instance: 'a' }),
      want('1', { namespace: 'a', instance: 'a' }),
    ];
    for (const order of [wants, wants.toReversed()]) {
      const { given, places } = ask([load({ maxConcurrent: 1 })], order);
      expect(given).toEqual(['1']);
      expect(['2', '3', '4'].map((uid) => places.get(uid)?.position)).toEqual([1, 2, 3]);
    }
  });

  test('is told where it stands, since when and why', () => {
    const since = start - minute;
    const place = (spec: Spec, more: Partial<RuntimeLoad> = {}) =>
      ask([load(spec, more)], [want('a', { since })]).places.get('a');
    expect(place({ maxConcurrent: 2 }, { held: 2 })).toEqual({
      position: 1,
      since,
      reason: 'Queued',
      message: 'It is number 1 in the queue of Runtime docker (2 of 2 in use).',
    });
    expect(place({ maxStarting: 1 }, { held: 2, starting: 1 })).toMatchObject({
      message: 'It is number 1 in the queue of Runtime docker.',
    });
    expect(place({ maxConcurrent: 1, queue: { maxDepth: 0 } }, { held: 1 })).toEqual({
      position: 1,
      since,
      reason: 'QueueFull',
      message:
        'Runtime docker is full (1 of 1 in use), and so is its queue of 0. Stop other agents, or raise spec.maxConcurrent.',
    });
    expect(place({ maxConcurrent: 1, queue: { maxDepth: 1 } }, { held: 1 })?.reason).toBe('Queued');
    expect(place({}, { breaker: open(start - minute) })).toEqual({
      position: 1,
      since,
      reason: 'BreakerOpen',
      message:
        'Starts on Runtime docker kept failing. The next start is at 2026-03-02 12:01:00 UTC. To start now, run agentctl resume runtime docker.',
    });
  });

  test('waits for its own Runtime', () => {
    const runtimes = [
      load({ maxConcurrent: 1 }, { held: 1 }),
      load({}, { name: 'podman' }),
      load({}, { name: 'idle', breaker: open(start) }),
    ];
    const wants = [want('a'), want('b', { runtime: 'podman' }), want('c', { runtime: 'gone' })];
    const { given, places, wakeAt } = ask(runtimes, wants, ['c']);
    expect(given).toEqual(['b']);
    expect([...places.keys()]).toEqual(['a']);
    expect(wakeAt).toBeUndefined();
  });

  test('is looked at again when the first of the breakers lets a start through', () => {
    const runtimes = [
      load({}, { breaker: open(start - second) }),
      load({}, { name: 'podman', breaker: open(start - minute) }),
      load({}, { name: 'other', breaker: open(start) }),
    ];
    const wants = ['docker', 'podman', 'other'].map((runtime) => want(runtime, { runtime }));
    expect(ask(runtimes, wants).wakeAt).toBe(start + minute);
    expect(ask(runtimes, []).wakeAt).toBeUndefined();
  });
});

describe('a breaker', () => {
  test('that is open takes a grant back, and lets one start through at the end of its cooldown', () => {
    const at = (since: number) => ask([load({}, { breaker: open(since) })], [want('a'), want('b')], ['a']);
    expect(at(start - 2 * minute + 1)).toMatchObject({ given: [], wakeAt: start + 1 });
    expect(at(start - 2 * minute).given).toEqual(['a']);
    expect(at(start - 2 * minute).wakeAt).toBeUndefined();
  });

  test('that is half open keeps the one grant that it has given', () => {
    const breaker: Breaker = { state: 'HalfOpen', failures: 5 };
    const runtimes = [load({ maxStarting: 9 }, { breaker })];
    expect(ask(runtimes, [want('a'), want('b')], ['b']).given).toEqual(['b']);
    expect(ask(runtimes, [want('a'), want('b')]).places.get('b')?.reason).toBe('Queued');
  });

  const { spec } = runtimeOf({ circuitBreaker: { failureThreshold: 2, cooldown: '1m' } });
  const half: Breaker = { state: 'HalfOpen', failures: 2, openedAt: iso(start) };
  test.each<[Breaker | undefined, Parameters<typeof nextBreaker>[1], Breaker]>([
    [undefined, 'Succeeded', closed],
    [undefined, 'Time', closed],
    [undefined, 'Failed', { state: 'Closed', failures: 1 }],
    [{ state: 'Closed' }, 'Failed', { state: 'Closed', failures: 1 }],
    [{ state: 'Closed', failures: 1 }, 'Failed', { state: 'Open', failures: 2, openedAt: iso(start) }],
    [{ state: 'Closed', failures: 1 }, 'FailedAgain', { state: 'Closed', failures: 1 }],
    [{ state: 'Closed', failures: 1 }, 'Succeeded', closed],
    [open(start), 'FailedAgain', open(start)],
    [open(start), 'Succeeded', open(start)],
    [open(start - second), 'Failed', { ...open(start - second), failures: 6 }],
    [open(start - minute + 1), 'Time', open(start - minute + 1)],
    [open(start - minute), 'Time', { ...open(start - minute), state: 'HalfOpen' }],
    [half, 'Failed', { state: 'Open', failures: 3, openedAt: iso(start) }],
    [half, 'FailedAgain', { state: 'Open', failures: 3, openedAt: iso(start) }],
    [half, 'Succeeded', closed],
    [{ state: 'HalfOpen' }, 'Succeeded', closed],
    [half, 'Resumed', closed],
    [half, 'Time', half],
  ])('%o after %s is %o', (breaker, event, next) => {
    expect(nextBreaker(breaker, event, spec, start)).toEqual(next);
  });

  test('stays the same object where nothing changes', () => {
    const same: [Breaker, Parameters<typeof nextBreaker>[1]][] = [
      [{ state: 'Closed', failures: 0 }, 'Succeeded'],
      [{ state: 'Closed' }, 'Succeeded'],
      [open(start), 'Succeeded'],
      [open(start), 'Time'],
      [half, 'Time'],
    ];
    for (const [breaker, event] of same) expect(nextBreaker(breaker, event, spec, start)).toBe(breaker);
  });

  test('that is open without a time opens for its cooldown from now, and for two minutes without one', () => {
    expect(halfOpensAt({ state: 'Open' }, spec, start)).toBe(start + minute);
    const odd = runtimeOf({ circuitBreaker: { cooldown: 'long' } }).spec;
    expect(halfOpensAt(open(start), odd, start)).toBe(start + 2 * minute);
    expect(halfOpensAt(half, spec, start)).toBeUndefined();
    expect(halfOpensAt(closed, spec, start)).toBeUndefined();
  });

  const failed = (result: 'Retryable' | 'Terminal' | 'NotStartable'): Outcome => ({
    result,
    reason: 'R',
    message: 'm',
  });
  test.each<[ActionType, Outcome, string | undefined]>([
    ['Start', { result: 'Succeeded' }, 'Succeeded'],
    ['Start', failed('Retryable'), 'Failed'],
    ['Start', failed('Terminal'), undefined],
    ['Start', failed('NotStartable'), undefined],
    ['Kill', { result: 'Succeeded' }, undefined],
    ['Remove', failed('Retryable'), undefined],
  ])('hears of a %s that ended as %o: %s', (action, outcome, event) => {
    expect(breakerEvent(action, outcome)).toBe(event);
  });
});

describe('the places of a Runtime', () => {
  const claim = { number: 2, revision: 'web-1', claimedAt: iso(start) };
  const missing = {
    action: 'Start',
    run: 2,
    at: iso(start - 1),
    result: 'NotStartable' as const,
    reason: 'ImagePull',
  };
  const again: InstanceStatus = { phase: 'Pending', reason: 'ImagePull', run: claim, lastOutcome: missing };

  test.each<[string, InstanceStatus, boolean]>([
    ['it is tried again', again, true],
    [
      'it was claimed at the time of its failure',
      { ...again, lastOutcome: { ...missing, at: iso(start) } },
      false,
    ],
    ['it has failed since', { ...again, lastOutcome: { ...missing, at: iso(start + 1) } }, false],
    ['it is of another phase', { ...again, phase: 'Starting' }, false],
    ['it waits for something else', { ...again, reason: 'Queued' }, false],
    ['nothing has failed', { phase: 'Pending', reason: 'ImagePull', run: claim }, false],
    ['it failed otherwise', { ...again, lastOutcome: { ...missing, result: 'Retryable' } }, false],
    ['another action failed', { ...again, lastOutcome: { ...missing, action: 'Remove' } }, false],
    ['another run failed', { ...again, lastOutcome: { ...missing, run: 1 } }, false],
    ['it is up', { ...again, run: { ...claim, startedAt: 's' } }, false],
    ['it never ran', { phase: 'Pending', reason: 'ImagePull', lastOutcome: missing }, false],
  ])('a start that lacked something is under way where %s: %o, %s', (_what, status, expected) => {
    expect(retries(status)).toBe(expected);
  });

  test('are held by what is up or about to come up', () => {
    expect(holdsPlace(again)).toBe(true);
    expect(holdsPlace({ ...again, reason: 'Queued' })).toBe(false);
    expect(holdsPlace({ phase: 'Starting' })).toBe(false);
    for (const phase of ['Starting', 'Unknown', 'Stopping'] as const)
      expect(holdsPlace({ phase, run: claim })).toBe(true);
    for (const phase of ['Pending', 'BackOff', 'Asleep', 'Stopped'] as const)
      expect(holdsPlace({ phase, run: claim })).toBe(false);
  });

  test('are counted by Runtime, and those that start apart', () => {
    const loads = occupancy([
      instanceOf(readyStatus()),
      instanceOf({ phase: 'Starting', run: claim }),
      instanceOf(again),
      instanceOf({}),
      { ...instanceOf(), status: undefined as never },
      instanceOf(readyStatus({ phase: 'Starting' }), 0, 'podman'),
    ]);
    expect(Object.fromEntries(loads)).toEqual({
      docker: { held: 3, starting: 2 },
      podman: { held: 1, starting: 1 },
    });
  });
});

describe('the wait after a failure', () => {
  const waits = (schedule: string[], jitter: number) => (failures: number) =>
    delay(settingsOf(policyOf({ backoff: { schedule, jitter } })), 'uid', failures);

  test.each([
    [0, 1000],
    [1, 1000],
    [2, 5000],
    [3, 20_000],
    [9, 20_000],
  ])('of number %i in a row is %i ms without jitter', (failures, wait) => {
    expect(waits(['1s', '5s', '20s'], 0)(failures)).toBe(wait);
  });

  test('is longer by its jitter at most, otherwise each time and for each instance, in whole milliseconds', () => {
    const wait = waits(['10s'], 0.5);
    const all = [1, 2, 3, 4].map(wait);
    for (const one of all) {
      expect(one).toBeGreaterThan(10_000);
      expect(one).toBeLessThan(15_000);
      expect(Number.isInteger(one)).toBe(true);
    }
    expect(new Set(all).size).toBe(4);
    const settings = settingsOf(policyOf({ backoff: { schedule: ['10s'], jitter: 0.5 } }));
    expect(delay(settings, 'other', 1)).not.toBe(wait(1));
  });
});
