import { describe, expect, test } from 'vitest';
import { lastDue, nextDue } from '../../src/plan/schedule.ts';

function dues(cron: string, timezone: string, from: string, count: number): string[] {
  const found: string[] = [];
  let at: number | undefined = Date.parse(from);
  while (found.length < count && at !== undefined) {
    at = nextDue(cron, timezone, at);
    if (at !== undefined) found.push(`${new Date(at).toISOString().slice(0, 16)}Z`);
  }
  return found;
}

const berlin = 'Europe/Berlin'; // 2026: forward on March 29 at 02:00, back on October 25 at 03:00
const newYork = 'America/New_York'; // 2026: forward on March 8 at 02:00, back on November 1 at 02:00

describe('when a cron line comes due', () => {
  test.each<[what: string, cron: string, timezone: string, from: string, expected: string[]]>([
    [
      'on an ordinary day',
      '0 4 * * *',
      berlin,
      '2026-01-10T12:00Z',
      ['2026-01-11T03:00Z', '2026-01-12T03:00Z'],
    ],
    ['never at the instant asked from', '0 4 * * *', 'UTC', '2026-01-10T04:00Z', ['2026-01-11T04:00Z']],
    [
      'on weekdays only',
      '30 9 * * 1-5',
      newYork,
      '2026-01-09T20:00Z',
      ['2026-01-12T14:30Z', '2026-01-13T14:30Z'],
    ],
    [
      'on days that both day fields allow, where one begins with *',
      '0 9 */10 * 1',
      'UTC',
      '2026-11-30T00:00Z',
      ['2026-12-21T09:00Z', '2027-01-11T09:00Z'],
    ],
    [
      'the same the other way round',
      '0 9 1 * */2',
      'UTC',
      '2026-11-30T00:00Z',
      ['2026-12-01T09:00Z', '2027-04-01T09:00Z'],
    ],
    [
      'with a step of one as with none',
      '0 9 */1 * 1',
      'UTC',
      '2026-11-30T00:00Z',
      ['2026-11-30T09:00Z', '2026-12-07T09:00Z'],
    ],
    [
      'on days that one of the day fields allows, where neither begins with *',
      '0 9 15 * 1',
      'UTC',
      '2026-12-08T00:00Z',
      ['2026-12-14T09:00Z', '2026-12-15T09:00Z', '2026-12-21T09:00Z'],
    ],
    [
      'once for values that a list has twice',
      '0 9-10,10 * * 0,7,sun',
      'UTC',
      '2026-11-30T00:00Z',
      ['2026-12-06T09:00Z', '2026-12-06T10:00Z', '2026-12-13T09:00Z'],
    ],
    ['by a name', '@daily', berlin, '2026-01-10T12:00Z', ['2026-01-10T23:00Z', '2026-01-11T23:00Z']],
    ['on a leap day that is a Sunday', '0 0 29 2 */7', 'UTC', '2026-03-01T00:00Z', ['2032-02-29T00:00Z']],
    ['on a leap day', '0 0 29 2 *', 'UTC', '2026-03-01T00:00Z', ['2028-02-29T00:00Z']],
    [
      'in a zone off by half an hour',
      '0 4 * * *',
      'Asia/Kolkata',
      '2026-01-10T12:00Z',
      ['2026-01-10T22:30Z'],
    ],
    [
      'in the spring gap of Berlin: later by the gap',
      '30 2 * * *',
      berlin,
      '2026-03-28T00:00Z',
      ['2026-03-28T01:30Z', '2026-03-29T01:30Z', '2026-03-30T00:30Z'],
    ],
    [
      'in the spring gap of New York: later by the gap',
      '30 2 * * *',
      newYork,
      '2026-03-07T00:00Z',
      ['2026-03-07T07:30Z', '2026-03-08T07:30Z', '2026-03-09T06:30Z'],
    ],
    [
      'shifted onto another time of the line: once',
      '30 2,3 * * *',
      berlin,
      '2026-03-28T12:00Z',
      ['2026-03-29T01:30Z', '2026-03-30T00:30Z', '2026-03-30T01:30Z'],
    ],
    [
      'shifted past another time of the line: in the order of the instants',
      '30 2 29 3 *',
      berlin,
      '2026-03-29T01:05Z',
      ['2026-03-29T01:30Z'],
    ],
    [
      'at the edge of the gap',
      '0 2 * * *',
      berlin,
      '2026-03-28T12:00Z',
      ['2026-03-29T01:00Z', '2026-03-30T00:00Z'],
    ],
    [
      'in the autumn overlap of Berlin: at the first of the two',
      '30 2 * * *',
      berlin,
      '2026-10-24T12:00Z',
      ['2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ],
    [
      'in the autumn overlap of New York: at the first of the two',
      '30 1 * * *',
      newYork,
      '2026-10-31T12:00Z',
      ['2026-11-01T05:30Z', '2026-11-02T06:30Z'],
    ],
    ['asked from between the two', '30 2 * * *', berlin, '2026-10-25T01:10Z', ['2026-10-26T01:30Z']],
    [
      'several times in an hour that comes twice: in the first of the two',
      '*/20 2 * * *',
      berlin,
      '2026-10-24T22:50Z',
      ['2026-10-25T00:00Z', '2026-10-25T00:20Z', '2026-10-25T00:40Z', '2026-10-26T01:00Z'],
    ],
    [
      'every hour over the gap: every real hour',
      '30 * * * *',
      berlin,
      '2026-03-28T23:00Z',
      ['2026-03-28T23:30Z', '2026-03-29T00:30Z', '2026-03-29T01:30Z', '2026-03-29T02:30Z'],
    ],
    [
      'every hour over the overlap: every real hour',
      '30 * * * *',
      berlin,
      '2026-10-24T22:00Z',
      [
        '2026-10-24T22:30Z',
        '2026-10-24T23:30Z',
        '2026-10-25T00:30Z',
        '2026-10-25T01:30Z',
        '2026-10-25T02:30Z',
      ],
    ],
    [
      'every twenty minutes over the overlap: every twenty real minutes',
      '*/20 * * * *',
      newYork,
      '2026-11-01T05:30Z',
      [
        '2026-11-01T05:40Z',
        '2026-11-01T06:00Z',
        '2026-11-01T06:20Z',
        '2026-11-01T06:40Z',
        '2026-11-01T07:00Z',
      ],
    ],
    [
      'where clocks move by half an hour',
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-03T12:00Z',
      ['2026-10-03T15:45Z', '2026-10-04T15:15Z'],
    ],
  ])('%s', (_what, cron, timezone, from, expected) => {
    expect(dues(cron, timezone, from, expected.length)).toEqual(expected);
  });

  test.each([
    ['never', '0 4 31 2 *', 'UTC'],
    ['no cron line', 'now and then', 'UTC'],
    ['no time zone', '0 4 * * *', 'Mars/Olympus'],
  ])('is not told for %s', (_what, cron, timezone) => {
    expect(nextDue(cron, timezone, 0)).toBeUndefined();
  });

  test('is the same whether it is asked for one after another or from each minute between', () => {
    for (const [cron, timezone, from] of [
      ['30 2 * * *', berlin, '2026-03-28T22:00Z'],
      ['30 2 * * *', berlin, '2026-10-24T22:00Z'],
      ['*/15 * * * *', newYork, '2026-11-01T03:00Z'],
      ['15,45 1-3 * * *', newYork, '2026-03-08T04:00Z'],
    ] as const) {
      const begin = Date.parse(from);
      const end = begin + 8 * 3_600_000;
      const listed = dues(cron, timezone, from, 60).map((at) => Date.parse(at));
      for (let at = begin; at < end; at += 300_000)
        expect(nextDue(cron, timezone, at)).toBe(listed.find((due) => due > at));
    }
  });
});

describe('the last time that a cron line was due', () => {
  test.each([
    ['30 2 * * *', berlin, '2026-03-28T00:00Z', 3 * 86_400_000],
    ['30 2 * * *', berlin, '2026-10-24T00:00Z', 3 * 86_400_000],
    ['*/15 1-3 * * *', newYork, '2026-11-01T03:00Z', 86_400_000],
    ['* 3 * * *', 'UTC', '2026-03-01T03:30Z', 86_400_000],
    ['0 0 1 * *', 'UTC', '2026-01-15T00:00Z', 90 * 86_400_000],
  ])('%s in %s is the one that asking one after another comes to', (cron, timezone, from, length) => {
    const begin = Date.parse(from);
    for (let until = begin; until <= begin + length; until += length / 40) {
      let last: number | undefined;
      for (let due = nextDue(cron, timezone, begin); due !== undefined && due <= until; ) {
        last = due;
        due = nextDue(cron, timezone, due);
      }
      expect(lastDue(cron, timezone, begin, until)).toBe(last);
    }
  });

  test('is none where it was not due in between', () => {
    const at = Date.parse('2026-03-01T04:00Z');
    expect(lastDue('0 4 * * *', 'UTC', at, at + 86_399_999)).toBeUndefined();
    expect(lastDue('0 4 * * *', 'UTC', at, at + 86_400_000)).toBe(at + 86_400_000);
    expect(lastDue('now and then', 'UTC', 0, at)).toBeUndefined();
  });
});
