import { expect, test } from 'vitest';
import type { Event } from '../../src/api/objects.ts';
import { isSince } from '../../src/views/described.ts';

const event = (rest: Partial<Event>): Event => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: {
    name: 'web-0.1',
    namespace: 'default',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: made,
  },
  involvedObject: { kind: 'Instance', name: 'web-0', uid: 'u-0' },
  ...rest,
});
const made = '2026-03-01T12:00:00Z';

test.each([
  ['of an earlier object of the same name', { lastTimestamp: '2026-03-01T11:59:59Z' }, false],
  ['of the second in which it was made', { lastTimestamp: made }, true],
  [
    'seen again since',
    { firstTimestamp: '2026-03-01T11:00:00Z', lastTimestamp: '2026-03-01T13:00:00Z' },
    true,
  ],
  [
    'whose object has no uid',
    { lastTimestamp: '2026-03-01T11:00:00Z', involvedObject: { kind: 'Instance', name: 'web-0' } },
    true,
  ],
  ['without a time of its own, by when it was written', {}, true],
])('an event %s is told with an object or not', (_, rest, told) => {
  expect(isSince(event(rest), made)).toBe(told);
});
