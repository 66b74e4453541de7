import { describe, expect, test } from 'vitest';
import { kindInfo } from '../../../src/api/kinds.ts';
import type { Sync } from '../../../src/api/objects.ts';
import { withDefaults } from '../../../src/api/shape.ts';
import { type Due, due, type Looks, pause, withHint } from '../../../src/plan/sync-due.ts';

const now = Date.parse('2026-03-02T10:00:00Z');
const minute = 60_000;

interface Given {
  annotations?: Record<string, string>;
  spec?: Partial<Sync['spec']>;
  status?: Sync['status'];
  metadata?: Partial<Sync['metadata']>;
}

/** A Sync whose second generation is settled. */
function sync({ annotations = {}, spec = {}, status = {}, metadata = {} }: Given = {}): Sync {
  return withDefaults(kindInfo('Sync').schema, {
    apiVersion: 'agentctl.dev/v1',
    kind: 'Sync',
    metadata: { name: 'fleet', namespace: 'default', uid: 'u1', generation: 2, annotations, ...metadata },
    spec: { source: { directory: { path: '/fleet' } }, interval: '1m', jitter: 0, ...spec },
    status: { observedGeneration: 2, ...status },
  }) as Sync; // all that is required is there
}

const rested: Looks = { at: now - 10_000, failures: 0 };

const cases: [string, Given, Looks, Due][] = [
  ['the interval is not over', {}, rested, { at: now + 50_000 }],
  ['the interval is over', {}, { at: now - minute, failures: 0 }, { now: 'Interval' }],
  ['it was never looked at in this life', {}, { failures: 0 }, { now: 'Interval' }],
  ['the clock was set back', {}, { at: now + 1, failures: 0 }, { now: 'Interval' }],
  ['its spec changed', { status: { observedGeneration: 1 } }, rested, { now: 'Changed' }],
  ['it has no status yet', { status: {}, metadata: { generation: 1 } }, rested, { now: 'Changed' }],
  [
    'it is being deleted',
    { metadata: { deletionTimestamp: '2026-03-02T10:00:00Z' } },
    { failures: 0 },
    undefined,
  ],
  ['it is suspended', { spec: { suspend: true } }, { failures: 0 }, undefined],
  [
    'it is suspended just now',
    { spec: { suspend: true }, status: { observedGeneration: 1 } },
    rested,
    { now: 'Changed' },
  ],
  [
    'it is asked for',
    { annotations: { 'agentctl.dev/sync-requested': 'b' }, status: { lastHandledRequest: 'a' } },
    rested,
    { now: 'Requested' },
  ],
  [
    'it is asked for while suspended',
    { annotations: { 'agentctl.dev/sync-requested': 'b' }, spec: { suspend: true } },
    rested,
    { now: 'Requested' },
  ],
  [
    'what was asked for is done',
    { annotations: { 'agentctl.dev/sync-requested': 'a' }, status: { lastHandledRequest: 'a' } },
    rested,
    { at: now + 50_000 },
  ],
  [
    'what was asked for while suspended is done',
    {
      annotations: { 'agentctl.dev/sync-requested': 'a' },
      spec: { suspend: true },
      status: { lastHandledRequest: 'a' },
    },
    rested,
    undefined,
  ],
  ['a webhook came', { annotations: { 'agentctl.dev/webhook-received': 'w2' } }, rested, { now: 'Webhook' }],
  [
    'the last look knew of the webhook',
    { annotations: { 'agentctl.dev/webhook-received': 'w2' } },
    { ...rested, webhook: 'w2' },
    { at: now + 50_000 },
  ],
  [
    'a webhook came while it is suspended',
    { annotations: { 'agentctl.dev/webhook-received': 'w2' }, spec: { suspend: true } },
    rested,
    undefined,
  ],
  [
    'what waits has been approved',
    {
      annotations: { 'agentctl.dev/approved-revision': 'r1' },
      status: { pendingApproval: { revision: 'r1', deletes: 3 } },
    },
    rested,
    { now: 'Changed' },
  ],
  [
    'another revision has been approved',
    {
      annotations: { 'agentctl.dev/approved-revision': 'r1' },
      status: { pendingApproval: { revision: 'r2', deletes: 3 } },
    },
    rested,
    { at: now + 50_000 },
  ],
  [
    'what waits has been approved, and the source is out of reach',
    {
      annotations: { 'agentctl.dev/approved-revision': 'r1' },
      status: { pendingApproval: { revision: 'r1', deletes: 3 } },
    },
    { at: now - 1_000, failures: 1 },
    { at: now + 4_000 },
  ],
  ['objects changed and are due', {}, { ...rested, hint: { what: 'Objects', at: now } }, { now: 'Objects' }],
  [
    'objects changed and are not due yet',
    {},
    { ...rested, hint: { what: 'Objects', at: now + 300 } },
    { at: now + 300 },
  ],
  [
    'objects changed and are due after the interval is over',
    {},
    { ...rested, hint: { what: 'Objects', at: now + 55_000 } },
    { at: now + 50_000 },
  ],
  [
    'objects changed while it is suspended',
    { spec: { suspend: true } },
    { ...rested, hint: { what: 'Objects', at: now } },
    undefined,
  ],
  ['the folder changed', {}, { ...rested, hint: { what: 'Source', at: now } }, { now: 'Source' }],
  [
    'objects changed while the source is out of reach',
    {},
    { at: now - 1_000, failures: 1, hint: { what: 'Objects', at: now } },
    { now: 'Objects' },
  ],
  [
    'the Secret changed while the source is out of reach',
    {},
    { at: now - 1_000, failures: 1, hint: { what: 'Source', at: now } },
    { now: 'Source' },
  ],
  [
    'it is asked for while files are being written',
    { annotations: { 'agentctl.dev/sync-requested': 'b' } },
    { ...rested, notBefore: now + 600 },
    { at: now + 600 },
  ],
  [
    'files were being written, and the clock was set back since',
    {},
    { at: now + 3_600_000, failures: 0, notBefore: now + 3_600_600 },
    { now: 'Interval' },
  ],
];

describe('a Sync is due when', () => {
  for (const [name, given, looks, expected] of cases)
    test(name, () => {
      expect(due(sync(given), looks, now)).toEqual(expected);
    });
});

describe('the pause between looks', () => {
  test('doubles with each failure, up to the interval', () => {
    const pauses = [0, 1, 2, 3, 4, 5, 6, 60].map((failures) => pause(sync(), { at: 0, failures }));
    expect(pauses).toEqual([60_000, 5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
  });

  test('of a short interval is not stretched by failures', () => {
    expect(pause(sync({ spec: { interval: '2s' } }), { at: 0, failures: 9 })).toBe(2_000);
  });

  test('is longer by up to the jitter, other for other Syncs, and the same when asked again', () => {
    const of = (uid: string) =>
      pause(sync({ spec: { jitter: 0.5 }, metadata: { uid } }), { at: now, failures: 0 });
    const pauses = Array.from({ length: 50 }, (_, at) => of(`u${at}`));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(minute);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1.5 * minute);
    expect(new Set(pauses).size).toBeGreaterThan(40);
    expect(of('u1')).toBe(of('u1'));
  });
});

describe('two hints', () => {
  test('become one that asks for more, at the earlier time', () => {
    const objects = { what: 'Objects', at: 5 } as const;
    const source = { what: 'Source', at: 9 } as const;
    expect(withHint(undefined, source)).toEqual(source);
    expect(withHint(objects, source)).toEqual({ what: 'Source', at: 5 });
    expect(withHint(source, objects)).toEqual({ what: 'Source', at: 5 });
  });
});
