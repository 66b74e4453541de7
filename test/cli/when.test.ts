import { afterEach, expect, test } from 'vitest';
import { localTimes, showUtc, when } from '../../src/cli/print/shown.ts';

const noon = Date.parse('2026-01-31T12:00:25.900Z');
afterEach(() => {
  process.env.TZ = 'UTC';
  showUtc(false);
});

test.each([
  ['UTC', '2026-01-31 12:00:25 UTC'],
  ['Europe/Berlin', '2026-01-31 13:00:25 +01:00'],
  ['America/St_Johns', '2026-01-31 08:30:25 -03:30'],
  ['Pacific/Kiritimati', '2026-02-01 02:00:25 +14:00'],
])('a time is shown in local time: %s', (zone, text) => {
  process.env.TZ = zone;
  expect(when(noon)).toBe(text);
  expect(localTimes('It starts at 2026-01-31 12:00:25 UTC, or not.')).toBe(`It starts at ${text}, or not.`);
});

test('or in UTC', () => {
  process.env.TZ = 'Europe/Berlin';
  showUtc(true);
  expect(when(noon)).toBe('2026-01-31 12:00:25 UTC');
});
