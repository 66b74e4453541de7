import { describe, expect, test } from 'vitest';
import type { PolicySpec } from '../../src/api/objects.ts';
import type { Activity } from '../../src/plan/world.ts';
import { Story } from './story.ts';
import { day, hour, iso, minute, second, start } from './worlds.ts';

type Schedule = Partial<NonNullable<PolicySpec['scheduledRestart']>>;

/** Ready since a second after 2026-03-02T12:00Z; restarts as soon as it is due, unless the schedule says otherwise. */
const scheduled = (schedule: Schedule, update: Partial<PolicySpec> = {}): Story =>
  Story.ready({ policy: { ...update, scheduledRestart: { whenIdleFor: '0s', ...schedule } as never } });

const restarts = (story: Story): string[] =>
  story.actions.filter(({ type }) => type === 'Start').map(({ cause }) => cause);

describe('a restart by cron', () => {
  test('is stored with its schedule, and happens when it is due, in the same container', () => {
    const story = scheduled({ cron: '0 4 * * *', timezone: 'Europe/Berlin' });
    expect(story.status().nextRestartAt).toBe('2026-03-03T03:00:00.000Z');
    expect(story.status().scheduleKey).toMatch(/^0 4 \* \* \* Europe\/Berlin from /);
    expect(story.world.agent.status).toMatchObject({
      nextAction: 'ScheduledRestart',
      nextAt: '2026-03-03T03:00:00.000Z',
    });
    expect(story.plan.wakeAt).toBe(Date.parse('2026-03-03T03:00Z'));
    story.pass(day);
    expect(restarts(story)).toEqual(['ScheduledRestart']);
    expect(story.actions).toMatchObject([{ type: 'Signal' }, { type: 'Start', how: 'Restart' }]);
    expect(story.status()).toMatchObject({ restartCount: 1, nextRestartAt: '2026-03-04T03:00:00.000Z' });
    expect(story.status().failures ?? 0).toBe(0);
    expect(story.status().restartTimes).toBeUndefined();
  });

  test.each([
    ['spring in Berlin', 'Europe/Berlin', '2026-03-28T12:00:00Z'],
    ['autumn in Berlin', 'Europe/Berlin', '2026-10-24T12:00:00Z'],
    ['spring in New York', 'America/New_York', '2026-03-07T12:00:00Z'],
    ['autumn in New York', 'America/New_York', '2026-10-31T12:00:00Z'],
  ])('comes once a day over the clock change of %s', (_what, timezone, from) => {
    for (const cron of ['30 1 * * *', '0 2 * * *', '30 2 * * *', '0 3 * * *']) {
      const policy = { scheduledRestart: { whenIdleFor: '0s', cron, timezone } };
      const story = Story.ready({ now: Date.parse(from), policy }).pass(3 * day);
      expect(restarts(story)).toEqual(Array(3).fill('ScheduledRestart'));
    }
  });

  test('happens once after two days of absence', () => {
    const story = scheduled({ cron: '0 4 * * *' });
    story.happen({ is: 'Pass', ms: 2 * day }).rest();
    expect(restarts(story)).toEqual(['ScheduledRestart']);
    expect(story.status().nextRestartAt).toBe('2026-03-05T04:00:00.000Z');
  });

  test('without catchUp is skipped when it was missed, and says so', () => {
    const story = scheduled({ cron: '0 4 * * *', catchUp: false });
    story.happen({ is: 'Pass', ms: 2 * day }).rest();
    expect(restarts(story)).toEqual([]);
    expect(story.told).toEqual(['RestartSkipped']);
    story.pass(day);
    expect(restarts(story)).toEqual(['ScheduledRestart']);
  });

  test('without catchUp still happens when the controller comes a little late', () => {
    const story = scheduled({ cron: '0 4 * * *', catchUp: false });
    story.happen({ is: 'Pass', ms: 16 * hour + 30 * second }).rest();
    expect(restarts(story)).toEqual(['ScheduledRestart']);
  });

  test('does not happen twice when the clock goes back by an hour', () => {
    const story = scheduled({ cron: '0 4 * * *' }).pass(16 * hour + minute);
    expect(restarts(story)).toEqual(['ScheduledRestart']);
    story.happen({ is: 'Pass', ms: -hour }).pass(2 * hour);
    expect(restarts(story)).toEqual(['ScheduledRestart']);
  });

  test('happens when the clock goes forward over it', () => {
    const story = scheduled({ cron: '30 12 * * *' }).happen({ is: 'Pass', ms: hour }).rest();
    expect(restarts(story)).toEqual(['ScheduledRestart']);
  });

  test('is found anew when the clock went back by years', () => {
    const story = scheduled({ cron: '0 4 * * *' })
      .happen({ is: 'Pass', ms: -3 * 365 * day })
      .rest();
    expect(Date.parse(story.status().nextRestartAt ?? '') - story.world.now).toBeLessThanOrEqual(day);
  });

  test('can be sixty days away', () => {
    const story = scheduled({ cron: '0 12 1 5 *' });
    expect(story.status().nextRestartAt).toBe('2026-05-01T12:00:00.000Z');
    expect((story.plan.wakeAt ?? 0) - story.world.now).toBeGreaterThan(59 * day);
    story.pass(59 * day);
    expect(restarts(story)).toEqual([]);
    story.pass(2 * day);
    expect(restarts(story)).toEqual(['ScheduledRestart']);
  });

  test('is found anew when the schedule changes', () => {
    const story = scheduled({ cron: '0 4 * * *' });
    story.set({ policy: scheduled({ cron: '0 5 * * *' }).world.policy }).rest();
    expect(story.status().nextRestartAt).toBe('2026-03-03T05:00:00.000Z');
    story.set({ policy: Story.ready().world.policy }).rest();
    expect(story.status().nextRestartAt).toBeUndefined();
    expect(story.status().scheduleKey).toBeUndefined();
  });

  test('is spread by a hash of the uid, always to the same time', () => {
    const story = scheduled({ cron: '0 4 * * *', jitter: '30m' });
    const at = Date.parse(story.status().nextRestartAt ?? '') - Date.parse('2026-03-03T04:00Z');
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThanOrEqual(30 * minute);
    story.pass(day);
    expect(Date.parse(story.status().nextRestartAt ?? '')).toBe(Date.parse('2026-03-04T04:00Z') + at);
  });

  test('is satisfied by another start after it was due', () => {
    const story = scheduled({ cron: '0 4 * * *', whenIdleFor: '1h' }).happen({
      is: 'Busy',
      at: 0,
      busy: true,
    });
    story.pass(16 * hour);
    expect(story.status().restartDueSince).toBeDefined();
    story.happen({ is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 }).pass(8 * hour);
    expect(restarts(story)).toEqual(['BackOffEnded']);
    expect(story.status().restartDueSince).toBeUndefined();
  });
});

describe('a restart that is due', () => {
  test('waits while the instance is busy, until it was idle for whenIdleFor', () => {
    const story = scheduled({ cron: '0 4 * * *', whenIdleFor: '1h' });
    story.happen({ is: 'Busy', at: 0, busy: true }).pass(20 * hour);
    expect(story.did).toEqual([]);
    expect(story.status()).toMatchObject({ phase: 'Ready', restartDueSince: '2026-03-03T04:00:00.000Z' });
    expect(story.told).toEqual(['RestartDue']);
    story.happen({ is: 'Busy', at: 0, busy: false }).pass(59 * minute);
    expect(story.did).toEqual([]);
    story.pass(minute);
    expect(restarts(story)).toEqual(['ScheduledRestart']);
    expect(story.status().restartDueSince).toBeUndefined();
  });

  test('happens though it is busy after forceAfter', () => {
    const story = scheduled({ cron: '0 4 * * *', whenIdleFor: '1h', forceAfter: '2h' });
    story.happen({ is: 'Busy', at: 0, busy: true }).pass(18 * hour - 2 * second);
    expect(story.did).toEqual([]);
    story.pass(2 * second);
    expect(restarts(story)).toEqual(['ScheduledRestart']);
  });

  test('never happens while it is busy without forceAfter', () => {
    const story = scheduled({ cron: '0 4 * * *' })
      .happen({ is: 'Busy', at: 0, busy: true })
      .pass(10 * day);
    expect(story.did).toEqual([]);
  });
});

describe('a restart by age', () => {
  test('counts from the start of the run, however that came about', () => {
    const story = scheduled({ every: '24h' });
    expect(story.status().nextRestartAt).toBe(iso(start + day));
    story
      .happen({ is: 'Pass', ms: 6 * hour }, { is: 'Exit', at: 0, code: 1, cause: 'Runtime', ago: 0 })
      .rest();
    const again = story.world.now;
    story.pass(second);
    expect(story.status().nextRestartAt).toBe(iso(again + day));
    story.forget().pass(3 * day);
    expect(restarts(story)).toEqual(Array(3).fill('ScheduledRestart'));
  });
});

describe('an agent without a protocol has no turns to wait for', () => {
  test('a restart comes when it is due, whatever whenIdleFor says, and the next step says so', () => {
    const story = Story.ready({ policy: { scheduledRestart: { cron: '5 12 * * *' } } });
    expect(story.world.agent.status).toMatchObject({
      nextAction: 'ScheduledRestart',
      nextAt: '2026-03-02T12:05:00.000Z',
    });
    story.pass(5 * minute);
    expect(restarts(story)).toEqual(['ScheduledRestart']);
  });

  test('an update by WhenIdle comes at once', () => {
    const story = Story.ready({ policy: { update: { strategy: 'WhenIdle', idleFor: '1h' } } });
    story.set(({ agent }) => ({
      agent: { ...agent, spec: { ...agent.spec, template: { ...agent.spec.template, image: 'web:2' } } },
    }));
    story.rest();
    expect(story.actions.find(({ type }) => type === 'Signal')).toMatchObject({ cause: 'SpecChanged' });
  });
});

describe('the next step of an agent with a protocol', () => {
  const next = (activity: Activity, schedule: Schedule = {}): string | undefined => {
    const policy = { scheduledRestart: { cron: '10 12 * * *', ...schedule } };
    const story = Story.ready({ spec: { protocol: 'jsonl' }, policy } as never);
    story.set(({ instances }) => ({ instances: instances.map((view) => ({ ...view, activity })) }));
    story.rest();
    return story.world.agent.status?.nextAt;
  };
  const idleAt = (at: number): Activity => ({ busy: false, idleSince: at, waiting: 0 });
  const busy: Activity = { busy: true, waiting: 0 };

  test.each<[string, Activity, Schedule, string | undefined]>([
    ['idle for whenIdleFor by then', idleAt(start - hour), {}, iso(start + 10 * minute)],
    ['idle for less', idleAt(start), {}, iso(start + hour)],
    ['idle for less, and forced before', idleAt(start), { forceAfter: '20m' }, iso(start + 30 * minute)],
    ['busy, and may not be idle for long enough', busy, {}, undefined],
    ['busy, and forced', busy, { forceAfter: '20m' }, iso(start + 30 * minute)],
    ['busy, and due much later', busy, { cron: '0 18 * * *' }, iso(start + 6 * hour)],
  ])('%s: is when the restart comes', (_, activity, schedule, at) => {
    expect(next(activity, schedule)).toBe(at);
  });
});
