import { CronExpression, CronExpressionParser } from 'cron-parser';
import { describe, expect, test, vi } from 'vitest';
import type { AgentSpec } from '../../src/api/objects.ts';
import type { Action } from '../../src/plan/action.ts';
import { Story } from './story.ts';
import { day, hour, minute, revisionOf, second, start } from './worlds.ts';

type Entry = NonNullable<AgentSpec['schedule']>[number];

const entryOf = (entry: Partial<Entry>): Entry => ({
  name: 'daily',
  cron: '0 4 * * *',
  timezone: 'UTC',
  message: 'Report.',
  suspend: false,
  catchUp: true,
  overlap: 'Skip',
  conversation: 'New',
  ...entry,
});

/** Ready since 2026-03-02T12:00:01Z, applied a second before. */
const scheduled = (...entries: Partial<Entry>[]): Story =>
  Story.ready({ spec: { protocol: 'acp', schedule: entries.map(entryOf) } });

const every = (span: string): Story => {
  const { cron: _, ...entry } = entryOf({ every: span });
  return Story.ready({ spec: { protocol: 'acp', schedule: [entry] } });
};

const isPrompt = (action: Action): action is Extract<Action, { dueAt: number }> => 'dueAt' in action;
const prompts = ({ actions }: { actions: readonly Action[] }): string[] =>
  actions
    .filter(isPrompt)
    .map(
      ({ type, schedule, dueAt }) =>
        `${type} ${schedule ?? '-'} ${new Date(dueAt).toISOString().slice(5, 16)}`,
    );
const away = (ms: number) => ({ is: 'Pass', ms }) as const;
const open = (...names: string[]) => ({ is: 'Inbox', inbox: { open: new Set(names) } }) as const;

describe('a scheduled prompt', () => {
  test('is sent when it is due, once, and what comes next is told', () => {
    const story = scheduled({ timezone: 'Europe/Berlin', conversation: 'Same' });
    expect(story.plan.wakeAt).toBe(Date.parse('2026-03-03T03:00Z'));
    expect(story.world.agent.status).toMatchObject({
      nextAction: 'Prompt daily',
      nextAt: '2026-03-03T03:00:00.000Z',
    });
    story.pass(day);
    expect(story.actions).toEqual([
      {
        type: 'SendPrompt',
        id: 'SendPrompt/daily',
        after: [],
        cause: 'Scheduled',
        message: 'The prompt daily of 2026-03-03 03:00:00 UTC is due.',
        schedule: 'daily',
        dueAt: Date.parse('2026-03-03T03:00Z'),
        text: 'Report.',
        conversation: 'Same',
      },
    ]);
    expect(story.world.agent.status?.nextAt).toBe('2026-03-04T03:00:00.000Z');
  });

  test('of every so often comes so long after the Agent was made, and then after the last', () => {
    const story = every('90m');
    expect(story.plan.wakeAt).toBe(start + 90 * minute);
    story.pass(4 * hour);
    expect(prompts(story)).toEqual(['SendPrompt daily 03-02T13:30', 'SendPrompt daily 03-02T15:00']);
    expect(story.plan.wakeAt).toBe(start + 270 * minute);
  });

  test('of every second is found at once after a month of absence', () => {
    const story = every('1s').happen(away(30 * day + 500));
    expect(prompts(story.plan)).toEqual(['SendPrompt daily 04-01T12:00']);
    expect(story.plan.wakeAt).toBeLessThanOrEqual(story.world.now + second);
  });

  test('is asked for until it has been noted', () => {
    const story = scheduled({}).happen(away(16 * hour));
    const first = story.plan.actions;
    expect(prompts({ actions: first })).toEqual(['SendPrompt daily 03-03T04:00']);
    story.crash().happen(away(minute)).crash();
    expect(prompts(story.plan)).toEqual(['SendPrompt daily 03-03T04:00']);
    expect(story.step().plan.actions).toEqual([]);
  });

  test('wakes an agent that sleeps by the message that it is', () => {
    const policy = { mode: 'OnDemand' as const };
    const story = Story.ready({ policy, spec: { protocol: 'acp', schedule: [entryOf({})] } }).pass(day);
    expect(prompts(story)).toEqual(['SendPrompt daily 03-03T04:00']);
    expect(story.happen({ is: 'Inbox', inbox: { waiting: 1 } }).rest().did).toContain('Start/web-0');
  });

  test.each([1, 2, 90, 400])('that was missed on %i days is sent once, for the last time', (days) => {
    const story = scheduled({})
      .happen(away(days * day))
      .rest();
    const last = new Date(Date.parse('2026-03-02T04:00Z') + days * day).toISOString().slice(5, 16);
    expect(prompts(story)).toEqual([`SendPrompt daily ${last}`]);
    expect(story.plan.wakeAt).toBe(Date.parse('2026-03-03T04:00Z') + days * day);
  });

  test('of every minute is found at once after a month of absence', () => {
    const story = scheduled({ cron: '* * * * *' }).happen(away(30 * day + 500));
    const searches = vi.spyOn(CronExpressionParser, 'parse');
    const steps = vi.spyOn(CronExpression.prototype, 'next');
    expect(prompts(story.plan)).toEqual(['SendPrompt daily 04-01T12:00']);
    expect(searches.mock.calls.length).toBeLessThan(200);
    expect(steps.mock.calls.length).toBeLessThan(400);
    expect(story.plan.wakeAt).toBe(start + 30 * day + minute);
  });

  test.each([
    [30 * second, 'SendPrompt'],
    [minute, 'SendPrompt'],
    [minute + 1, 'SkipPrompt'],
    [3 * day + 2 * minute, 'SkipPrompt'],
  ])('without catchUp that was missed by %i ms: %s', (late, type) => {
    const story = scheduled({ catchUp: false }).happen(away(16 * hour - second + late));
    expect(story.plan.actions.map((action) => action.type)).toEqual([type]);
    expect(story.rest().plan.actions).toEqual([]);
  });

  test('is passed over while the last one has not ended, unless it may queue', () => {
    const story = scheduled({}, { name: 'queued', overlap: 'Queue' }).happen(open('daily', 'queued'));
    story.pass(day);
    expect(prompts(story)).toEqual(['SkipPrompt daily 03-03T04:00', 'SendPrompt queued 03-03T04:00']);
    expect(story.actions[0]?.message).toContain('the previous one has not ended, and overlap is Skip');
    expect(prompts(story.forget().happen(open('queued')).pass(day))).toContain(
      'SendPrompt daily 03-04T04:00',
    );
  });

  test('that is suspended is not sent, nor made up for when it is resumed', () => {
    const story = scheduled({ suspend: true });
    expect(story.world.agent.status?.nextAction).toBeUndefined();
    story.pass(3 * day);
    expect(new Set(story.actions.map(({ type }) => type))).toEqual(new Set(['SkipPrompt']));
    story
      .forget()
      .happen({ is: 'Spec', spec: { schedule: [entryOf({})] } })
      .pass(hour);
    expect(prompts(story)).toEqual([]);
    expect(prompts(story.pass(day))).toEqual(['SendPrompt daily 03-06T04:00']);
  });

  test('of a suspended Agent is passed over', () => {
    const story = scheduled({}).happen({ is: 'Spec', spec: { suspend: true } });
    expect(prompts(story.pass(day))).toEqual(['SkipPrompt daily 03-03T04:00']);
    expect(story.world.agent.status?.nextAction).toBeUndefined();
    expect(
      prompts(
        story
          .forget()
          .happen({ is: 'Spec', spec: { suspend: false } })
          .rest(),
      ),
    ).toEqual([]);
  });

  test('of an Agent that is being deleted is not looked at', () => {
    const story = scheduled({}).happen({ is: 'Delete' }).crash();
    expect(prompts(story.happen(away(5 * day)).plan)).toEqual([]);
  });

  test('of an Agent without a protocol is not looked at', () => {
    const story = Story.ready({ spec: { schedule: [entryOf({})], prompt: 'Begin.' } });
    expect(story.plan.wakeAt).toBeUndefined();
    expect(prompts(story.pass(day))).toEqual([]);
  });

  test('is never sent twice for one time, however the clock goes', () => {
    const story = scheduled({ cron: '0 * * * *' });
    for (const ms of [hour, -hour, 30 * minute, hour, -3 * day, 2 * day, day + hour])
      story.pass(0).happen(away(ms)).rest();
    const sent = prompts(story);
    expect(new Set(sent).size).toBe(sent.length);
    expect(sent.length).toBeGreaterThan(1);
  });

  test('comes again after a clock that was wrong by years has been set right', () => {
    const story = scheduled({})
      .happen(away(10 * 365 * day))
      .rest()
      .happen(away(-10 * 365 * day))
      .rest()
      .forget();
    expect(prompts(story.pass(day))).toEqual(['SendPrompt daily 03-03T04:00']);
  });

  test('that is new, or has new times, makes up for nothing from before', () => {
    const story = scheduled({ name: 'old', cron: '0 13 2 * *' })
      .pass(3 * day)
      .forget();
    const schedule = [entryOf({ name: 'old', cron: '0 3 * * *' }), entryOf({})];
    story.happen({ is: 'Spec', spec: { schedule } }).rest();
    expect(prompts(story)).toEqual([]);
    expect(prompts(story.pass(day))).toEqual(['SendPrompt old 03-06T03:00', 'SendPrompt daily 03-06T04:00']);
  });

  test('that has another time zone makes up for nothing from before', () => {
    const story = scheduled({ cron: '0 14 * * *' });
    story.happen(away(2.5 * hour));
    const schedule = [entryOf({ cron: '0 14 * * *', timezone: 'Europe/Berlin' })];
    story.happen({ is: 'Spec', spec: { schedule } }).rest();
    expect(prompts(story)).toEqual([]);
  });

  test('is made up for though its text was changed in the meantime', () => {
    const story = scheduled({}).happen(away(2 * day));
    story.happen({ is: 'Spec', spec: { schedule: [entryOf({ message: 'Tell.' })] } }).rest();
    expect(prompts(story)).toEqual(['SendPrompt daily 03-04T04:00']);
    expect(story.actions.find(isPrompt)).toMatchObject({ text: 'Tell.' });
  });

  test('counts from the Agent’s creation while its first Revision stands', () => {
    const story = scheduled({});
    const { agent } = story.world;
    story.set({ revisions: [{ ...revisionOf(agent), metadata: { ...revisionOf(agent).metadata } }] });
    expect(prompts(story.happen(away(day)).rest())).toEqual(['SendPrompt daily 03-03T04:00']);
  });

  test('whose line never comes due asks for nothing', () => {
    const story = scheduled({ cron: '0 0 30 2 *' });
    expect(story.plan.wakeAt).toBeUndefined();
    expect(prompts(story.pass(day))).toEqual([]);
  });
});

describe('spec.prompt', () => {
  const begun = (more: Partial<AgentSpec> = {}, policy = {}): Story =>
    new Story(Story.ready({ spec: { protocol: 'jsonl', ...more } as never, policy }).world);
  const withPrompt = { is: 'Spec', spec: { prompt: 'Begin.' } } as const;

  test('is sent once, when an instance is Ready for the first time', () => {
    const story = Story.ready({ spec: { protocol: 'jsonl', prompt: 'Begin.', replicas: 3 } });
    expect([...story.world.inbox.sent.keys()]).toEqual(['']);
    expect(story.pass(day).did).toEqual([]);
    story.happen({ is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 }).pass(minute);
    expect(prompts(story)).toEqual([]);
  });

  test('waits until an instance is Ready', () => {
    const story = begun().happen({ is: 'Talk', at: 0, state: 'AuthRequired' }, withPrompt).pass(hour);
    expect(prompts(story)).toEqual([]);
    story.happen({ is: 'Talk', at: 0, state: 'Ready' }).pass(second);
    expect(story.actions.at(-1)).toMatchObject({
      type: 'SendPrompt',
      id: 'SendPrompt',
      cause: 'FirstStart',
      text: 'Begin.',
      conversation: 'New',
    });
    expect(story.actions.at(-1)).not.toHaveProperty('schedule');
  });

  test('waits until its Agent is not suspended any more', () => {
    const story = begun({ suspend: true }).happen(withPrompt).pass(hour);
    expect(prompts(story)).toEqual([]);
    expect(prompts(story.happen({ is: 'Spec', spec: { suspend: false } }).pass(second))).toHaveLength(1);
  });
});
