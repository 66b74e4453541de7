import { beforeEach, describe, expect, test } from 'vitest';
import { type Log, silentLog } from '../../src/platform/log.ts';
import { Retries, retryDelay } from '../../src/platform/retry.ts';
import { StoreError } from '../../src/store/store.ts';
import { ManualClock } from '../fakes/clock.ts';

describe('the wait', () => {
  test.each([
    [1, 1_000],
    [2, 2_000],
    [5, 16_000],
    [6, 30_000],
    [1_000_000, 30_000],
  ])('after %i failures in a row is %i ms', (failures, expected) => {
    expect(retryDelay({ from: 1_000, upTo: 30_000 }, failures, 0)).toBe(expected);
  });

  test('is shortened by up to a fifth', () => {
    expect(retryDelay({ from: 1_000, upTo: 30_000 }, 1, 1)).toBe(800);
  });
});

let clock: ManualClock;
let logged: string[];
let tries: number;

beforeEach(() => {
  clock = new ManualClock('2026-03-02T10:00:00Z');
  logged = [];
  tries = 0;
});

const again = (): void => {
  tries += 1;
};

function open(): Retries {
  const note = (_: unknown, text?: string): void => void logged.push(text ?? '');
  const log = { ...silentLog, warn: note, info: note } as Log; // pino's overloads, of which one is used
  return new Retries({ clock, log, what: 'it failed', from: 1_000, upTo: 8_000, spread: () => 0 });
}

test('what fails is tried again after waits that double up to the longest', () => {
  const retries = open();
  const at: number[] = [];
  const begin = clock.now();
  const again = (): void => {
    at.push((clock.now() - begin) / 1_000);
    retries.failed('key', new Error('no'), again);
  };
  retries.failed('key', new Error('no'), again);
  for (let second = 0; second < 40; second += 1) clock.advance(1_000);
  expect(at).toEqual([1, 3, 7, 15, 23, 31, 39]);
});

test('a success ends it, and the next failure begins with the shortest wait', () => {
  const retries = open();
  for (let failure = 0; failure < 4; failure += 1) retries.failed('key', new Error('no'), again);
  retries.succeeded('key');
  clock.advance(60_000);
  expect(tries).toBe(0);
  retries.failed('key', new Error('no'), again);
  clock.advance(1_000);
  expect(tries).toBe(1);
});

test('each cause is logged once in a row of failures, and the success after it', () => {
  const retries = open();
  for (const cause of ['one', 'one', 'two', 'two', 'two']) retries.failed('key', new Error(cause), () => {});
  retries.succeeded('key');
  retries.succeeded('key');
  expect(logged).toEqual([
    'it failed; it is tried again',
    'it failed; it is tried again',
    'it failed earlier, and now succeeded',
  ]);
});

test('an error that says so is logged, and not tried again', () => {
  const retries = open();
  retries.failed('key', new StoreError('TooNew', 'no'), again);
  clock.advance(3_600_000);
  expect(tries).toBe(0);
  expect(logged).toEqual(['it failed']);
});

test('keys are tried again each by itself, and none after the end', () => {
  const retries = open();
  retries.failed('one', new Error('no'), again);
  retries.failed('two', new Error('no'), again);
  retries.succeeded('one');
  clock.advance(1_000);
  expect(tries).toBe(1);
  retries.failed('three', new Error('no'), again);
  retries.stop();
  clock.advance(60_000);
  retries.failed('three', new Error('no'), again);
  clock.advance(60_000);
  expect(tries).toBe(1);
});
