import { describe, expect, test } from 'vitest';
import type { AgentSpec } from '../../src/api/objects.ts';
import { Story } from './story.ts';
import { iso, minute, second, start, worldOf } from './worlds.ts';

const probe: NonNullable<AgentSpec['readiness']> = {
  exec: { command: ['true'] },
  initialDelay: '0s',
  period: '1s',
  timeout: '1s',
  successThreshold: 1,
  failureThreshold: 3,
};

/** Started now, and nothing checked yet. */
const started = (spec: Partial<AgentSpec>): Story => {
  const story = new Story(worldOf({ spec: spec as never, policy: { backoff: { jitter: 0 } } })).step();
  return story
    .set(({ instances }) => ({ instances: instances.map((view) => ({ ...view, probe: {} })) }))
    .rest()
    .forget();
};

const check = (ready: boolean, live = true) => ({ is: 'Probe', at: 0, ready, live }) as const;

describe('without a readiness check an instance', () => {
  test('is Ready once its start has held for minReady', () => {
    const story = started({ minReady: '5s' });
    expect(story.status()).toMatchObject({ phase: 'Starting', reason: 'MinReady' });
    expect(story.plan.wakeAt).toBe(start + 5 * second);
    story.pass(5 * second);
    expect(story.status()).toMatchObject({ phase: 'Ready', readySince: iso(start + 5 * second) });
    expect(story.told).toEqual(['Ready']);
  });

  test('that ends within minReady is never Ready', () => {
    const story = started({ minReady: '1s' });
    story.happen({ is: 'Exit', at: 0, code: 0, cause: 'Agent', ago: 0 }).pass(minute);
    expect(story.told).not.toContain('Unhealthy');
    expect(story.told.indexOf('BackOff')).toBeLessThan(story.told.indexOf('Ready'));
  });
});

describe('with a readiness check an instance', () => {
  test('is Ready minReady after the check became good', () => {
    const story = started({ readiness: probe, minReady: '2s' }).pass(10 * second);
    expect(story.status()).toMatchObject({
      phase: 'Starting',
      reason: 'WaitingForReadiness',
      message: 'Run 1 is running but not Ready yet: the readiness check has not run yet.',
    });
    story.happen(check(true)).pass(2 * second);
    expect(story.status()).toMatchObject({ phase: 'Ready', readySince: iso(start + 12 * second) });
  });

  test('that was Ready stays so while nothing has been checked yet, as after a restart of the controller', () => {
    const story = started({ readiness: probe }).happen(check(true)).pass(minute).forget();
    const before = story.status();
    story.set(({ instances }) => ({ instances: instances.map((view) => ({ ...view, probe: {} })) })).rest();
    expect(story.status()).toEqual(before);
    expect(story.told).toEqual([]);
  });

  test('is Unready when the check turns bad, is not restarted, and comes back', () => {
    const story = started({ readiness: probe }).happen(check(true)).pass(minute).forget();
    story.happen(check(false)).pass(60 * minute);
    expect(story.status()).toMatchObject({ phase: 'Unready', reason: 'ReadinessFailed' });
    expect(story.status().readySince).toBeUndefined();
    expect(story.did).toEqual([]);
    story.happen(check(true)).pass(second);
    expect(story.status().phase).toBe('Ready');
    expect(story.told).toEqual(['Unhealthy', 'Ready']);
  });

  test('that is not Ready by startDeadline is stopped, and that counts as a failure', () => {
    const story = started({ readiness: probe, startDeadline: '30s' });
    expect(story.plan.wakeAt).toBe(start + 30 * second);
    story.pass(30 * second);
    expect(story.actions).toMatchObject([{ type: 'Signal', cause: 'StartDeadlineExceeded' }]);
    expect(story.status()).toMatchObject({ phase: 'BackOff', failures: 1, lastExit: { cause: 'Stop' } });
    story.pass(second);
    expect(story.status()).toMatchObject({
      run: { number: 2, cause: 'StartDeadlineExceeded' },
      restartCount: 1,
    });
  });

  test('has its startDeadline anew once its Runtime answers again', () => {
    const story = started({ readiness: probe, startDeadline: '30s' }).pass(10 * second);
    story
      .happen({ is: 'Offline' })
      .pass(5 * minute)
      .happen({ is: 'Online' })
      .rest();
    story.pass(29 * second);
    expect(story.did).toEqual([]);
    expect(story.status().phase).toBe('Starting');
    story.pass(second);
    expect(story.actions).toMatchObject([{ type: 'Signal', cause: 'StartDeadlineExceeded' }]);
  });

  test('is not held to startDeadline once it was Ready, nor after its Runtime was out of reach', () => {
    const story = started({ readiness: probe }).happen(check(true)).pass(second).forget();
    story
      .happen(check(false))
      .rest()
      .happen({ is: 'Offline' })
      .pass(60 * minute);
    story.happen({ is: 'Online' }).pass(60 * minute);
    expect(story.did).toEqual([]);
    expect(story.status().phase).toBe('Unready');
  });
});

describe('a liveness check that fails', () => {
  test('restarts the instance, and that counts as a failure', () => {
    const story = started({ liveness: probe }).pass(second).forget();
    story.happen(check(true, false)).rest();
    expect(story.actions).toMatchObject([{ type: 'Signal', cause: 'LivenessFailed' }]);
    expect(story.status()).toMatchObject({ phase: 'BackOff', failures: 1 });
    story.pass(second);
    expect(story.actions).toMatchObject([{}, { type: 'Start', how: 'Restart', cause: 'LivenessFailed' }]);
  });

  test('means nothing where the spec asks for none', () => {
    const story = started({}).happen(check(true, false)).pass(minute);
    expect(story.did).toEqual([]);
  });
});

test('a paused container is Unready with the remedy, and is left alone', () => {
  const story = Story.ready()
    .happen({ is: 'Pause', at: 0 })
    .pass(60 * minute);
  expect(story.did).toEqual([]);
  expect(story.status()).toMatchObject({ phase: 'Unready', reason: 'Paused' });
  expect(story.status().message).toContain('docker unpause');
  expect(story.step().step().told).toEqual(['Paused']); // once
  story.happen({ is: 'Unpause', at: 0 }).pass(second);
  expect(story.status().phase).toBe('Ready');
});

describe('while its Runtime is out of reach an instance', () => {
  test('that was up is Unknown, and nothing is done about it', () => {
    const story = Story.ready()
      .happen({ is: 'Offline' })
      .pass(60 * minute);
    expect(story.did).toEqual([]);
    expect(story.status()).toMatchObject({ phase: 'Unknown', reason: 'RuntimeOffline', restartCount: 0 });
    expect(story.world.agent.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'Unknown' }),
    );
    story.happen({ is: 'Online' }).rest();
    expect(story.status()).toMatchObject({ phase: 'Ready', readySince: iso(start + second) });
  });

  test('keeps what was known while its Runtime is listed for the first time', () => {
    const story = Story.ready();
    const before = story.status();
    story.happen({ is: 'Syncing' }).rest();
    expect(story.status()).toEqual(before);
  });

  test('that waits is not started', () => {
    const story = Story.ready()
      .happen({ is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 })
      .rest()
      .forget();
    story.happen({ is: 'Offline' }).pass(minute);
    expect(story.did).toEqual([]);
    expect(story.status()).toMatchObject({ phase: 'Pending', reason: 'RuntimeOffline' });
    expect(story.happen({ is: 'Online' }).rest().did).toEqual(['Start/web-0']);
  });

  test('that is being deleted waits, and says how to give it up', () => {
    const story = Story.ready().happen({ is: 'Offline' }, { is: 'Delete' }).pass(minute);
    expect(story.did).toEqual([]);
    expect(story.status().message).toContain('agentctl delete agent web --force deletes');
  });
});
