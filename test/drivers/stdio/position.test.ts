import { describe, expect, test } from 'vitest';
import { DriverError } from '../../../src/drivers/driver.ts';
import { createPosition, hashOf, placeOf } from '../../../src/drivers/stdio/position.ts';

const start = { since: 0, skip: 0, hashes: [] };
const noon = Date.parse('2026-01-01T12:00:00Z');

describe('a position', () => {
  test('is the same after its cursor', () => {
    const position = createPosition(start);
    for (const text of ['a', 'ä', 'c', 'd', 'e']) position.advance(text);
    expect(placeOf(position.cursor())).toEqual(position.place());
    expect(position.place()).toEqual({ since: 0, skip: 5, hashes: ['ä', 'c', 'd', 'e'].map(hashOf) });
  });

  test('counts from a later time once that is well behind', () => {
    const position = createPosition(start);
    for (let second = 0; second < 60; second++) position.advance('x', noon + second * 1000);
    const { since, skip } = position.place();
    expect(noon + 59_000 - since).toBeGreaterThanOrEqual(10_000);
    expect(noon + 59_000 - since).toBeLessThanOrEqual(30_000);
    expect(skip).toBe((noon + 60_000 - since) / 1000);
  });

  test('counts those lines alone that the engine will answer, though times fall', () => {
    const times = [0, 20, 40, 25, 60, 5, 80, 80, 79].map((second) => noon + second * 1000);
    const position = createPosition(start);
    for (const at of times) position.advance('x', at);
    const { since, skip } = position.place();
    expect(since).toBeGreaterThan(0);
    expect(skip).toBe(times.filter((at) => at >= since).length);
  });

  test('counts anew after a silence', () => {
    const position = createPosition(start);
    position.advance('a');
    position.quietUntil(noon);
    expect(position.place()).toMatchObject({ since: noon, skip: 0 });
    position.advance('b');
    position.quietUntil(noon - 1);
    expect(position.place()).toMatchObject({ since: noon, skip: 1 });
  });

  test('takes no notice of characters that a log may break', () => {
    expect(hashOf('grü\ufffd\ufffdße')).toBe(hashOf('grüöße'));
    expect(hashOf('a')).not.toBe(hashOf('b'));
  });

  test.each(['', '1', '1/2', '-1/2/', '1/x/a', '1/2/A', `${'9'.repeat(16)}/1/a`, '1/2/a/b'])(
    'cannot be read from "%s"',
    (cursor) => expect(() => placeOf(cursor)).toThrow(DriverError),
  );
});
