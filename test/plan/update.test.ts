import { describe, expect, test } from 'vitest';
import type { Agent, AgentSpec, PolicySpec } from '../../src/api/objects.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import { Story } from './story.ts';
import { hour, minute, policyOf, runtimeOf, runtimeViewOf, second, specOf } from './worlds.ts';

type Update = Partial<PolicySpec['update']>;

const ready = (update: Update = {}, replicas = 1, more: Partial<PolicySpec> = {}): Story =>
  Story.ready({ spec: { replicas }, policy: { ...more, update: update as never } });

const image = { is: 'Image', image: 'web:2' } as const;
const busy = (at: number, now = true) => ({ is: 'Busy', at, busy: now }) as const;
const condition = (story: Story, type: string) =>
  story.world.agent.status?.conditions?.find((one) => one.type === type);

test('an agent that is updated while others of it are Ready is Updating until all are Ready', () => {
  const story = ready({}, 3).happen(image);
  const phases = new Set<string | undefined>();
  for (let step = 0; step < 600 && !phases.has('Ready'); step += 1) {
    const { phase } = story.pass(100).world.agent.status ?? {};
    if (phase !== 'Ready' || phases.size > 0) phases.add(phase);
  }
  expect([...phases]).toEqual(['Updating', 'Ready']);
});

describe('a manifest that changes nothing', () => {
  test('touches nothing, though its defaults are written out or left out', () => {
    const story = Story.ready();
    const { agent } = story.world;
    const { protocol: _, minReady: _1, ...bare } = agent.spec;
    story.set({ agent: { ...agent, spec: bare as never } });
    const { plan } = story;
    expect(plan.actions).toEqual([]);
    expect(plan.drift).toEqual([]);
    expect(plan.instances.get('web-0')).toBe(story.world.instances[0]?.object.status);
    expect(plan.status).toBe(agent.status);
  });

  test('touches nothing where the same amounts are written otherwise, as in the Revision of an older version', () => {
    const limits = (cpu: string, memory: string) => ({ resources: { limits: { cpu, memory } } });
    const story = Story.ready({ spec: { template: { image: 'web:1', ...limits('1000m', '1024Mi') } } });
    const { agent } = story.world;
    const template = { ...agent.spec.template, ...limits('1', '1Gi') };
    story.set({ agent: { ...agent, spec: { ...agent.spec, template } } });
    expect(story.pass(hour).did).toEqual([]);
    expect(story.plan.drift).toEqual([]);
  });

  test('touches nothing when it names the Runtime that is the default', () => {
    const story = Story.ready()
      .happen({ is: 'Spec', spec: { runtimeRef: { name: 'docker' } } })
      .pass(hour);
    expect(story.did).toEqual(['CreateRevision/web-2']);
    expect(story.status()).toMatchObject({ phase: 'Ready', run: { number: 1, revision: 'web-2' } });
  });
});

describe('a field that can change while the instance runs', () => {
  test('is recorded, restarts nothing, and never shows as drift', () => {
    const story = Story.ready()
      .happen({ is: 'Spec', spec: { minReady: '3s' } })
      .pass(hour);
    expect(story.did).toEqual(['CreateRevision/web-2']);
    expect(story.status().run).toMatchObject({ number: 1, revision: 'web-2' });
    expect(condition(story, 'Drifted')).toMatchObject({ status: 'False' });
  });

  test.each(['replicas', 'suspend', 'revisionHistoryLimit'] as const)(
    'and is %s is not even recorded',
    (field) => {
      const spec = {
        replicas: { replicas: 2 },
        suspend: { suspend: true },
        revisionHistoryLimit: { revisionHistoryLimit: 1 },
      };
      const story = Story.ready().happen({ is: 'Spec', spec: spec[field] }).rest();
      expect(story.did.filter((id) => id.startsWith('CreateRevision'))).toEqual([]);
    },
  );
});

describe('a field that forces a restart', () => {
  test('replaces the container, and is told before and after', () => {
    const story = Story.ready().happen(image);
    expect(story.step().plan.drift).toEqual([
      { field: 'spec.template.image', before: 'web:1', after: 'web:2', update: 'restart' },
    ]);
    story.rest();
    expect(story.actions).toMatchObject([
      { type: 'CreateRevision', message: 'Records a changed spec: spec.template.image: "web:1" -> "web:2".' },
      { type: 'Signal', cause: 'SpecChanged', message: 'spec.template.image: "web:1" -> "web:2"' },
      { type: 'Start', how: 'Create', revision: 'web-2', cause: 'SpecChanged' },
    ]);
    expect(story.told).toContain('Drifted');
    expect(story.status()).toMatchObject({ restartCount: 1, run: { number: 2 } });
    expect(story.status().failures ?? 0).toBe(0);
  });

  test('that comes back as it was makes a new Revision, and restarts nothing that still runs it', () => {
    const story = ready({ strategy: 'OnDelete' }).happen(image).rest();
    story.happen({ is: 'Image', image: 'web:1' }).rest();
    expect(story.did).toEqual(['CreateRevision/web-2', 'CreateRevision/web-3']);
    expect(story.status()).toMatchObject({ phase: 'Ready', run: { number: 1, revision: 'web-3' } });
  });
});

describe('update.strategy', () => {
  test('Rolling waits for the end of a turn', () => {
    const story = ready().happen(image, busy(0)).pass(hour);
    expect(story.did).toEqual(['CreateRevision/web-2']);
    expect(condition(story, 'Drifted')).toMatchObject({
      status: 'True',
      reason: 'SpecChanged',
      message: 'web-0: spec.template.image: "web:1" -> "web:2".',
    });
    expect(condition(story, 'Progressing')).toMatchObject({ status: 'False', reason: 'AwaitingTurn' });
    story.happen(busy(0, false)).rest();
    expect(story.did.slice(1)).toEqual(['Signal/web-0', 'Start/web-0']);
  });

  test('Rolling goes on though messages wait, as long as none is with it', () => {
    const story = Story.ready({ spec: { protocol: 'acp' } });
    story.happen(image, { is: 'Waiting', at: 0, waiting: 2 }, { is: 'Inbox', inbox: { waiting: 9 } }).rest();
    expect(story.did).toEqual(['CreateRevision/web-2', 'Signal/web-0', 'Start/web-0']);
  });

  test('WhenIdle waits until it has been idle for idleFor', () => {
    const story = ready({ strategy: 'WhenIdle', idleFor: '60s' }).happen(image, busy(0)).pass(hour);
    story.happen(busy(0, false)).pass(59 * second);
    expect(story.did).toEqual(['CreateRevision/web-2']);
    expect(story.pass(second).did).toContain('Start/web-0');
  });

  test('OnDelete waits for the deletion of the instance', () => {
    const story = ready({ strategy: 'OnDelete', forceAfter: '1m' }).happen(image).pass(hour);
    expect(story.did).toEqual(['CreateRevision/web-2']);
    expect(condition(story, 'Progressing')?.message).toContain('agentctl delete instance web-0');
    story.happen({ is: 'DeleteInstance', at: 0 }).rest();
    expect(story.actions.at(-1)).toMatchObject({ type: 'Start', revision: 'web-2' });
  });

  test('OnDelete takes the new spec when the instance ends by itself', () => {
    const story = ready({ strategy: 'OnDelete' }).happen(image).rest();
    story.happen({ is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 }).rest();
    expect(story.actions.at(-1)).toMatchObject({ type: 'Start', how: 'Create', revision: 'web-2' });
  });

  test('with forceAfter does not wait for ever', () => {
    const story = ready({ forceAfter: '30m' })
      .happen(image, busy(0))
      .pass(30 * minute - second);
    expect(story.did).toEqual(['CreateRevision/web-2']);
    expect(story.pass(second).did).toContain('Signal/web-0');
  });
});

describe('update.maxUnavailable', () => {
  test.each([
    [1, [['web-2'], ['web-1'], ['web-0']]],
    [2, [['web-2', 'web-1'], ['web-0']]],
    [3, [['web-2', 'web-1', 'web-0']]],
  ])('of %i replaces that many of three at once, the highest first', (maxUnavailable, expected) => {
    const story = ready({ maxUnavailable }, 3).happen(image);
    const waves: string[][] = [];
    for (let wave = 0; wave < expected.length; wave++) {
      story.forget().rest();
      waves.push(story.actions.flatMap((one) => (one.type === 'Signal' ? [one.name] : [])).toReversed());
      story.happen({ is: 'Pass', ms: second });
    }
    expect(waves).toEqual(expected);
    expect(story.pass(minute).world.agent.status).toMatchObject({ readyReplicas: 3, updatedReplicas: 3 });
  });

  test('counts an instance that is down for another cause', () => {
    const story = ready({}, 2, { backoff: { schedule: ['10m'], jitter: 0, resetAfter: '5m' } });
    story.happen({ is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 }).rest();
    story.happen({ is: 'RolloutRestart' }).rest();
    expect(story.did).toEqual(['Start/web-0']);
    story.pass(minute);
    expect(story.did).toContain('Signal/web-1');
  });

  test('stops at an instance that does not become Ready', () => {
    const probe = {
      exec: { command: ['x'] },
      initialDelay: '0s',
      period: '1s',
      timeout: '1s',
      successThreshold: 1,
      failureThreshold: 1,
    };
    const story = Story.ready({ spec: { replicas: 3, readiness: probe } }).happen(image);
    for (let round = 0; round < 30; round++) {
      story.rest();
      story.happen({ is: 'Probe', at: 2, ready: false, live: true }, { is: 'Pass', ms: 10 * second });
    }
    expect(story.did.filter((id) => id === 'Signal/web-1' || id === 'Signal/web-0')).toEqual([]);
  });
});

describe('update.progressDeadline', () => {
  const policy = { update: { progressDeadline: '10m' }, backoff: { schedule: ['30s'], jitter: 0 } };

  /** The new image ends at once, each time that it is started. */
  function broken(autoRevert: boolean): Story {
    const story = Story.ready({ policy: { ...policy, update: { ...policy.update, autoRevert } } })
      .happen(image)
      .rest();
    for (let round = 0; round < 25; round++) {
      if (story.world.agent.spec.template.image === 'web:2')
        story.happen({ is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 });
      story.pass(30 * second);
    }
    return story;
  }

  test('that passes without progress makes Progressing False, and says how to go back', () => {
    const story = broken(false);
    expect(condition(story, 'Progressing')).toMatchObject({
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
    });
    expect(condition(story, 'Progressing')?.message).toContain('agentctl rollout undo');
    expect(story.world.agent.status).toMatchObject({ currentRevision: 'web-1', updateRevision: 'web-2' });
  });

  test('with autoRevert goes back to the last Revision that was Ready, under a new number', () => {
    const story = broken(true);
    expect(story.actions).toContainEqual(expect.objectContaining({ type: 'Revert', revision: 'web-1' }));
    expect(story.world.agent.spec.template.image).toBe('web:1');
    expect(story.pass(minute).world.agent.status).toMatchObject({
      phase: 'Ready',
      currentRevision: 'web-3',
      updateRevision: 'web-3',
    });
    expect(story.did.filter((id) => id.startsWith('Revert'))).toHaveLength(1);
  });

  test.each<[string, Partial<AgentSpec>]>([
    ['policyRef', { policyRef: { name: 'careful' } }],
    ['policy', { policy: policyOf({ stop: { gracePeriod: '3s' } }) }],
    ['replicas and revisionHistoryLimit', { replicas: 2, revisionHistoryLimit: 7 }],
  ])('with autoRevert keeps the %s that the Agent has now', (_what, now) => {
    const story = Story.ready({ policy: { ...policy, update: { ...policy.update, autoRevert: true } } });
    story.happen(image, { is: 'Spec', spec: now }).rest();
    for (let round = 0; story.world.agent.spec.template.image === 'web:2' && round < 50; round++)
      story.happen({ is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 }).pass(30 * second);
    expect(story.world.agent.spec).toEqual({ ...specOf(), ...now });
  });

  test('with autoRevert says that the rollout has failed, until a new spec or a resume', () => {
    const failed = {
      reason: 'Reverted',
      message: expect.stringMatching(
        /^Revision web-2 did not become Ready within 10m, .*its spec is now web-3/,
      ),
    };
    const story = broken(true).pass(minute);
    expect(condition(story, 'Progressing')).toMatchObject({ status: 'False', ...failed });
    expect(condition(story, 'Stalled')).toMatchObject({ status: 'True', ...failed });
    expect(condition(story, 'Ready')).toMatchObject({ status: 'True' });
    const scaled = broken(true)
      .happen({ is: 'Spec', spec: { replicas: 2 } })
      .pass(minute);
    expect(condition(scaled, 'Stalled')).toMatchObject(failed);
    const changed = broken(true)
      .happen({ is: 'Spec', spec: { minReady: '2s' } })
      .pass(minute);
    expect(condition(changed, 'Stalled')).toBeUndefined();
    expect(condition(changed, 'Progressing')).toMatchObject({ reason: 'Complete' });
  });

  test('with autoRevert is no failure any more once somebody resumes the Agent, nor for one that is made of it', () => {
    const { world } = broken(true).pass(minute);
    const now = new Date(world.now).toISOString();
    const stalled = (metadata: Partial<Agent['metadata']>) => {
      const agent = { ...world.agent, metadata: { ...world.agent.metadata, ...metadata } };
      return reconcile({ ...world, agent }).status.conditions?.some(({ type }) => type === 'Stalled');
    };
    const { annotations } = world.agent.metadata;
    expect(stalled({})).toBe(true);
    expect(stalled({ annotations: { ...annotations, 'agentctl.dev/resume': now } })).toBe(false);
    expect(stalled({ creationTimestamp: now })).toBe(false);
    expect(stalled({ annotations: { 'agentctl.dev/reverted': 'nonsense' } })).toBe(false);
  });

  test('without autoRevert is a failure that other tools can read too', () => {
    expect(condition(broken(false), 'Stalled')).toMatchObject({
      status: 'True',
      reason: 'ProgressDeadlineExceeded',
    });
  });

  test('does not run while an update waits for its turn', () => {
    const story = Story.ready({ policy })
      .happen(image, busy(0))
      .pass(5 * hour);
    expect(condition(story, 'Progressing')?.reason).toBe('AwaitingTurn');
    story.happen(busy(0, false)).rest();
    expect(condition(story, 'Progressing')).toMatchObject({ status: 'True' });
  });
});

describe('restartOn', () => {
  const env = [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'key', key: 'k', optional: false } } }];
  const spec = { template: { image: 'web:1', env } };
  const inputs = { 'Secret/key': 'hmac 0' };

  test('SecretChange makes a new Revision and replaces the instance, once', () => {
    const story = Story.ready({ spec, inputs, policy: { restartOn: ['SecretChange'] } });
    story.set({ inputs: { 'Secret/key': 'hmac 1' } }).pass(hour);
    expect(story.actions).toMatchObject([
      { type: 'CreateRevision' },
      { type: 'Signal', cause: 'SecretChanged' },
      { type: 'Start', how: 'Create', cause: 'SecretChanged' },
    ]);
  });

  test('without SecretChange a changed Secret touches nothing, and is told', () => {
    const story = Story.ready({ spec, inputs });
    expect(story.set({ inputs: { 'Secret/key': 'hmac 1' } }).pass(hour).did).toEqual([]);
    expect(condition(story, 'Drifted')).toMatchObject({
      status: 'True',
      reason: 'SecretChanged',
      message: expect.stringMatching(
        /^web-0: Secret\/key changed since it was started\. To use the change, run agentctl rollout restart agent\/web\. /,
      ),
    });
    story.set({ inputs }).rest();
    expect(condition(story, 'Drifted')).toMatchObject({ status: 'False' });
  });

  test('ImageUpdate replaces what runs an older image of the same name', () => {
    const story = Story.ready({ imageId: 'sha256:1', policy: { restartOn: ['ImageUpdate'] } });
    story.set({ imageId: 'sha256:2' }).pass(hour);
    expect(story.actions).toMatchObject([
      { type: 'Signal', cause: 'ImageUpdated' },
      { type: 'Start', how: 'Create' },
    ]);
    expect(story.status().run?.image).toBe('sha256:2');
  });

  test('ControllerUpgrade replaces what an older controller made', () => {
    const story = Story.ready({ policy: { restartOn: ['ControllerUpgrade'] } })
      .set({ controllerVersion: '2' })
      .pass(hour);
    expect(story.actions).toMatchObject([
      { type: 'Signal', cause: 'ControllerUpgraded' },
      { type: 'Start', how: 'Create' },
    ]);
  });
});

describe('agentctl rollout restart', () => {
  test('restarts every instance once, in the same container, one after another', () => {
    const story = ready({}, 2).happen({ is: 'Pass', ms: minute }, { is: 'RolloutRestart' }).pass(minute);
    expect(story.actions).toMatchObject([
      { type: 'Signal', name: 'web-1', cause: 'RolloutRestart' },
      { type: 'Start', name: 'web-1', how: 'Restart' },
      { type: 'Signal', name: 'web-0', cause: 'RolloutRestart' },
      { type: 'Start', name: 'web-0', how: 'Restart' },
    ]);
    expect(story.forget().pass(hour).did).toEqual([]);
  });

  test('waits for the end of a turn', () => {
    const story = ready().happen({ is: 'Pass', ms: minute }, busy(0), { is: 'RolloutRestart' }).pass(hour);
    expect(story.did).toEqual([]);
  });
});

test('agentctl rollout restart ends a back-off', () => {
  const story = Story.ready({ policy: { backoff: { schedule: ['10m'] } } }).happen({
    is: 'Pass',
    ms: minute,
  });
  story.happen({ is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 }).rest();
  expect(story.status().phase).toBe('BackOff');
  story.happen({ is: 'RolloutRestart' }).rest();
  expect(story.actions).toMatchObject([{ type: 'Start', cause: 'RolloutRestart', how: 'Restart' }]);
});

describe('another Runtime', () => {
  test('gets the instance only when nothing of it is left on the old one', () => {
    const story = Story.ready().happen({ is: 'Move', runtime: 'podman' }).rest();
    expect(story.did).toEqual(['Signal/web-0', 'Remove/web-0/web-0/1', 'MoveInstance/web-0', 'Start/web-0']);
    expect(story.world.instances[0]?.object.spec.runtimeRef.name).toBe('podman');
    expect(story.actions.at(-1)).toMatchObject({ how: 'Create', run: 2 });
  });

  test('waits while the old one is out of reach', () => {
    const story = Story.ready().happen({ is: 'Offline' });
    story.set({ runtime: runtimeViewOf(runtimeOf({}, 'podman')) }).pass(hour);
    expect(story.did).toEqual([]);
    expect(story.status().phase).toBe('Unknown');
  });
});

describe('what cannot be carried out', () => {
  test.each([
    ['PolicyMissing', { policy: { missing: 'calm' } }],
    ['RuntimeMissing', { runtime: { missing: 'moon' } }],
    ['UnsupportedByRuntime', { unsupported: ['spec.template.image: this driver runs no images'] }],
    [
      'NamespaceNotAllowed',
      {
        runtime: runtimeViewOf(runtimeOf({ allowedNamespaces: ['team'] })),
      },
    ],
    ['InvalidSchedule', { policy: policyOf({ scheduledRestart: { cron: 'soon' } }) }],
  ])('is %s: no start, and no stop either', (reason, change) => {
    const story = Story.ready().set(change).happen(image).pass(hour);
    expect(story.did.filter((id) => !id.startsWith('CreateRevision'))).toEqual([]);
    expect(condition(story, 'Accepted')).toMatchObject({ status: 'False', reason });
    expect(story.status().phase).toBe('Ready');
    story.happen({ is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 }).pass(hour);
    expect(story.did).not.toContain('Start/web-0');
    expect(story.status()).toMatchObject({ phase: 'Pending', reason });
  });

  test('is told in one Event of the Agent, and not again while it lasts', () => {
    const unsupported = ['spec.template.image: this driver runs no images'];
    const story = Story.ready({ spec: { replicas: 2 } })
      .set({ unsupported })
      .happen(image, { is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 })
      .happen({ is: 'Exit', at: 1, code: 1, cause: 'Agent', ago: 0 })
      .pass(hour);
    const told = story.events.filter(({ reason }) => reason === 'UnsupportedByRuntime');
    expect(told).toEqual([
      expect.objectContaining({ type: 'Warning', message: expect.stringContaining(unsupported[0] ?? '') }),
    ]);
    expect(told[0]).not.toHaveProperty('instance');
    story.set({ unsupported: ['spec.template.user: this driver has no users'] }).pass(hour);
    expect(story.told.filter((reason) => reason === 'UnsupportedByRuntime')).toHaveLength(2);
  });

  test('can still be suspended', () => {
    const story = Story.ready()
      .set({ policy: { missing: 'calm' } })
      .happen({ is: 'Spec', spec: { suspend: true } });
    expect(story.rest().status().phase).toBe('Stopped');
  });
});

describe('old Revisions', () => {
  test('are kept up to revisionHistoryLimit, and those in use beyond it', () => {
    const story = Story.ready({
      spec: { revisionHistoryLimit: 1 },
      policy: { update: { strategy: 'OnDelete' } },
    });
    for (const tag of [2, 3, 4, 5]) story.happen({ is: 'Image', image: `web:${tag}` }).rest();
    expect(story.world.revisions.map(({ metadata }) => metadata.name)).toEqual(['web-1', 'web-4', 'web-5']);
  });
});
