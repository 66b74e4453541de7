import { describe, expect, test } from 'vitest';
import type { InstanceStatus } from '../../src/api/objects.ts';
import type { Want } from '../../src/plan/action.ts';
import {
  admit,
  type Breaker,
  type Fleet,
  nextBreaker,
  occupancy,
  type RuntimeLoad,
} from '../../src/plan/admit.ts';
import { instanceOf, iso, minute, readyStatus, runtimeOf, second, start } from './worlds.ts';

const want = (uid: string, more: Partial<Want> = {}): Want => ({
  uid,
  instance: uid,
  namespace: 'default',
  runtime: 'docker',
  priority: 0,
  since: start,
  ...more,
});

const load = (spec: Parameters<typeof runtimeOf>[0] = {}, more: Partial<RuntimeLoad> = {}): RuntimeLoad => ({
  name: 'docker',
  spec: runtimeOf(spec).spec,
  held: 0,
  starting: 0,
  ...more,
});

function ask(wants: Want[], runtime: RuntimeLoad, grants: string[] = []) {
  const fleet: Fleet = { now: start, runtimes: [runtime], wants, grants: new Set(grants) };
  const { grants: given, places, wakeAt } = admit(fleet);
  const waiting = [...places].sort(([, one], [, other]) => one.position - other.position);
  return {
    given: [...given].sort(),
    waiting: waiting.map(([uid]) => uid),
    reasons: waiting.map(([, { reason }]) => reason),
    messages: waiting.map(([, { message }]) => message),
    wakeAt,
  };
}

describe('admission', () => {
  test('gives everybody a place where there is no limit', () => {
    expect(ask([want('a'), want('b')], load())).toMatchObject({ given: ['a', 'b'], waiting: [] });
  });

  test('gives no more places than maxConcurrent, with those that are held', () => {
    const { given, waiting } = ask(
      [want('a'), want('b'), want('c')],
      load({ maxConcurrent: 3 }, { held: 1 }),
    );
    expect(given).toEqual(['a', 'b']);
    expect(waiting).toEqual(['c']);
  });

  test('starts no more at once than maxStarting', () => {
    const { given } = ask(
      [want('a'), want('b'), want('c')],
      load({ maxStarting: 2 }, { held: 9, starting: 1 }),
    );
    expect(given).toEqual(['a']);
  });

  test('counts a grant that is not claimed yet as a start', () => {
    const wants = [want('a'), want('b'), want('c')];
    expect(ask(wants, load({ maxStarting: 1 }), ['b'])).toMatchObject({ given: ['b'], waiting: ['a', 'c'] });
    expect(ask(wants, load({ maxStarting: 2 }), ['b']).given).toEqual(['a', 'b']);
    expect(ask(wants, load({ maxStarting: 2 }, { starting: 1 }), ['b']).given).toEqual(['b']);
    expect(ask(wants, load({ maxConcurrent: 2 }), ['b']).given).toEqual(['a', 'b']);
  });

  test('lets the higher priority go first, then who waits longest, then the name', () => {
    const wants = [
      want('late', { since: start + 1 }),
      want('b'),
      want('a'),
      want('high', { priority: 5, since: start + 9 }),
      want('low', { priority: -1, since: start - minute }),
    ];
    const { given, waiting } = ask(wants, load({ maxConcurrent: 1 }));
    expect([...given, ...waiting]).toEqual(['high', 'a', 'b', 'late', 'low']);
  });

  test('keeps what was granted, whoever comes since; a grant that nobody wants is given back', () => {
    const wants = [want('high', { priority: 9 }), want('a')];
    expect(ask(wants, load({ maxConcurrent: 1 }), ['a', 'gone'])).toMatchObject({
      given: ['a'],
      waiting: ['high'],
    });
  });

  test('gives nothing while a Runtime has less room than is taken', () => {
    expect(ask([want('a')], load({ maxConcurrent: 1 }, { held: 4 })).given).toEqual([]);
  });

  test('tells those beyond queue.maxDepth that the queue is full', () => {
    const wants = [want('a'), want('b'), want('c')];
    const { reasons, messages } = ask(wants, load({ maxConcurrent: 1, queue: { maxDepth: 2 } }, { held: 1 }));
    expect(reasons).toEqual(['Queued', 'Queued', 'QueueFull']);
    expect(messages[0]).toBe('It is number 1 in the queue of Runtime docker (1 of 1 in use).');
  });

  test('lets nothing through an open breaker, and says when the next is tried', () => {
    const breaker: Breaker = { state: 'Open', failures: 5, openedAt: iso(start - minute) };
    const answer = ask([want('a')], load({}, { breaker }), ['a']);
    expect(answer).toMatchObject({ given: [], reasons: ['BreakerOpen'], wakeAt: start + minute });
    expect(answer.messages[0]).toContain('agentctl resume runtime docker');
  });

  test('lets one at a time try while the breaker is half open', () => {
    const half: Breaker = { state: 'HalfOpen', failures: 5, openedAt: iso(start - 3 * minute) };
    expect(ask([want('a'), want('b')], load({}, { breaker: half })).given).toEqual(['a']);
    expect(ask([want('a')], load({}, { breaker: half, held: 1, starting: 1 })).given).toEqual([]);
    const over: Breaker = { state: 'Open', failures: 5, openedAt: iso(start - 3 * minute) };
    expect(ask([want('a'), want('b')], load({}, { breaker: over })).given).toEqual(['a']);
  });

  test('never gives more than there is, in any order of asking', () => {
    for (let seed = 1; seed < 200; seed++) {
      const number = (most: number, salt: number) => (seed * 7919 * salt) % (most + 1);
      const wants = Array.from({ length: number(12, 3) }, (_, at) =>
        want(`u${at}`, { priority: number(2, at + 1), since: start + number(5, at + 7) }),
      );
      const grants = wants
        .filter((_, at) => number(3, at + 5) === 0)
        .map(({ uid }) => uid)
        .slice(0, 2);
      const maxConcurrent = number(8, 11) + 2;
      const held = number(maxConcurrent - 2, 13);
      const { given, waiting } = ask(wants, load({ maxConcurrent }, { held }), grants);
      expect(given.length + waiting.length).toBe(wants.length);
      expect(given.length + held).toBeLessThanOrEqual(maxConcurrent);
      expect(given).toEqual(expect.arrayContaining(grants));
      if (waiting.length > 0) expect(given.length + held).toBe(maxConcurrent);
    }
  });
});

describe('a place', () => {
  const claim = { number: 2, revision: 'web-1', claimedAt: iso(start) };
  const rows: [string, InstanceStatus, number][] = [
    ['an instance that never ran', {}, 0],
    ['one that runs', readyStatus(), 1],
    ['one that stops', readyStatus({ phase: 'Stopping' }), 1],
    ['one out of reach', readyStatus({ phase: 'Unknown' }), 1],
    ['one that is claimed and starts', { phase: 'Starting', run: claim }, 1],
    ['one that is claimed and waits for an image', { phase: 'Pending', run: claim }, 0],
    [
      'one that ended',
      readyStatus({ phase: 'BackOff', lastExit: { run: 1, finishedAt: iso(start), cause: 'Agent' } }),
      0,
    ],
    [
      'one whose earlier run ended',
      readyStatus({ lastExit: { run: 0, finishedAt: iso(start), cause: 'Agent' } }),
      1,
    ],
  ];
  test.each(rows)('of %s is counted right', (_what, status, held) => {
    expect(occupancy([instanceOf(status)]).get('docker')?.held ?? 0).toBe(held);
  });
});

describe('the circuit breaker', () => {
  const { spec } = runtimeOf({ circuitBreaker: { failureThreshold: 3, cooldown: '2m' } });
  const breakerAfter = (
    breaker: Breaker | undefined,
    events: Parameters<typeof nextBreaker>[1][],
    now = start,
  ): Breaker =>
    events.reduce<Breaker>(
      (one, event) => nextBreaker(one, event, spec, now),
      breaker ?? { state: 'Closed' },
    );

  test('opens after so many failed starts in a row', () => {
    expect(breakerAfter(undefined, ['Failed', 'Failed']).state).toBe('Closed');
    expect(breakerAfter(undefined, ['Failed', 'Failed', 'Succeeded', 'Failed', 'Failed']).state).toBe(
      'Closed',
    );
    expect(breakerAfter(undefined, ['Failed', 'Failed', 'Failed'])).toEqual({
      state: 'Open',
      failures: 3,
      openedAt: iso(start),
    });
  });

  test('does not count a failure of the Agent that failed last, but for the start that decides', () => {
    const again = breakerAfter(undefined, ['Failed', 'FailedAgain', 'FailedAgain', 'FailedAgain']);
    expect(again).toEqual({ state: 'Closed', failures: 1 });
    expect(breakerAfter({ state: 'HalfOpen', failures: 3 }, ['FailedAgain']).state).toBe('Open');
  });

  test('half opens after its cooldown; then one start decides', () => {
    const open = breakerAfter(undefined, ['Failed', 'Failed', 'Failed']);
    expect(breakerAfter(open, ['Time'], start + 119 * second).state).toBe('Open');
    const half = breakerAfter(open, ['Time'], start + 2 * minute);
    expect(half.state).toBe('HalfOpen');
    expect(breakerAfter(half, ['Failed'], start + 3 * minute)).toMatchObject({
      state: 'Open',
      openedAt: iso(start + 3 * minute),
    });
    expect(breakerAfter(half, ['Succeeded'])).toEqual({ state: 'Closed', failures: 0 });
  });

  test('stays open for its whole cooldown, though a start that began before succeeds late', () => {
    const open = breakerAfter(undefined, ['Failed', 'Failed', 'Failed']);
    const late = breakerAfter(open, ['Succeeded'], start + second);
    expect(late).toEqual(open);
    expect(breakerAfter(late, ['Time'], start + 119 * second).state).toBe('Open');
    expect(breakerAfter(late, ['Time'], start + 2 * minute).state).toBe('HalfOpen');
  });

  test('is closed by agentctl resume', () => {
    expect(breakerAfter(breakerAfter(undefined, ['Failed', 'Failed', 'Failed']), ['Resumed']).state).toBe(
      'Closed',
    );
  });

  test('half opens after its cooldown at the latest when the clock goes back', () => {
    const open = breakerAfter(undefined, ['Failed', 'Failed', 'Failed']);
    const earlier = start - 60 * minute;
    expect(breakerAfter(open, ['Time'], earlier).state).toBe('Open');
    expect(ask([want('a')], { ...load(), spec, breaker: open }).wakeAt).toBe(start + 2 * minute);
  });

  test('with a threshold of 0 never opens', () => {
    const never = runtimeOf({ circuitBreaker: { failureThreshold: 0 } }).spec;
    let breaker: Breaker = { state: 'Closed' };
    for (let failure = 0; failure < 20; failure++) breaker = nextBreaker(breaker, 'Failed', never, start);
    expect(breaker.state).toBe('Closed');
  });
});
