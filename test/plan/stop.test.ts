import { describe, expect, test } from 'vitest';
import { applyOutcome } from '../../src/plan/exits.ts';
import { Story } from './story.ts';
import { hour, iso, minute, policyOf, second } from './worlds.ts';

/** Writes a plan and carries its actions out, on a program that takes no notice of signals. */
function deaf(story: Story): Story {
  const { plan, world } = story;
  story.actions.push(...plan.actions);
  story.crash();
  return story.set(({ instances }) => ({
    instances: instances.map((view) => {
      const { metadata, status = {} } = view.object;
      let next = status;
      for (const action of plan.actions)
        if ('name' in action && action.name === metadata.name)
          next = applyOutcome(next, action, { result: 'Succeeded' }, world.now);
      return { ...view, object: { ...view.object, status: next } };
    }),
  }));
}

const suspended = (gracePeriod = '10s'): Story =>
  Story.ready({ policy: { stop: { gracePeriod, signal: 'SIGINT' } } }).happen({
    is: 'Spec',
    spec: { suspend: true },
  });

describe('a stop', () => {
  test('names its run, and sends the policy’s signal once', () => {
    const story = deaf(suspended());
    const { now } = story.world;
    expect(story.actions).toMatchObject([
      { type: 'Signal', run: 1, ref: 'web-0/1', signal: 'SIGINT', cause: 'Suspended' },
    ]);
    expect(story.status().stop).toMatchObject({
      run: 1,
      cause: 'Suspended',
      requestedAt: iso(now),
      deadline: iso(now + 10 * second),
      stage: 'Signal',
    });
    expect(story.status().stop).toHaveProperty('then', 'Stay');
    expect(deaf(story).did).toEqual(['Signal/web-0']);
    expect(story.status().phase).toBe('Stopping');
    expect(story.plan.wakeAt).toBe(now + 10 * second);
  });

  test('kills at its deadline, and again every ten seconds', () => {
    const story = deaf(suspended());
    const kinds: string[] = [];
    for (let round = 0; round < 4; round++) {
      story.happen({ is: 'Wake' }).forget();
      deaf(deaf(story));
      kinds.push(...story.did);
    }
    expect(kinds).toEqual(['Kill/web-0', 'Kill/web-0', 'Kill/web-0', 'Kill/web-0']);
    story.rest();
    expect(story.plan.wakeAt).toBeDefined();
  });

  test('sends its signal again after a crash in between', () => {
    const story = suspended();
    const { actions } = story.plan;
    expect(actions).toHaveLength(1);
    expect(story.crash().plan.actions).toEqual(actions);
  });

  test('without a grace period kills at once', () => {
    expect(suspended('0s').step().actions).toMatchObject([{ type: 'Kill' }]);
  });

  test('never waits longer than its grace period when the clock goes back', () => {
    const story = deaf(suspended()).happen({ is: 'Pass', ms: -hour });
    expect(story.plan.actions).toEqual([]);
    expect(story.plan.wakeAt).toBe(story.world.now + 10 * second);
  });

  test('ends with an exit that is no failure, and Stopped', () => {
    const story = suspended().rest();
    expect(story.status()).toMatchObject({
      phase: 'Stopped',
      reason: 'Suspended',
      lastExit: { run: 1, cause: 'Stop' },
    });
    expect(story.status().failures ?? 0).toBe(0);
    expect(story.status().stop).toBeUndefined();
    expect(story.told).toEqual(['Stopping', 'Stopped']);
  });
});

describe('a stop of an agent whose protocol has a shutdown', () => {
  const stopped = (protocol: 'acp' | 'jsonl' = 'jsonl', gracePeriod = '10s'): Story =>
    Story.ready({ spec: { protocol }, policy: { stop: { gracePeriod } } }).happen({
      is: 'Spec',
      spec: { suspend: true },
    });

  test('asks it to end, sends the signal at half of the grace period, and kills at its end', () => {
    const story = deaf(stopped());
    const { now } = story.world;
    expect(story.actions).toMatchObject([{ type: 'Shutdown', run: 1, ref: 'web-0/1', cause: 'Suspended' }]);
    expect(story.status().stop).toMatchObject({ stage: 'Shutdown', deadline: iso(now + 5 * second) });
    expect(deaf(story).did).toHaveLength(1);
    expect(story.world.agent.status).toMatchObject({ nextAction: 'Signal', nextAt: iso(now + 5 * second) });
    deaf(story.forget().happen({ is: 'Wake' }));
    expect(story.actions).toMatchObject([{ type: 'Signal', signal: undefined }]);
    expect(story.status().stop).toMatchObject({ stage: 'Signal', deadline: iso(now + 10 * second) });
    expect(story.status().stop?.requestedAt).toBe(iso(now));
    deaf(story.forget().happen({ is: 'Wake' }));
    expect(story.actions).toMatchObject([{ type: 'Kill' }]);
    expect(story.world.now).toBe(now + 10 * second);
  });

  test('ends with an exit that is no failure, as after a signal', () => {
    const story = stopped().rest();
    expect(story.did).toEqual(['Shutdown/web-0']);
    expect(story.status()).toMatchObject({ phase: 'Stopped', lastExit: { code: 0, cause: 'Stop' } });
    expect(story.status().failures ?? 0).toBe(0);
  });

  test('asks again after a crash in between', () => {
    const story = stopped();
    const { actions } = story.plan;
    expect(story.crash().plan.actions).toEqual(actions);
  });

  test('sends the signal at once where it could not be asked', () => {
    const story = stopped().happen({ is: 'Step', done: 0, end: 'Retryable' });
    expect(story.plan.actions).toMatchObject([{ type: 'Signal' }]);
    expect(story.crash().status().stop?.deadline).toBe(iso(story.world.now + 10 * second));
  });

  test('still gives the signal its time when the controller was away', () => {
    const story = deaf(stopped()).happen({ is: 'Pass', ms: hour }).crash();
    expect(story.plan.actions).toMatchObject([{ type: 'Signal' }]);
    expect(story.status().stop?.deadline).toBe(iso(story.world.now + 5 * second));
  });

  test('without a grace period kills at once', () => {
    expect(stopped('jsonl', '0s').step().actions).toMatchObject([{ type: 'Kill' }]);
  });

  test('kills at once when the grace period is taken away meanwhile', () => {
    const story = deaf(stopped());
    story.set({ policy: policyOf({ stop: { gracePeriod: '0s' } }) }).forget();
    expect(deaf(story).actions).toMatchObject([{ type: 'Kill' }]);
  });

  test.each<[string, Story]>([
    ['its protocol is another', stopped('acp')],
    ['it does not listen yet', stopped().happen({ is: 'Talk', at: 0, state: 'Connecting' })],
    ['nobody talks to it', stopped().happen({ is: 'Talk', at: 0, state: undefined })],
    ['it is paused', stopped().happen({ is: 'Pause', at: 0 })],
  ])('begins with the signal where %s', (_what, story) => {
    expect(story.plan.actions).toMatchObject([{ type: 'Signal' }]);
  });

  test('never waits longer for it when the clock goes back', () => {
    const story = deaf(stopped()).happen({ is: 'Pass', ms: -hour });
    expect(story.plan.wakeAt).toBe(story.world.now + 5 * second);
  });
});

describe('suspend', () => {
  test('keeps the instance down, and its container; unsuspended it goes on in it', () => {
    const story = suspended().rest().forget();
    expect(story.pass(hour).did).toEqual([]);
    expect(story.world.instances[0]?.observed).toHaveLength(1);
    story.happen({ is: 'Spec', spec: { suspend: false } }).rest();
    expect(story.actions).toMatchObject([{ type: 'Start', run: 2, how: 'Restart', cause: 'Resumed' }]);
    expect(story.status().restartCount).toBe(1);
  });

  test('ends a back-off', () => {
    const story = Story.ready().happen({ is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 }).rest();
    story.happen({ is: 'Spec', spec: { suspend: true } }).rest();
    expect(story.status()).toMatchObject({ phase: 'Stopped' });
    expect(story.status().backoffUntil).toBeUndefined();
    expect(story.plan.wakeAt).toBeUndefined();
  });

  test('taken back while it still stops leads to a restart', () => {
    const story = deaf(suspended()).happen({ is: 'Spec', spec: { suspend: false } });
    deaf(story).happen({ is: 'Exit', at: 0, code: 0, cause: 'Agent', ago: 0 }).rest();
    expect(story.status()).toMatchObject({ phase: 'Starting', run: { number: 2 } });
    expect(story.status().failures ?? 0).toBe(0);
  });
});

describe('replicas', () => {
  test('that are too many go from the highest number on: stopped, removed, deleted', () => {
    const story = Story.ready({ spec: { replicas: 3 } })
      .happen({ is: 'Spec', spec: { replicas: 1 } })
      .rest();
    expect(story.world.instances.map(({ object }) => object.metadata.name)).toEqual(['web-0']);
    expect(story.did).toEqual([
      'Signal/web-1',
      'Signal/web-2',
      'Remove/web-1/web-1/1',
      'DeleteInstance/web-1',
      'Remove/web-2/web-2/1',
      'DeleteInstance/web-2',
    ]);
    expect(story.actions.every((action) => action.type !== 'Remove' || !action.volumes)).toBe(true);
  });

  test('that are missing are made, the gaps first', () => {
    const story = Story.ready({ spec: { replicas: 3 } });
    story.set(({ instances }) => ({ instances: instances.filter((_, at) => at !== 1) })).rest();
    expect(story.did).toEqual(['CreateInstance/web-1', 'Start/web-1']);
  });
});

describe('the deletion of an agent', () => {
  test('stops all at once, removes, deletes, and lets go last', () => {
    const story = Story.ready({ spec: { replicas: 2 } }).happen({ is: 'Delete' });
    expect(story.plan.actions.map(({ id }) => id)).toEqual(['Signal/web-0', 'Signal/web-1']);
    story.rest();
    expect(story.did.slice(2)).toEqual([
      'Remove/web-0/web-0/1',
      'DeleteInstance/web-0',
      'Remove/web-1/web-1/1',
      'DeleteInstance/web-1',
      'DeleteRevision/web-1',
      'Release',
    ]);
    expect(story.world.agent.metadata.finalizers).toEqual([]);
    expect(story.actions.every((action) => action.type !== 'Remove' || !action.volumes)).toBe(true);
  });

  test('takes volumes only with the purge annotation', () => {
    const story = Story.ready();
    story.set(({ agent }) => ({
      agent: { ...agent, metadata: { ...agent.metadata, annotations: { 'agentctl.dev/purge': 'true' } } },
    }));
    story.happen({ is: 'Delete' }).rest();
    expect(story.actions).toContainEqual(expect.objectContaining({ type: 'Remove', volumes: true }));
  });

  test('goes on though its policy and its Runtime are gone', () => {
    const story = Story.ready().set({ policy: { missing: 'gone' }, runtime: { missing: 'docker' } });
    story.happen({ is: 'Delete' }).rest();
    expect(story.did.at(-1)).toBe('Release');
  });

  test('tries a removal that failed again after two seconds', () => {
    const story = Story.ready().happen({ is: 'Delete' }, { is: 'Step', done: 1, end: 'Crash' });
    story.happen({ is: 'Step', done: 0, end: 'Retryable' });
    expect(story.plan.actions).toEqual([]);
    expect(story.plan.wakeAt).toBe(story.world.now + 2 * second);
    expect(story.pass(2 * second).did.at(-1)).toBe('Release');
  });
});

test('an instance that is deleted by hand is stopped first, and made anew', () => {
  const story = Story.ready().happen({ is: 'DeleteInstance', at: 0 }).rest();
  expect(story.did).toEqual([
    'Signal/web-0',
    'Remove/web-0/web-0/1',
    'DeleteInstance/web-0',
    'CreateInstance/web-0',
    'Start/web-0',
  ]);
});

describe('mode OnDemand', () => {
  test('keeps an agent without messages asleep', () => {
    const story = Story.ready({ policy: { mode: 'OnDemand' } });
    expect(story.status()).toMatchObject({ phase: 'Asleep', reason: 'NoMessages' });
    expect(story.status().run).toBeUndefined();
  });

  test('puts one that runs to sleep once it was idle for keepalive', () => {
    const story = Story.ready();
    const policy = Story.ready({ policy: { mode: 'OnDemand', onDemand: { keepalive: '15m' } } }).world.policy;
    story.set({ policy }).happen({ is: 'Busy', at: 0, busy: true }).pass(hour);
    expect(story.did).toEqual([]);
    story.happen({ is: 'Busy', at: 0, busy: false }).pass(15 * minute);
    expect(story.actions).toMatchObject([{ type: 'Signal', cause: 'Idle' }]);
    expect(story.status().phase).toBe('Asleep');
  });

  test('with a keepalive of 0s never puts it to sleep', () => {
    const story = Story.ready();
    const policy = Story.ready({ policy: { mode: 'OnDemand', onDemand: { keepalive: '0s' } } }).world.policy;
    expect(story.set({ policy }).pass(24 * hour).did).toEqual([]);
  });
});
