import { describe, expect, test } from 'vitest';
import type { AgentSpec, InstanceStatus, PolicySpec } from '../../src/api/objects.ts';
import type { Outcome } from '../../src/plan/action.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import type { InstanceView } from '../../src/plan/world.ts';
import {
  agentOf,
  containerOf,
  iso,
  minute,
  readyStatus,
  second,
  start,
  stopOf,
  talkOf,
  viewOf,
  worldOf,
} from './worlds.ts';

type Stop = NonNullable<InstanceStatus['stop']>;

const now = start + 4 * second;

interface Situation {
  stop?: Partial<Stop>;
  last?: { action: string; result?: Outcome['result']; at?: number; run?: number };
  at?: number;
  policy?: { gracePeriod?: string; signal?: string };
  view?: Partial<InstanceView>;
}

/** Run 1 is up and is being stopped since `start`, with ten seconds to obey the signal. */
function stopping({ stop, last, at = now, policy = {}, view = {} }: Situation) {
  const lastOutcome =
    last === undefined
      ? {}
      : { lastOutcome: { run: 1, result: 'Succeeded' as const, ...last, at: iso(last.at ?? at), count: 1 } };
  const status = readyStatus({ phase: 'Stopping', stop: stopOf('Stay', stop), ...lastOutcome });
  const plan = reconcile(
    worldOf({
      now: at,
      agent: agentOf({ suspend: true, protocol: 'jsonl' }),
      policy: { stop: { gracePeriod: '10s', ...policy } },
      instances: [viewOf(status, [containerOf()], view)],
    }),
  );
  const next = plan.instances.get('web-0') ?? {};
  return { ...plan, did: plan.actions.map(({ type }) => type), next, stop: next.stop };
}

describe('a step of a stop', () => {
  test.each<[string, Situation]>([
    ['it was not carried out yet', {}],
    ['the last action was another', { last: { action: 'Start' } }],
    ['the last one was of an earlier run', { last: { action: 'Signal', run: 0 } }],
    ['the last one was of an earlier stop', { last: { action: 'Signal', at: start - 1 } }],
    ['it failed two seconds ago', { last: { action: 'Signal', result: 'Retryable', at: now - 2 * second } }],
  ])('is carried out where %s', (_what, situation) => {
    expect(stopping(situation).did).toEqual(['Signal']);
  });

  test('is not carried out twice', () => {
    const { did, wakeAt } = stopping({ last: { action: 'Signal', at: start } });
    expect(did).toEqual([]);
    expect(wakeAt).toBe(start + 10 * second);
  });

  test('is not carried out twice in a longer grace period', () => {
    const given = { stop: { deadline: iso(start + 30 * second) }, policy: { gracePeriod: '30s' } };
    expect(stopping({ ...given, last: { action: 'Signal', at: start } }).did).toEqual([]);
  });

  test('that failed is tried again after two seconds, though the clock goes back', () => {
    for (const at of [now - second, now + minute]) {
      const { did, wakeAt } = stopping({ last: { action: 'Signal', result: 'Retryable', at } });
      expect(did).toEqual([]);
      expect(wakeAt).toBe(Math.min(at, now) + 2 * second);
    }
  });

  test('waits while another action is under way', () => {
    expect(stopping({ view: { inFlight: 'Signal/web-0' } }).did).toEqual([]);
  });

  test('is named by what it is for', () => {
    const { actions } = stopping({ policy: { signal: 'SIGINT' } });
    expect(actions).toEqual([
      {
        type: 'Signal',
        id: 'Signal/web-0',
        after: [],
        cause: 'Suspended',
        message: 'spec.suspend is true',
        name: 'web-0',
        uid: 'uid-0',
        run: 1,
        ref: 'c1',
        signal: 'SIGINT',
        scope: 'Main',
      },
    ]);
    expect(stopping({ stop: { stage: 'Kill' } }).actions).toEqual([
      {
        type: 'Kill',
        id: 'Kill/web-0',
        after: [],
        cause: 'Suspended',
        message: 'spec.suspend is true',
        name: 'web-0',
        uid: 'uid-0',
        run: 1,
        ref: 'c1',
      },
    ]);
  });
});

describe('the kill', () => {
  const killing = (at: number, deadline: number) =>
    stopping({ stop: { stage: 'Kill', deadline: iso(deadline) }, last: { action: 'Kill', at } });

  test('comes when the signal’s time is over, and is told', () => {
    const { did, stop, events } = stopping({ at: start + 10 * second });
    expect(did).toEqual(['Kill']);
    expect(stop).toMatchObject({ stage: 'Kill', deadline: iso(start + 20 * second) });
    expect(events).toEqual([
      {
        type: 'Warning',
        reason: 'Killing',
        message: 'It did not stop within 10s, so it is killed (SIGKILL).',
        instance: 'web-0',
      },
    ]);
  });

  test('is not repeated before its ten seconds are over', () => {
    expect(killing(now - 5 * second, now + 4 * second).did).toEqual([]);
    expect(killing(now - 7 * second, now + 4 * second).did).toEqual(['Kill']);
  });

  test('is repeated then, and not told again', () => {
    const { did, events, stop } = killing(now - 10 * second, now);
    expect(did).toEqual(['Kill']);
    expect(events).toEqual([]);
    expect(stop?.deadline).toBe(iso(now + 10 * second));
  });

  test('is looked at again after ten seconds at the latest when the clock goes back', () => {
    expect(killing(now - second, now + minute).stop?.deadline).toBe(iso(now + 10 * second));
  });

  test('is the first step without a grace period, and has its ten seconds', () => {
    const plan = reconcile(
      worldOf({
        now,
        agent: agentOf({ suspend: true }),
        policy: { stop: { gracePeriod: '0s' } },
        instances: [viewOf(readyStatus(), [containerOf()])],
      }),
    );
    expect(plan.actions).toMatchObject([{ type: 'Kill' }]);
    expect(plan.instances.get('web-0')?.stop).toMatchObject({
      stage: 'Kill',
      deadline: iso(now + 10 * second),
    });
    expect(plan.events.map(({ reason }) => reason)).toEqual(['Stopping']);
  });
});

describe('the shutdown by the protocol', () => {
  const asked = (situation: Situation) =>
    stopping({ ...situation, stop: { stage: 'Shutdown', deadline: iso(start + 5 * second) } });

  test('has half of the grace period', () => {
    expect(asked({}).did).toEqual(['Shutdown']);
    expect(asked({ at: start + 5 * second - 1 }).stop?.stage).toBe('Shutdown');
    expect(asked({ at: start + 5 * second }).stop).toMatchObject({
      stage: 'Signal',
      deadline: iso(start + 10 * second),
    });
  });

  test('that failed is followed by the signal', () => {
    const failed = { action: 'Shutdown', result: 'Retryable' as const };
    expect(asked({ last: { ...failed, at: start } }).did).toEqual(['Signal']);
    expect(asked({ last: { ...failed, at: start - 1 } }).did, 'of an earlier stop').toEqual(['Shutdown']);
    expect(asked({ last: { ...failed, run: 0 } }).did, 'of an earlier run').toEqual(['Shutdown']);
    expect(asked({ last: { action: 'Shutdown' } }).did, 'that succeeded').toEqual([]);
  });

  test('leaves the signal half of the grace period, though all of it is over', () => {
    for (const late of [10 * second, minute]) {
      const { did, stop, events } = asked({ at: start + late });
      expect(did).toEqual(['Signal']);
      expect(stop?.deadline).toBe(iso(start + late + 5 * second));
      expect(events).toEqual([]);
    }
  });
});

describe('what an instance says while it stops', () => {
  const at = iso(start + 10 * second).slice(11, 19);
  test.each<[Stop['stage'], string | undefined, string]>([
    [
      'Shutdown',
      'SIGINT',
      `spec.suspend is true. It is asked to stop, and SIGINT is sent at 2026-03-02 ${at} UTC.`,
    ],
    [
      'Shutdown',
      undefined,
      `spec.suspend is true. It is asked to stop, and the stop signal is sent at 2026-03-02 ${at} UTC.`,
    ],
    ['Signal', 'SIGINT', `spec.suspend is true. SIGINT is sent, and SIGKILL at 2026-03-02 ${at} UTC.`],
    [
      'Signal',
      undefined,
      `spec.suspend is true. The stop signal is sent, and SIGKILL at 2026-03-02 ${at} UTC.`,
    ],
    ['Kill', undefined, 'spec.suspend is true. SIGKILL is sent.'],
  ])('in the stage %s, with the signal %s', (stage, signal, message) => {
    const policy = { gracePeriod: '30s', ...(signal === undefined ? {} : { signal }) };
    const { next } = stopping({ stop: { stage }, policy });
    expect(next).toMatchObject({ phase: 'Stopping', reason: 'Suspended', message });
  });

  test('is the cause where the stop has no message, as of an older version', () => {
    const { message: _, ...stop } = stopOf();
    const status = readyStatus({ phase: 'Stopping', stop: { ...stop, stage: 'Kill' } });
    const agent = agentOf({ suspend: true });
    const plan = reconcile(worldOf({ now, agent, instances: [viewOf(status, [containerOf()])] }));
    expect(plan.instances.get('web-0')?.message).toBe('Suspended. SIGKILL is sent.');
    expect(plan.actions).toMatchObject([{ message: 'Suspended' }]);
  });
});

test('a stop of an earlier run is dropped', () => {
  const { next, did } = stopping({ stop: { run: 0 } });
  expect(did).toEqual(['Signal']);
  expect(next.stop).toMatchObject({ run: 1, requestedAt: iso(now) });
  const plan = reconcile(
    worldOf({ now, instances: [viewOf(readyStatus({ stop: stopOf('Stay', { run: 0 }) }), [containerOf()])] }),
  );
  expect(plan.instances.get('web-0')).not.toHaveProperty('stop');
  expect(plan.actions).toEqual([]);
});

describe('the begin of a stop is told', () => {
  const told = (
    view: Partial<InstanceView>,
    spec: Partial<AgentSpec> = {},
    policy: Partial<PolicySpec> = {},
  ) =>
    reconcile(
      worldOf({
        now,
        agent: agentOf({ protocol: 'acp', ...spec } as never),
        policy: policy as never,
        instances: [viewOf(readyStatus(), [containerOf()], { talk: talkOf(), ...view })],
      }),
    ).events.filter(({ reason }) => reason === 'Stopping');

  test.each(['CancelIgnored', 'SessionBusy', 'InputClosed'])(
    'as a Warning where the agent failed: %s',
    (reason) => {
      const failure = { reason, message: 'It does not listen.' };
      expect(told({ talk: talkOf({ failure }) })).toEqual([
        {
          type: 'Warning',
          reason: 'Stopping',
          message: `Stops run 1 (${reason}): It does not listen.`,
          instance: 'web-0',
        },
      ]);
    },
  );

  test('as a Warning where its handshake was refused, or its liveness failed', () => {
    expect(told({ talk: talkOf({ state: 'Refused', message: 'No session' }) })).toMatchObject([
      {
        type: 'Warning',
        message: 'Stops run 1 (HandshakeRefused): The protocol handshake failed: No session.',
      },
    ]);
    const liveness = { exec: { command: ['true'] } };
    const live = { ok: false, since: start, message: 'exit code 1' };
    expect(told({ probe: { live } }, { liveness } as never)).toMatchObject([
      { type: 'Warning', message: 'Stops run 1 (LivenessFailed): Liveness failed: exit code 1.' },
    ]);
  });

  test('as a Warning where its permissions cannot be enforced', () => {
    const controls = {
      PermissionsEnforced: { status: 'False', reason: 'NeverAsked', message: 'It never asked' },
    } as const;
    const permissions = { default: 'Ask' as const };
    expect(told({ talk: talkOf({ controls }) }, { permissions } as never)).toMatchObject([
      {
        type: 'Warning',
        message: expect.stringMatching(
          /^Stops run 1 \(PermissionsNotEnforced\): .*It never asked\. Set spec/,
        ),
      },
    ]);
  });

  test('as Normal where it is meant', () => {
    expect(told({}, { suspend: true })).toEqual([
      {
        type: 'Normal',
        reason: 'Stopping',
        message: 'Stops run 1 (Suspended): spec.suspend is true.',
        instance: 'web-0',
      },
    ]);
  });
});
