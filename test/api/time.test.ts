import { describe, expect, test } from 'vitest';
import {
  age,
  formatMicroTime,
  formatTime,
  formatTimeMs,
  humanDuration,
  parseTime,
  wholeSeconds,
} from '../../src/api/time.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

describe('times', () => {
  test.each([
    ['1970-01-01T00:00:00Z', 0],
    ['2026-01-31T12:00:00Z', Date.UTC(2026, 0, 31, 12)],
    ['2026-01-31T12:00:00.250Z', Date.UTC(2026, 0, 31, 12, 0, 0, 250)],
    ['2026-01-31T12:00:00.123456789Z', Date.UTC(2026, 0, 31, 12, 0, 0, 123)],
    ['2026-01-31t14:00:00+02:00', Date.UTC(2026, 0, 31, 12)],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29)],
  ])('%s is %d', (text, at) => {
    expect(parseTime(text)).toBe(at);
  });

  test.each([
    '',
    'now',
    '2026-01-31',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-31 12:00:00Z',
    '2026-01-31T25:00:00Z',
    '2026-01-31T12:00:00',
  ])('"%s" is no time', (text) => {
    expect(parseTime(text)).toBeUndefined();
  });

  test('are written in whole seconds, milliseconds or microseconds', () => {
    const at = Date.UTC(2026, 0, 31, 12, 0, 0, 250);
    expect(formatTime(at)).toBe('2026-01-31T12:00:00Z');
    expect(formatTimeMs(at)).toBe('2026-01-31T12:00:00.250Z');
    expect(formatMicroTime(at)).toBe('2026-01-31T12:00:00.250000Z');
  });
});

// From apimachinery, util/duration, duration_test.go.
describe('an age is printed as kubectl prints it', () => {
  test.each([
    [-3 * second, '<invalid>'],
    [-second, '0s'],
    [0, '0s'],
    [second, '1s'],
    [2 * minute - 1, '119s'],
    [2 * minute, '2m'],
    [2 * minute + second, '2m1s'],
    [9 * minute + 59 * second, '9m59s'],
    [10 * minute, '10m'],
    [3 * hour - 1, '179m'],
    [3 * hour, '3h'],
    [3 * hour + minute, '3h1m'],
    [8 * hour - 1, '7h59m'],
    [8 * hour, '8h'],
    [2 * day - 1, '47h'],
    [2 * day, '2d'],
    [2 * day + hour, '2d1h'],
    [8 * day - 1, '7d23h'],
    [8 * day, '8d'],
    [2 * 365 * day - 1, '729d'],
    [2 * 365 * day, '2y'],
    [2 * 365 * day + day, '2y1d'],
    [8 * 365 * day - 1, '7y364d'],
    [8 * 365 * day, '8y'],
  ])('%d ms: %s', (span, text) => {
    expect(humanDuration(span)).toBe(text);
  });

  test.each([
    [1, '1s'],
    [999, '1s'],
    [1000, '1s'],
    [1001, '2s'],
  ])('%d ms that are still to come are never 0s: %s', (span, text) => {
    expect(humanDuration(wholeSeconds(span))).toBe(text);
  });

  test('of what has no time it is unknown', () => {
    expect(age(undefined, 0)).toBe('<unknown>');
    expect(age('1970-01-01T00:00:00Z', 5000)).toBe('5s');
  });
});
