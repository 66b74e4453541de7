import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatDuration, parseDuration, tryDuration } from '../../src/api/time.ts';

describe('durations', () => {
  test.each([
    ['0', 0],
    ['0s', 0],
    ['250ms', 250],
    ['90s', 90_000],
    ['1.5s', 1500],
    ['15m', 900_000],
    ['1h30m', 5_400_000],
    ['1h1m1s1ms', 3_661_001],
    ['720h', 2_592_000_000],
  ])('%s is %d ms', (text, span) => {
    expect(parseDuration(text)).toBe(span);
  });

  test.each(['', '5', '-1s', '1d', '1 s', 's', '1h 30m', '1S', '.5s', '1e3s', `${'1'.repeat(200)}s`])(
    '"%s" is no duration',
    (text) => {
      expect(tryDuration(text)).toBeUndefined();
      expect(() => parseDuration(text)).toThrow(RangeError);
    },
  );

  test('what is formatted is read again as the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (span) => {
        expect(parseDuration(formatDuration(span))).toBe(span);
      }),
    );
  });
});
