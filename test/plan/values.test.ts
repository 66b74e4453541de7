/** The small parts that all decisions are made of. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { command, sentence } from '../../src/api/text.ts';
import { codeText, exitText, fraction, type LastExit, signalOf } from '../../src/plan/restart.ts';
import { defaultSettings, settingsOf, timingOf } from '../../src/plan/settings.ts';
import { same } from '../../src/plan/status.ts';
import { instant, shortTime, span, timeText } from '../../src/plan/times.ts';
import { agentOf, iso, policyOf, second, specOf, start } from './worlds.ts';

describe('how a run ended, in words', () => {
  const exit = (more: Partial<LastExit>): LastExit => ({
    run: 3,
    finishedAt: iso(start),
    cause: 'Agent',
    ...more,
  });
  test.each<[Partial<LastExit>, string]>([
    [{ code: 1 }, 'Run 3 ended with code 1.'],
    [{ code: 1, message: '' }, 'Run 3 ended with code 1.'],
    [{ code: 1, message: 'no such file' }, 'Run 3 ended with code 1: no such file'],
    [{ code: 137, signal: 'SIGKILL' }, 'Run 3 ended with code 137 (SIGKILL).'],
    [
      { code: 137, signal: 'SIGKILL', oomKilled: true },
      'Run 3 ended with code 137 (SIGKILL), out of memory.',
    ],
    [{ oomKilled: true }, 'Run 3 ended, out of memory.'],
    [{}, 'Run 3 ended.'],
    [{ cause: 'Stop', code: 143, signal: 'SIGTERM' }, 'Run 3 was stopped with code 143 (SIGTERM).'],
    [{ cause: 'Stop', message: 'ignored' }, 'Run 3 was stopped.'],
    [
      { cause: 'Runtime', code: 0 },
      'Run 3 ended with code 0 because its Runtime stopped. This does not count as a failure.',
    ],
    [{ cause: 'Lost', message: 'Its folder is gone.' }, 'Run 3 was lost. Its folder is gone.'],
    [{ cause: 'Lost' }, 'Run 3 was lost.'],
    [{ cause: 'StartFailed', message: 'no image' }, 'Run 3 could not be started: no image'],
    [{ cause: 'StartFailed' }, 'Run 3 could not be started'],
  ])('%o: %s', (more, text) => {
    expect(exitText(exit(more))).toBe(text);
  });

  test.each<[number | undefined, string | undefined]>([
    [undefined, undefined],
    [0, undefined],
    [1, undefined],
    [128, undefined],
    [129, 'SIGHUP'],
    [130, 'SIGINT'],
    [137, 'SIGKILL'],
    [139, 'SIGSEGV'],
    [143, 'SIGTERM'],
    [159, 'SIGSYS'],
    [160, undefined],
  ])('code %s is by the signal %s', (code, signal) => {
    expect(signalOf(code)).toBe(signal);
  });

  test('a code alone has neither signal nor memory', () => {
    expect(codeText(7, undefined, undefined)).toBe(' with code 7');
    expect(codeText(undefined, 'SIGKILL', false)).toBe('');
  });
});

describe('an instant', () => {
  test('is read from a stored time, and is none where that is none', () => {
    expect(instant('2026-03-02T12:00:00.000Z')).toBe(start);
    expect(instant('2026-03-02T12:00:00.000Z'), 'again').toBe(start);
    expect(instant(undefined)).toBeUndefined();
    expect(instant('soon')).toBeUndefined();
    expect(instant('soon'), 'again').toBeUndefined();
  });

  test('is written with milliseconds, whatever it is', () => {
    expect(timeText(start + 1)).toBe('2026-03-02T12:00:00.001Z');
    expect(timeText(start + 1.4)).toBe('2026-03-02T12:00:00.001Z');
    expect(timeText(start + 1.6)).toBe('2026-03-02T12:00:00.002Z');
    expect(timeText(Number.NaN)).toBe('1970-01-01T00:00:00.000Z');
    expect(timeText(1e18)).toBe('+275760-09-13T00:00:00.000Z');
    expect(timeText(-1e18)).toBe('-271821-04-20T00:00:00.000Z');
    expect(instant(timeText(1e18))).toBe(8.64e15);
  });

  test('is shown in whole seconds', () => {
    expect(shortTime(start + 12_345)).toBe('2026-03-02 12:00:12 UTC');
  });

  test('is remembered for twenty thousand texts, and right for more', () => {
    for (let n = 0; n < 20_010; n += 1) expect(instant(timeText(start + n))).toBe(start + n);
    expect(instant(timeText(start))).toBe(start);
  });
});

describe('a sentence', () => {
  test.each([
    ['It ends', 'It ends.'],
    ['It ends.', 'It ends.'],
    ['It ends!', 'It ends!'],
    ['Does it?', 'Does it?'],
    ['Version 1.2', 'Version 1.2.'],
    ['', '.'],
  ])('of %j is %j', (text, expected) => {
    expect(sentence(text)).toBe(expected);
  });
});

test('a span is its milliseconds, or what it is where it is none', () => {
  expect(span('1m30s', 7)).toBe(90_000);
  expect(span('0s', 7)).toBe(0);
  expect(span(undefined, 7)).toBe(7);
  expect(span('long', 7)).toBe(7);
});

describe('the fraction of a text', () => {
  test('is from 0 to 1, spread, and the same for ever: restarts must not move with a version', () => {
    const all = Array.from({ length: 1000 }, (_, n) => fraction(`uid-${n}/schedule`));
    expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...all)).toBeLessThan(1);
    for (let tenth = 0; tenth < 10; tenth += 1)
      expect(all.filter((one) => Math.floor(one * 10) === tenth).length).toBeGreaterThan(60);
    expect(fraction('')).toBeCloseTo(0.6689221884589642, 12);
    expect(fraction('a')).toBeCloseTo(0.10352621669881046, 12);
    expect(fraction('uid-0/schedule')).toBeCloseTo(0.7330224672332406, 12);
  });
});

describe('two values are the same', () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(null, true, false, 0, 1, '', 'a'),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('any'), { maxKeys: 3 }),
    ),
  })).any;

  test('where their JSON is, in whatever order of keys', () => {
    const sorted = (one: unknown): unknown =>
      Array.isArray(one)
        ? one.map(sorted)
        : typeof one === 'object' && one !== null
          ? Object.fromEntries(
              Object.entries(one)
                .map(([key, inner]) => [key, sorted(inner)] as const)
                .sort(([a], [b]) => (a < b ? -1 : 1)),
            )
          : one;
    fc.assert(
      fc.property(value, value, (one, other) => {
        expect(same(one, structuredClone(one))).toBe(true);
        expect(same(one, other)).toBe(JSON.stringify(sorted(one)) === JSON.stringify(sorted(other)));
      }),
    );
  });

  test.each<[unknown, unknown, boolean]>([
    [{ a: undefined }, {}, true],
    [{}, { a: undefined }, true],
    [{ a: null }, {}, false],
    [{}, { a: null }, false],
    [{ a: 1, b: undefined }, { a: 1 }, true],
    [{ a: 1 }, { a: 1, b: 2 }, false],
    [[], {}, false],
    [{}, [], false],
    [['a'], { 0: 'a' }, false],
    [null, {}, false],
    [{}, null, false],
    ['a', {}, false],
    [{}, 'a', false],
    [[1], [1, 2], false],
    [undefined, undefined, true],
  ])('%o and %o: %s', (one, other, expected) => {
    expect(same(one, other)).toBe(expected);
  });
});

describe('a command', () => {
  test.each([
    ['default', '', 'agentctl logs web'],
    ['default', '--previous', 'agentctl logs web --previous'],
    ['shop', '', 'agentctl logs web -n shop'],
    ['shop', '--previous', 'agentctl logs web -n shop --previous'],
  ])('in the namespace %s with the flag %j is %s', (namespace, flags, text) => {
    expect(command(agentOf({}, { namespace }), 'logs web', flags)).toBe(text);
  });

  test('for an Agent without a namespace is for the default one', () => {
    const { namespace: _, ...metadata } = agentOf().metadata;
    expect(command({ metadata }, 'logs web')).toBe('agentctl logs web');
  });
});

describe('the settings of a policy', () => {
  test('of nothing but defaults are those that hold while a policy is missing', () => {
    expect(settingsOf(policyOf())).toEqual(defaultSettings);
  });

  test('are its own, in milliseconds', () => {
    const policy = policyOf({
      mode: 'OnDemand',
      priority: 7,
      onDemand: { keepalive: '1m' },
      restart: { on: 'Never', maxRestarts: 3, window: '2m' },
      backoff: { schedule: ['3s', '4s'], jitter: 0.5, resetAfter: '5s' },
      update: {
        strategy: 'WhenIdle',
        idleFor: '6s',
        forceAfter: '7s',
        maxUnavailable: 2,
        progressDeadline: '8s',
        autoRevert: true,
      },
      restartOn: ['SecretChange'],
      stop: { gracePeriod: '9s', signal: 'SIGINT', signalScope: 'Group' },
      scheduledRestart: { cron: '0 4 * * *', timezone: 'Europe/Berlin', whenIdleFor: '10s' },
    });
    expect(settingsOf(policy)).toEqual({
      mode: 'OnDemand',
      priority: 7,
      keepalive: 60_000,
      restart: { on: 'Never', maxRestarts: 3, window: 120_000 },
      backoff: { schedule: [3000, 4000], jitter: 0.5, resetAfter: 5000 },
      update: {
        strategy: 'WhenIdle',
        idleFor: 6000,
        forceAfter: 7000,
        maxUnavailable: 2,
        progressDeadline: 8000,
        autoRevert: true,
      },
      restartOn: ['SecretChange'],
      stop: { gracePeriod: 9000, signal: 'SIGINT', signalScope: 'Group' },
      schedule: {
        cron: '0 4 * * *',
        timezone: 'Europe/Berlin',
        every: undefined,
        whenIdleFor: 10_000,
        forceAfter: undefined,
        jitter: 0,
        catchUp: true,
        key: '0 4 * * * Europe/Berlin',
      },
    });
    expect(settingsOf(policy), 'read once').toBe(settingsOf(policy));
  });

  test('of a policy with lengths that are none are the defaults', () => {
    const none = 'long';
    const policy = policyOf({
      onDemand: { keepalive: none },
      restart: { window: none },
      backoff: { schedule: [], resetAfter: none },
      update: { idleFor: none, progressDeadline: none },
      stop: { gracePeriod: none },
    });
    expect(settingsOf(policy)).toEqual(defaultSettings);
    expect(settingsOf(policyOf({ backoff: { schedule: [none] } })).backoff.schedule).toEqual([60_000]);
    expect(settingsOf(policyOf({ update: { forceAfter: none } })).update.forceAfter).toBe(0);
  });

  const scheduled = (schedule: object) =>
    settingsOf(policyOf({ scheduledRestart: schedule as never })).schedule;

  test.each<[object, object]>([
    [{ every: '24h' }, { every: 86_400_000, cron: undefined, key: 'every 24h', whenIdleFor: 3_600_000 }],
    [{ every: '10ms' }, { every: second }],
    [{ every: 'long' }, { every: 86_400_000 }],
    [
      { every: '24h', jitter: '5m' },
      { jitter: 300_000, key: 'every 24h jitter 5m' },
    ],
    [{ cron: '0 4 * * *', timezone: 'UTC', jitter: '5m' }, { key: '0 4 * * * UTC jitter 5m' }],
    [{ cron: '0 4 * * *', forceAfter: '2h' }, { forceAfter: 7_200_000 }],
    [
      { cron: '0 4 * * *', forceAfter: 'long', whenIdleFor: 'long' },
      { forceAfter: 0, whenIdleFor: 3_600_000 },
    ],
    [{ cron: '0 4 * * *', jitter: 'long' }, { jitter: 0 }],
    [{ cron: '0 4 * * *', catchUp: false }, { catchUp: false }],
  ])('with the schedule %o have %o', (schedule, expected) => {
    expect(scheduled(schedule)).toMatchObject(expected);
  });

  test('tell how an Agent comes up', () => {
    expect(timingOf(specOf())).toEqual({ minReady: 1000, startDeadline: 60_000 });
    expect(timingOf(specOf({ minReady: '0s', startDeadline: '2m' }))).toEqual({
      minReady: 0,
      startDeadline: 120_000,
    });
    expect(timingOf(specOf({ minReady: 'long', startDeadline: 'long' }))).toEqual({
      minReady: 1000,
      startDeadline: 60_000,
    });
  });
});
