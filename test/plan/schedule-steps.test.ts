import { describe, expect, test } from 'vitest';
import type { InstanceStatus, PolicySpec } from '../../src/api/objects.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import type { Activity } from '../../src/plan/world.ts';
import {
  containerOf,
  day,
  hour,
  iso,
  minute,
  readyStatus,
  second,
  start,
  viewOf,
  type WorldOptions,
  worldOf,
} from './worlds.ts';

type Schedule = Partial<NonNullable<PolicySpec['scheduledRestart']>>;

const busy: Activity = { busy: true, waiting: 0 };
const idleSince = (at: number): Activity => ({ busy: false, idleSince: at, waiting: 0 });
/** 04:00 on the day after `start`. */
const due = start + 16 * hour;
const daily = '0 4 * * *';
const key = (cron = daily): string => `${cron} UTC from ${iso(start)}`;
const stored = (more: InstanceStatus = {}): InstanceStatus =>
  readyStatus({ scheduleKey: key(), nextRestartAt: iso(due), ...more });

function planOf(
  now: number,
  schedule: Schedule | undefined,
  status: InstanceStatus,
  activity: Activity = busy,
  more: WorldOptions = {},
) {
  const plan = reconcile(
    worldOf({
      now,
      policy: schedule === undefined ? {} : { scheduledRestart: { timezone: 'UTC', ...schedule } as never },
      instances: [viewOf(status, [containerOf()], { activity })],
      ...more,
    }),
  );
  return {
    ...plan,
    next: plan.instances.get('web-0') ?? {},
    restarts: plan.actions.map(({ cause }) => cause),
    told: plan.events.map(({ type, reason, message }) => `${type} ${reason}: ${message}`),
  };
}

describe('the time of the next restart', () => {
  test('is kept while the schedule is the same, though the clock goes back by a day', () => {
    const odd = stored({ nextRestartAt: iso(start + 5 * day) });
    expect(planOf(start - day, { cron: daily }, odd).next.nextRestartAt).toBe(odd.nextRestartAt);
    const anew = planOf(start - day - 1, { cron: daily }, odd).next;
    expect(anew.nextRestartAt).toBe(iso(due - day));
    expect(anew.scheduleKey).toBe(`${daily} UTC from ${iso(start - day - 1)}`);
  });

  test('is found anew when the schedule changes', () => {
    expect(planOf(start, { cron: '0 5 * * *' }, stored()).next).toMatchObject({
      nextRestartAt: iso(due + hour),
      scheduleKey: key('0 5 * * *'),
    });
  });

  test('is none, and nothing is due, without a schedule', () => {
    const { next, restarts } = planOf(due, undefined, stored({ restartDueSince: iso(due - 1) }));
    for (const field of ['nextRestartAt', 'scheduleKey', 'restartDueSince'])
      expect(next).not.toHaveProperty(field);
    expect(restarts).toEqual([]);
  });

  test('is spread over the jitter, by instance', () => {
    const spread = (uid: string, schedule: Schedule, now = start): number => {
      const view = viewOf(readyStatus(), [containerOf({ instanceUid: uid })], { activity: busy });
      const { metadata } = view.object;
      const instances = [{ ...view, object: { ...view.object, metadata: { ...metadata, uid } } }];
      return Date.parse(planOf(now, schedule, {}, busy, { instances }).next.nextRestartAt ?? '');
    };
    for (const [schedule, from] of [
      [{ cron: daily, jitter: '30m' }, due],
      [{ every: '24h', jitter: '30m' }, start + day],
    ] as const) {
      const times = ['a', 'b', 'c', 'd'].map((uid) => spread(uid, schedule) - from);
      expect(new Set(times).size).toBe(4);
      for (const time of times) {
        expect(time).toBeGreaterThan(0);
        expect(time).toBeLessThan(30 * minute);
      }
    }
    const schedule = { cron: daily, jitter: '30m' };
    const own = spread('a', schedule);
    expect(spread('a', schedule, own - second), 'it is still to come').toBe(own);
    expect(spread('a', schedule, own), 'it has come').toBe(own + day);
  });

  test('of every so often is counted from the claim of the run, which is never in the future', () => {
    const claimed = (at: number) =>
      readyStatus({ run: { ...readyStatus().run, number: 1, revision: 'web-1', claimedAt: iso(at) } });
    const next = (at: number) => planOf(start + hour, { every: '24h' }, claimed(at)).next;
    expect(next(start)).toMatchObject({
      nextRestartAt: iso(start + day),
      scheduleKey: `every 24h run 1 from ${iso(start + hour)}`,
    });
    expect(next(start + 2 * hour).nextRestartAt).toBe(iso(start + hour + day));
  });
});

describe('a restart that comes due', () => {
  test('is noted and told once, and the next one is looked for', () => {
    const first = planOf(due, { cron: daily }, stored());
    expect(first.next).toMatchObject({
      restartDueSince: iso(due),
      nextRestartAt: iso(due + day),
      scheduleKey: `${daily} UTC from ${iso(due)}`,
    });
    expect(first.told).toEqual([
      'Normal RestartDue: A scheduled restart is due since 2026-03-03 04:00:00 UTC.',
    ]);
    expect(first.wakeAt).toBe(due + day);
    const second = planOf(due + day, { cron: daily }, first.next);
    expect(second.next).toMatchObject({ restartDueSince: iso(due), nextRestartAt: iso(due + 2 * day) });
    expect(second.told).toEqual([]);
  });

  test('by age is noted, and its time stays', () => {
    const status = readyStatus({
      scheduleKey: `every 24h run 1 from ${iso(start)}`,
      nextRestartAt: iso(start + day),
    });
    const { next } = planOf(start + day, { every: '24h' }, status);
    expect(next).toMatchObject({
      restartDueSince: iso(start + day),
      nextRestartAt: iso(start + day),
      scheduleKey: status.scheduleKey,
    });
  });

  test('without catchUp is skipped where it was missed by more than a minute', () => {
    const skipped = (late: number) => planOf(due + late, { cron: daily, catchUp: false }, stored());
    expect(skipped(minute).next.restartDueSince).toBe(iso(due));
    expect(skipped(minute + 1).next).not.toHaveProperty('restartDueSince');
    expect(skipped(minute + 1).told).toEqual([
      'Normal RestartSkipped: The restart of 2026-03-03 04:00:00 UTC was missed, and catchUp is false.',
    ]);
    expect(planOf(due + day / 2, { cron: daily }, stored()).next.restartDueSince).toBe(iso(due));
  });

  const claimedAt = (at: number): InstanceStatus =>
    readyStatus({ run: { ...readyStatus().run, number: 1, revision: 'web-1', claimedAt: iso(at) } });

  test.each([
    [due - 1, true],
    [due, false],
    [due + 1, false],
  ])('is done by a start since then: claimed at %i, it is still due: %s', (at, isDue) => {
    const now = due + minute;
    const noted = { ...stored(), ...claimedAt(at), restartDueSince: iso(due), nextRestartAt: iso(due + day) };
    expect('restartDueSince' in planOf(now, { cron: daily }, noted).next).toBe(isDue);
    const unnoted = { ...stored(), ...claimedAt(at) };
    expect('restartDueSince' in planOf(now, { cron: daily }, unnoted).next).toBe(isDue);
  });

  test('means nothing any more once a cron line has changed', () => {
    const status = stored({ restartDueSince: iso(due), nextRestartAt: iso(due + day) });
    const dueAfter = (schedule: Schedule, before: InstanceStatus): string | undefined =>
      planOf(due + minute, schedule, before).next.restartDueSince;
    expect(dueAfter({ cron: '0 5 * * *' }, status)).toBeUndefined();
    expect(dueAfter({ cron: daily }, status)).toBe(iso(due));
    expect(dueAfter({ every: '300h' }, status), 'by age it is the same restart').toBe(iso(due));
    const { scheduleKey: _, ...unknown } = status;
    expect(dueAfter({ cron: '0 5 * * *' }, unknown), 'nobody knows of another line').toBe(iso(due));
  });
});

describe('a restart that is due', () => {
  const text = 'The restart of 2026-03-03 04:00:00 UTC is due';
  const status = stored({
    restartDueSince: iso(due),
    nextRestartAt: iso(due + day),
    scheduleKey: `${daily} UTC from ${iso(due)}`,
  });
  const gate = (now: number, schedule: Schedule, activity: Activity) =>
    planOf(now, { cron: daily, whenIdleFor: '1h', ...schedule }, status, activity);

  test('comes once it was idle for whenIdleFor', () => {
    const before = gate(due + hour - 1, {}, idleSince(due));
    expect(before.restarts).toEqual([]);
    expect(before.wakeAt).toBe(due + hour);
    expect(before.next).toMatchObject({
      phase: 'Ready',
      reason: 'RestartDue',
      message: expect.stringMatching(
        `${text}\\. It is restarted at 2026-03-03 05:00:00 UTC if it stays idle\\.$`,
      ),
    });
    const then = gate(due + hour, {}, idleSince(due));
    expect(then.restarts).toEqual(['ScheduledRestart']);
    expect(then.next.stop?.message).toBe(text);
  });

  test('waits while it is busy', () => {
    const { restarts, next, wakeAt } = gate(due + hour, {}, busy);
    expect(restarts).toEqual([]);
    expect(wakeAt).toBe(due + day);
    expect(next).toMatchObject({
      reason: 'RestartDue',
      message: expect.stringMatching(`${text}\\. It waits until the instance is idle\\.$`),
    });
  });

  test('comes though it is busy once forceAfter has passed', () => {
    const before = gate(due + 2 * hour - 1, { forceAfter: '2h' }, busy);
    expect(before.restarts).toEqual([]);
    expect(before.wakeAt).toBe(due + 2 * hour);
    const then = gate(due + 2 * hour, { forceAfter: '2h' }, busy);
    expect(then.restarts).toEqual(['ScheduledRestart']);
    expect(then.next.stop?.message).toBe(`${text}, and forceAfter has passed`);
  });

  test('is due since now at the latest when the clock goes back', () => {
    const now = due - hour;
    expect(gate(now, { forceAfter: '0s' }, busy).next.stop?.message).toBe(
      'The restart of 2026-03-03 03:00:00 UTC is due, and forceAfter has passed',
    );
  });
});

describe('the next step that people are shown', () => {
  const shown = (now: number, schedule: Schedule | undefined, status: InstanceStatus, activity: Activity) => {
    const { nextAction, nextAt } = planOf(now, schedule, status, activity).status;
    return nextAction === undefined ? undefined : `${nextAction} ${nextAt}`;
  };

  test('is no restart that could come only if it is idle for just long enough', () => {
    const schedule = { cron: daily, whenIdleFor: '1h' };
    expect(shown(due - hour, schedule, stored(), busy)).toBeUndefined();
    expect(shown(due - hour - 1, schedule, stored(), busy)).toBe(`ScheduledRestart ${iso(due)}`);
  });

  test.each<[string, Schedule | undefined, InstanceStatus]>([
    ['its schedule was taken away', undefined, { nextRestartAt: iso(due) }],
    ['it has no time yet', { cron: daily }, {}],
  ])('is no restart of an instance that waits for its place, where %s', (_what, schedule, more) => {
    const policy = schedule === undefined ? {} : { scheduledRestart: schedule as never };
    const { status } = reconcile(
      worldOf({ policy, instances: [viewOf({ phase: 'Pending', ...more })], grants: new Set() }),
    );
    expect(status).not.toHaveProperty('nextAction');
    expect(status).not.toHaveProperty('nextAt');
  });
});
