import { describe, expect, test } from 'vitest';
import type { AgentSpec, PolicySpec } from '../../src/api/objects.ts';
import { forecast } from '../../src/plan/forecasting.ts';
import { type Gate, heldGate } from '../../src/plan/world.ts';
import { Story } from './story.ts';
import { hour, iso, minute, second, start } from './worlds.ts';

const gate = (more: Partial<Gate> = {}): Gate => ({
  name: 'budget',
  state: 'Held',
  reason: 'OverBudget',
  message: 'The budget is spent',
  ...more,
});

describe('of several gates', () => {
  test.each<[string, Gate[], string | undefined]>([
    ['none', [], undefined],
    ['an open one', [gate({ state: 'Open' })], undefined],
    ['a held one', [gate()], 'budget'],
    ['one whose time has passed', [gate({ until: start })], undefined],
    ['one with time left', [gate({ until: start + 1 })], 'budget'],
    ['the later of two', [gate({ until: start + 2 }), gate({ name: 'quota', until: start + 3 })], 'quota'],
    ['one without an end before others', [gate(), gate({ name: 'quota', until: start + 3 })], 'budget'],
  ])('%s holds an Agent', (_, gates, expected) => {
    expect(heldGate({ gates, now: start })?.name).toBe(expected);
  });
});

const held = { is: 'Gate', hold: hour } as const;
const open = { is: 'Gate' } as const;
const exit = { is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 } as const;

const story = (policy: Partial<PolicySpec> = {}, spec: Partial<AgentSpec> = {}): Story =>
  Story.ready({
    spec: spec as never,
    policy: { backoff: { schedule: ['0s'], jitter: 0 }, ...policy } as never,
  });
const waits = (message: string): unknown => expect.stringContaining(message);
const text = 'The gate budget is held until 2026-03-02 13:00:01 UTC: The budget is spent.';

describe('while a gate is held', () => {
  test('what runs keeps running, and says what it waits for', () => {
    const at = story().happen(held).rest();
    expect(at.actions).toEqual([]);
    expect(at.status()).toMatchObject({ phase: 'Ready', reason: 'OverBudget', message: waits(text) });
    expect(at.plan.wakeAt).toBe(at.world.now + hour);
    expect(at.world.agent.status?.message).toContain(text);
  });

  test('what is outdated is not replaced, and is so once the gate opens', () => {
    const at = story({ update: { strategy: 'Rolling' } as never });
    at.happen(held, { is: 'Image', image: 'web:2' }).rest();
    expect(at.did).toEqual(['CreateRevision/web-2']);
    const drifted = at.status().conditions?.find(({ type }) => type === 'Drifted');
    expect(drifted?.status).toBe('True');
    at.happen(open).rest();
    expect(at.did).toContain('Signal/web-0');
  });

  test('what ended is not started, says why, and counts no restart', () => {
    const at = story().happen(held, exit).rest();
    expect(at.actions).toEqual([]);
    expect(at.plan.wants).toEqual([]);
    expect(at.status()).toMatchObject({ phase: 'Pending', reason: 'OverBudget', message: text });
    expect(at.status()).toMatchObject({ run: { number: 1 }, failures: 1 });
    expect(at.status().restartTimes).toBeUndefined();
    expect(at.told).toContain('OverBudget');
    const ready = at.status().conditions?.find(({ type }) => type === 'Ready');
    expect(ready).toMatchObject({ status: 'False', reason: 'OverBudget', message: text });
    at.pass(hour + second);
    expect(at.did).toEqual(['Start/web-0']);
    expect(at.status()).toMatchObject({ phase: 'Ready', run: { number: 2 } });
    expect(at.status().restartTimes).toHaveLength(1);
  });

  test('a wait after a failure is told first', () => {
    const at = story({ backoff: { schedule: ['30m'], jitter: 0 } as never })
      .happen(held, exit)
      .rest();
    expect(at.status()).toMatchObject({ phase: 'BackOff' });
    expect(at.pass(45 * minute).status()).toMatchObject({ phase: 'Pending', reason: 'OverBudget' });
  });

  test('a claim that was not carried out gives its place back, and is the same run later', () => {
    const at = story().happen(exit);
    const claimed = at.happen({ is: 'Pass', ms: 1 });
    claimed.set((world) => ({ grants: new Set(world.instances.map(({ object }) => object.metadata.uid)) }));
    claimed.crash();
    expect(at.status()).toMatchObject({ phase: 'Starting', run: { number: 2 } });
    at.happen(held).rest();
    expect(at.status()).toMatchObject({ phase: 'Pending', reason: 'OverBudget', run: { number: 2 } });
    expect(at.happen(open).rest().did).toEqual(['Start/web-0']);
    expect(at.status().run?.number).toBe(2);
    expect(at.status().restartTimes).toHaveLength(1);
  });

  test('an instance without messages sleeps, and one with messages does not wake, and says why', () => {
    const policy = { mode: 'OnDemand' } as const;
    const at = story(policy, { protocol: 'acp' }).happen(held).rest();
    expect(at.status()).toMatchObject({ phase: 'Asleep', reason: 'NoMessages' });
    at.happen({ is: 'Inbox', inbox: { waiting: 1 } }).rest();
    expect(at.actions).toEqual([]);
    expect(at.status()).toMatchObject({ phase: 'Asleep', reason: 'OverBudget', message: text });
    at.pass(hour + second);
    expect(at.did).toEqual(['Start/web-0']);
    expect(at.status()).toMatchObject({ phase: 'Ready', run: { cause: 'Message' } });
  });

  test('an instance that is awake and has messages stays awake', () => {
    const policy = { mode: 'OnDemand', onDemand: { keepalive: '1m' } } as const;
    const at = story(policy, { protocol: 'acp' })
      .happen({ is: 'Inbox', inbox: { waiting: 1 } })
      .rest()
      .forget();
    at.happen(held).pass(30 * minute);
    expect(at.actions).toEqual([]);
    expect(at.status()).toMatchObject({ phase: 'Ready', reason: 'OverBudget' });
  });

  test('an update and a scheduled restart wait, and count against no deadline', () => {
    const every = { every: '10m', whenIdleFor: '0s' };
    const update = { progressDeadline: '5m', autoRevert: true };
    const at = story({ scheduledRestart: every as never, update: update as never });
    at.happen(held, { is: 'Image', image: 'web:2' }).pass(30 * minute);
    expect(at.did.filter((id) => !id.includes('Revision'))).toEqual([]);
    const progressing = at.world.agent.status?.conditions?.find(({ type }) => type === 'Progressing');
    expect(progressing).toMatchObject({ status: 'False', message: waits('It waits for the gate budget.') });
    at.pass(hour);
    expect(at.status()).toMatchObject({ run: { revision: 'web-2' } });
  });

  test('a rollout that cannot start what it stopped does not fail by its deadline', () => {
    const update = { progressDeadline: '5m', autoRevert: true };
    const at = story({ update: update as never })
      .happen({ is: 'Image', image: 'web:2' })
      .step()
      .step();
    at.happen(held).pass(30 * minute);
    const progressing = at.world.agent.status?.conditions?.find(({ type }) => type === 'Progressing');
    expect(progressing).toMatchObject({ status: 'False', reason: 'OverBudget' });
    expect(at.did).not.toContain('Revert');
  });

  test('without an end, it waits for no time', () => {
    const at = story().happen({ is: 'Gate', hold: 'Forever' }, exit).rest();
    expect(at.status().message).toBe('The gate budget is held: The budget is spent.');
    expect(at.plan.wakeAt).toBeUndefined();
    expect(at.happen(open).rest().did).toEqual(['Start/web-0']);
  });

  test('a stop, a scale down and a deletion are carried out', () => {
    const at = story()
      .happen(held, { is: 'Spec', spec: { suspend: true } })
      .rest();
    expect(at.status()).toMatchObject({ phase: 'Stopped', reason: 'Suspended' });
    expect(at.happen({ is: 'Delete' }).rest().did).toContain('Release');
  });

  test('a forecast tells the start when it opens', () => {
    const { world } = story().happen(held, exit).rest();
    const starts = forecast(world, world.now + 2 * hour).filter(({ what }) => what === 'Start');
    expect(starts.map(({ at }) => iso(at))).toEqual([iso(world.now + hour)]);
  });
});
