import { describe, expect, test } from 'vitest';
import { Story } from './story.ts';
import { iso, minute, second, start, worldOf } from './worlds.ts';

const exit = (at: number) => ({ is: 'Exit', at, code: 1, cause: 'Agent', ago: 0 }) as const;
const agent = (story: Story) => story.world.agent.status ?? {};
const conditions = (story: Story): string[] =>
  (agent(story).conditions ?? []).map(({ type, status, reason }) => `${type} ${status} ${reason}`);

describe('the status of an agent', () => {
  test('whose instances are Ready', () => {
    const story = Story.ready({ spec: { replicas: 2 } });
    expect(agent(story)).toMatchObject({
      observedGeneration: 1,
      replicas: 2,
      readyReplicas: 2,
      updatedReplicas: 2,
      restartCount: 0,
      phase: 'Ready',
      runtime: 'docker',
      currentRevision: 'web-1',
      updateRevision: 'web-1',
      selector: 'agentctl.dev/agent=web',
    });
    expect(conditions(story)).toEqual([
      'Accepted True Accepted',
      'Progressing False Complete',
      'Ready True Ready',
      'Drifted False InSync',
    ]);
  });

  test('names the Runtime that is used, where the spec names none', () => {
    const story = Story.ready({ spec: { template: { image: 'web:1' } } });
    expect(story.world.agent.spec.runtimeRef).toBeUndefined();
    expect(agent(story).runtime).toBe('docker');
  });

  test.each<[what: string, play: (story: Story) => Story, phase: string, reason: string]>([
    ['BackOff over Ready', (story) => story.happen(exit(1)), 'BackOff', 'BackOff'],
    ['Unready over Ready', (story) => story.happen({ is: 'Pause', at: 1 }), 'Unready', 'Paused'],
    ['Unknown over all that run', (story) => story.happen({ is: 'Offline' }), 'Unknown', 'RuntimeOffline'],
    [
      'Stopped when it is suspended',
      (story) => story.happen({ is: 'Spec', spec: { suspend: true } }),
      'Stopped',
      'Suspended',
    ],
    [
      'Stopped without replicas',
      (story) => story.happen({ is: 'Spec', spec: { replicas: 0 } }),
      'Stopped',
      'NoReplicas',
    ],
  ])('shows the instance that needs attention first: %s', (_what, play, phase, reason) => {
    const story = play(Story.ready({ spec: { replicas: 2 } })).rest();
    expect(agent(story)).toMatchObject({ phase, reason });
  });

  test('is Updating where others are Ready, and that of the instance where none is', () => {
    const image = { is: 'Image', image: 'web:2' } as const;
    const two = Story.ready({ spec: { replicas: 2 } })
      .happen(image)
      .step();
    expect(agent(two)).toMatchObject({ phase: 'Updating', reason: 'Updating', readyReplicas: 1 });
    expect(agent(two).message).toContain(' web-1: ');
    const one = Story.ready().happen(image).step();
    expect(agent(one)).toMatchObject({ phase: 'Stopping', readyReplicas: 0 });
  });

  test('counts an instance that waits for a restart as updated, as it has the spec', () => {
    const story = Story.ready({ policy: { update: { strategy: 'OnDelete' } } });
    story.set(({ agent: { metadata, ...rest }, now }) => ({
      agent: { ...rest, metadata: { ...metadata, annotations: { 'agentctl.dev/restartedAt': iso(now) } } },
    }));
    story.rest();
    expect(conditions(story)).toContain('Drifted True RolloutRestart');
    expect(agent(story).updatedReplicas).toBe(1);
    story.happen({ is: 'Image', image: 'web:2' }).rest();
    expect(agent(story).updatedReplicas).toBe(0);
  });

  test('is looked at again when the first of its instances asks for it', () => {
    const policy = { backoff: { schedule: ['10s'], jitter: 0 } };
    const story = Story.ready({ spec: { replicas: 2 }, policy })
      .happen(exit(0))
      .rest();
    const first = story.plan.wakeAt;
    story.happen({ is: 'Pass', ms: 5 * second }, exit(1)).rest();
    expect(story.plan.wakeAt).toBe(first);
    expect(story.world.now).toBeLessThan(first ?? 0);
  });

  test('names what happens next, and when', () => {
    const story = Story.ready({ policy: { backoff: { schedule: ['10s'], jitter: 0 } } })
      .happen(exit(0))
      .rest();
    expect(agent(story)).toMatchObject({ nextAction: 'Restart', nextAt: '2026-03-02T12:00:11.000Z' });
    story.pass(minute);
    expect(agent(story).nextAction).toBeUndefined();
  });

  test('names no scheduled restart for what has failed for good: the clock restarts only what runs', () => {
    const policy = { scheduledRestart: { cron: '0 4 * * *' }, restart: { on: 'Never' as const } };
    const story = Story.ready({ policy });
    expect(agent(story).nextAction).toBe('ScheduledRestart');
    story.happen(exit(1)).pass(minute);
    expect(agent(story)).toMatchObject({ phase: 'Failed' });
    expect(agent(story).nextAction).toBeUndefined();
  });

  test('moves lastTransitionTime only when a condition changes its status', () => {
    const story = Story.ready({ policy: { backoff: { schedule: ['10s'], jitter: 0 } } }).pass(minute);
    const ready = () => agent(story).conditions?.find(({ type }) => type === 'Ready');
    expect(ready()?.lastTransitionTime).toBe('2026-03-02T12:00:01.000Z');
    story.happen(exit(0)).rest();
    expect(ready()).toMatchObject({ status: 'False', lastTransitionTime: '2026-03-02T12:01:01.000Z' });
    story.pass(5 * second);
    story.happen({ is: 'Spec', spec: { suspend: true } }).rest();
    expect(ready()).toMatchObject({
      reason: 'Suspended',
      observedGeneration: 2,
      lastTransitionTime: '2026-03-02T12:01:01.000Z',
    });
  });

  test('keeps the last Revision that was Ready while a new one comes up', () => {
    const story = Story.ready().happen({ is: 'Image', image: 'web:2' }).rest();
    expect(agent(story)).toMatchObject({ currentRevision: 'web-1', updateRevision: 'web-2' });
    story.pass(second);
    expect(agent(story)).toMatchObject({ currentRevision: 'web-2' });
  });

  test('without a Runtime has no instances, and says why', () => {
    const spec = { runtimeRef: { name: 'moon' } };
    const story = new Story(worldOf({ spec, instances: [], runtime: { missing: 'moon' } })).rest();
    expect(story.world.instances).toEqual([]);
    expect(agent(story)).toMatchObject({ phase: 'Pending', reason: 'RuntimeMissing' });
    expect(agent(story).message).toContain('agentctl get runtimes');
    const ready = agent(story).conditions?.find(({ type }) => type === 'Ready');
    expect(ready).toMatchObject({ status: 'False', reason: 'RuntimeMissing' });
    expect(ready?.message).toContain('The Runtime moon does not exist.');
  });

  test('with an image and no Runtime for containers, says how to get one', () => {
    const story = new Story(worldOf({ instances: [], runtime: { missing: 'any' } })).rest();
    expect(agent(story).message).toContain('There is no Runtime for containers');
    expect(agent(story).message).toContain('agentctl explain runtime.spec');
  });

  test('is the very same object where nothing changed, so that nothing is written', () => {
    const story = Story.ready({ spec: { replicas: 2 } });
    const { plan } = story;
    expect(plan.status).toBe(story.world.agent.status);
    for (const { object } of story.world.instances)
      expect(plan.instances.get(object.metadata.name)).toBe(object.status);
  });
});

test('a clock that goes back by years and forth again breaks no rule', () => {
  const story = Story.ready({ policy: { scheduledRestart: { cron: '0 4 * * *' } } });
  story.happen({ is: 'Pass', ms: -(start - 1) }).pass(minute);
  story.happen(exit(0)).pass(minute);
  expect(story.status()).toMatchObject({ phase: 'Ready', restartCount: 1 });
  story.happen({ is: 'Pass', ms: start }).pass(minute);
  expect(story.status().phase).toBe('Ready');
});
