import { describe, expect, test } from 'vitest';
import { forecast } from '../../src/plan/forecasting.ts';
import { Story } from './story.ts';
import { day, hour, minute, worldOf } from './worlds.ts';

const text = (story: Story, until: number, most?: number): string[] =>
  forecast(story.world, story.world.now + until, most).map(
    ({ at, instance = '', what }) => `${new Date(at).toISOString().slice(5, 19)} ${instance} ${what}`,
  );

describe('a forecast', () => {
  test('of a new agent tells each step until it is Ready', () => {
    expect(text(new Story(worldOf({ instances: [], revisions: [] })), minute)).toEqual([
      '03-02T12:00:00  CreateRevision',
      '03-02T12:00:00 web-0 CreateInstance',
      '03-02T12:00:00 web-0 Start',
      '03-02T12:00:01 web-0 Ready',
    ]);
  });

  test('of an agent at rest is empty', () => {
    expect(text(Story.ready(), 60 * day)).toEqual([]);
  });

  test('tells when a back-off ends', () => {
    const story = Story.ready({ policy: { backoff: { schedule: ['10m'], jitter: 0 } } });
    story.happen({ is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 }).rest();
    expect(text(story, hour)).toEqual(['03-02T12:10:01 web-0 Start', '03-02T12:10:02 web-0 Ready']);
  });

  test('tells the scheduled restarts, over a clock change', () => {
    const policy = { scheduledRestart: { cron: '30 2 * * *', timezone: 'Europe/Berlin', whenIdleFor: '0s' } };
    const story = Story.ready({ now: Date.parse('2026-03-28T12:00Z'), policy });
    expect(text(story, 2 * day).filter((line) => line.endsWith('Start'))).toEqual([
      '03-29T01:30:00 web-0 Start',
      '03-30T00:30:00 web-0 Start',
    ]);
  });

  test('tells the prompts that are sent by the clock', () => {
    const entry = { name: 'hourly', cron: '0 * * * *', timezone: 'UTC', message: 'Go.', suspend: false };
    const schedule = [{ ...entry, catchUp: true, overlap: 'Skip' as const, conversation: 'New' as const }];
    const story = Story.ready({ spec: { protocol: 'acp', schedule } });
    expect(text(story, 2 * hour)).toEqual(['03-02T13:00:00  SendPrompt', '03-02T14:00:00  SendPrompt']);
  });

  test('tells when an update is forced on a busy agent', () => {
    const story = Story.ready({ policy: { update: { forceAfter: '2h' } } });
    story.happen({ is: 'Busy', at: 0, busy: true }, { is: 'Image', image: 'web:2' });
    expect(text(story, day)).toContain('03-02T14:00:01 web-0 Signal');
  });

  test('of a deletion ends with it', () => {
    expect(text(Story.ready().happen({ is: 'Delete' }), day).at(-1)).toBe('03-02T12:00:01  Release');
  });

  test('has as many entries as are asked for', () => {
    const story = Story.ready({ policy: { scheduledRestart: { every: '1s', whenIdleFor: '0s' } } });
    expect(text(story, 365 * day, 50)).toHaveLength(50);
  });

  test('does not change the World that it starts from', () => {
    const story = Story.ready().happen({ is: 'Image', image: 'web:2' });
    const before = structuredClone(story.world);
    text(story, day);
    expect(story.world).toEqual(before);
  });
});
