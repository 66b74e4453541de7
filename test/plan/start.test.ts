import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../src/plan/action.ts';
import { occupancy } from '../../src/plan/admit.ts';
import { holdsPlace } from '../../src/plan/draft.ts';
import { applyOutcome } from '../../src/plan/exits.ts';
import { Story } from './story.ts';
import { containerOf, exited, iso, minute, readyStatus, second, start, viewOf, worldOf } from './worlds.ts';

/** Carries out the plan's claim, and lets its Start end like that. */
function failStart(story: Story, outcome: Outcome): Story {
  story.crash();
  return story.set(({ instances, now }) => ({
    instances: instances.map((view) => {
      const { status = {} } = view.object;
      const run = status.run?.number ?? 0;
      const action = {
        type: 'Start',
        id: `Start/${view.object.metadata.name}`,
        after: [],
        cause: '',
        message: '',
        name: view.object.metadata.name,
        uid: view.object.metadata.uid,
        run,
        revision: 'web-1',
        how: 'Create',
      } as const;
      return { ...view, object: { ...view.object, status: applyOutcome(status, action, outcome, now) } };
    }),
  }));
}

const bad = (result: 'Retryable' | 'Terminal' | 'NotStartable', reason = 'Broken'): Outcome => ({
  result,
  reason,
  message: `${reason}: mend it.`,
});

describe('a start', () => {
  test('is only wanted while there is no grant for it', () => {
    const story = new Story(worldOf({ grants: new Set() }));
    expect(story.plan.actions).toEqual([]);
    expect(story.plan.wants).toEqual([
      { uid: 'uid-0', instance: 'web-0', namespace: 'default', runtime: 'docker', priority: 0, since: start },
    ]);
    expect(story.plan.verdicts).toMatchObject([{ phase: 'Pending', reason: 'Queued' }]);
  });

  test('tells its place in the queue', () => {
    const place = { position: 3, since: start - minute, reason: 'Queued', message: 'Number 3.' } as const;
    const story = new Story(worldOf({ grants: new Set(), places: new Map([['uid-0', place]]) })).step();
    expect(story.status()).toMatchObject({
      reason: 'Queued',
      queue: { position: 3, since: iso(start - minute) },
    });
    expect(story.world.agent.status?.queue).toBe('3');
    story.set({ places: new Map() }).rest();
    expect(story.status().queue).toBeUndefined();
  });

  test('writes its intent before it is asked for', () => {
    const { plan } = new Story(worldOf());
    expect(plan.instances.get('web-0')?.run).toEqual({
      number: 1,
      revision: 'web-1',
      claimedAt: iso(start),
      cause: 'FirstStart',
      startedBy: 'Create',
      previous: {},
    });
    expect(plan.actions).toMatchObject([{ type: 'Start', run: 1, revision: 'web-1', how: 'Create' }]);
  });

  test('is asked for again under the same number after a crash in between, without a new grant', () => {
    const story = new Story(worldOf());
    const { actions } = story.plan;
    story.crash();
    expect(story.world.grants.size).toBe(0);
    expect(story.plan.actions).toEqual(actions);
  });

  test('is not asked for again while it is being carried out', () => {
    const story = new Story(worldOf()).crash();
    story.set(({ instances }) => ({
      instances: instances.map((view) => ({ ...view, inFlight: 'Start/web-0' })),
    }));
    expect(story.plan.actions).toEqual([]);
    expect(story.plan.verdicts).toMatchObject([{ phase: 'Starting' }]);
  });

  test('is recognised by what differs from before, and written down exactly as the Runtime tells it', () => {
    const before = exited(1, start, { startId: 's1' });
    const story = new Story(
      worldOf({ now: start + minute, instances: [viewOf(readyStatus(), [before])] }),
    ).crash();
    expect(story.status().run).toMatchObject({ number: 2, previous: { ref: 'c1', startedAt: 's1' } });
    story.set(({ instances: [view] }) => ({
      instances:
        view === undefined
          ? []
          : [{ ...view, observed: [containerOf({ startId: 's2', startedAt: start + minute })] }],
    }));
    story.step();
    expect(story.status().run).toMatchObject({ number: 2, ref: 'c1', startedAt: 's2', startedBy: 'Restart' });
    expect(story.status().restartCount).toBe(1);
  });

  test('of a container that was made and never started is made anew', () => {
    const story = new Story(worldOf()).crash();
    story.set(({ instances: [view] }) => ({
      instances:
        view === undefined
          ? []
          : [{ ...view, observed: [containerOf({ state: 'Created', startId: undefined })] }],
    }));
    expect(story.plan.actions).toMatchObject([{ type: 'Start', run: 1, how: 'Create' }]);
  });

  test('takes the spec as it is when it is asked for again', () => {
    const story = new Story(worldOf()).crash();
    story.happen({ is: 'Image', image: 'web:2' }).step();
    expect(story.plan.actions).toMatchObject([{ type: 'Start', run: 1, revision: 'web-2' }]);
  });
});

describe('a start that failed', () => {
  test('counts and backs off like an exit, and is tried under the next number', () => {
    const story = failStart(
      new Story(worldOf({ policy: { backoff: { jitter: 0 } } })),
      bad('Retryable', 'DiskFull'),
    );
    story.rest();
    expect(story.status()).toMatchObject({
      phase: 'BackOff',
      failures: 1,
      lastExit: { run: 1, cause: 'StartFailed', message: 'DiskFull: mend it.' },
    });
    story.pass(second);
    expect(story.status()).toMatchObject({ phase: 'Starting', run: { number: 2 }, restartCount: 0 });
  });

  test('and came about after all goes on as its run', () => {
    const story = failStart(new Story(worldOf()), bad('Retryable')).crash();
    story.set(({ instances: [view] }) => ({
      instances: view === undefined ? [] : [{ ...view, observed: [containerOf()] }],
    }));
    story.rest();
    expect(story.did).toEqual([]);
    expect(story.status()).toMatchObject({ phase: 'Starting', run: { number: 1, startedAt: 's1' } });
    expect(story.status().backoffUntil).toBeUndefined();
  });

  test('for good is Failed, until a new spec', () => {
    const story = failStart(new Story(worldOf()), bad('Terminal', 'InvalidSpec')).rest();
    expect(story.status()).toMatchObject({
      phase: 'Failed',
      reason: 'InvalidSpec',
      message: 'InvalidSpec: mend it.',
    });
    expect(story.did).toEqual([]);
    story.happen({ is: 'Image', image: 'web:2' }).rest();
    expect(story.status()).toMatchObject({ phase: 'Starting', run: { number: 2, revision: 'web-2' } });
  });

  test('since something is missing burns nothing, and is tried again after two seconds', () => {
    const story = failStart(new Story(worldOf()), bad('NotStartable', 'ImagePull')).rest();
    expect(story.status()).toMatchObject({
      phase: 'Pending',
      reason: 'ImagePull',
      message:
        'ImagePull: mend it. It is tried again at 2026-03-02 12:00:02 UTC, or now with agentctl resume web.',
    });
    expect(story.plan.wakeAt).toBe(start + 2 * second);
    const next = { nextAction: 'Start', nextAt: '2026-03-02T12:00:02.000Z' };
    expect(story.world.agent.status).toMatchObject(next);
    story.pass(2 * second);
    expect(story.world.agent.status?.nextAction, 'while it starts').toBeUndefined();
    expect(story.actions).toMatchObject([{ type: 'Start', run: 1, how: 'Create' }]);
    expect(story.status()).toMatchObject({ restartCount: 0, run: { number: 1 } });
    expect(story.status().failures ?? 0).toBe(0);
  });

  test('since something is missing is told each time that it is tried, in the same words', () => {
    const story = failStart(new Story(worldOf()), bad('NotStartable', 'ImagePull'));
    for (let round = 0; round < 4; round++) {
      story.crash().happen({ is: 'Pass', ms: 4 * second });
      story.set({ grants: new Set(['uid-0']) });
      failStart(story, bad('NotStartable', 'ImagePull'));
      expect(story.plan.events).toMatchObject([{ reason: 'ImagePull', message: 'ImagePull: mend it.' }]);
      expect(story.crash().plan.events, 'once').toEqual([]);
    }
    expect(story.told).toEqual(Array(5).fill('ImagePull'));
    expect(story.status()).toMatchObject({
      reason: 'ImagePull',
      lastOutcome: { count: 5 },
      run: { number: 1 },
    });
  });

  test('since something is missing stays Pending for that while it is tried again, and takes a place', () => {
    const story = failStart(new Story(worldOf()), bad('NotStartable', 'ImagePull')).crash();
    const { now: claimed } = story.pass(0).world;
    story.happen({ is: 'Pass', ms: 2 * second }).set({ grants: new Set(['uid-0']) });
    expect(story.plan.actions).toMatchObject([{ type: 'Start', run: 1 }]);
    story.crash();
    expect(story.status()).toMatchObject({ phase: 'Pending', reason: 'ImagePull' });
    expect(holdsPlace(story.status())).toBe(true);
    const load = occupancy(story.world.instances.map(({ object }) => object)).get('docker');
    expect(load).toEqual({ held: 1, starting: 1 });
    expect(story.plan.actions, 'is asked for again after a crash').toMatchObject([{ type: 'Start', run: 1 }]);
    expect(story.step().status()).toMatchObject({ phase: 'Starting' });
    expect(holdsPlace(story.status())).toBe(true);
    expect(story.rest().status().run?.number).toBe(1);
    expect(claimed).toBeLessThan(story.world.now);
  });

  test('since something is missing gives its place back when something else comes to be missing', () => {
    const env = [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'key', key: 'k', optional: false } } }];
    const world = worldOf({ spec: { template: { image: 'web:1', env } }, inputs: { 'Secret/key': 'hmac' } });
    const story = failStart(new Story(world), bad('NotStartable', 'SecretMissing')).crash();
    story
      .happen({ is: 'Pass', ms: 2 * second })
      .set({ grants: new Set(['uid-0']) })
      .crash();
    expect(holdsPlace(story.status())).toBe(true);
    story.set({ inputs: { 'Secret/key': null } }).crash();
    expect(story.status()).toMatchObject({ phase: 'Pending', reason: 'SecretMissing' });
    expect(holdsPlace(story.status())).toBe(false);
    expect(story.set({ inputs: { 'Secret/key': 'hmac' } }).rest().did).toEqual(['Start/web-0']);
  });

  test('since something is missing keeps its place when it is resumed while it is tried again', () => {
    const story = failStart(new Story(worldOf()), bad('NotStartable', 'ImagePull')).crash();
    story.happen({ is: 'Pass', ms: 2 * second }).set({ grants: new Set(['uid-0']) });
    story.happen({ is: 'Begin' }, { is: 'Resume' }).crash();
    expect(story.status().phase).toBe('Starting');
    expect(holdsPlace(story.status())).toBe(true);
  });

  test('since something is missing is tried again soon, then less and less often, to every five minutes', () => {
    const story = new Story(worldOf());
    const waits: number[] = [];
    for (let round = 0; round < 26; round++) {
      failStart(story.set({ grants: new Set(['uid-0']) }), bad('NotStartable', 'ImagePull')).crash();
      const { wakeAt = 0 } = story.plan;
      waits.push(wakeAt - story.world.now);
      story.set({ now: wakeAt });
    }
    expect(waits.slice(0, 4)).toEqual([2000, 2500, 3125, 3906]);
    expect(waits.slice(-2)).toEqual([300 * second, 300 * second]);
  });

  test('since something is missing is not tried before the driver says so, and in an hour at the latest', () => {
    const messageFor = (ms: number): string | undefined => {
      const outcome: Outcome = {
        result: 'NotStartable',
        reason: 'ImagePull',
        message: '',
        retryAt: start + ms,
      };
      return failStart(new Story(worldOf()), outcome).rest().status().message;
    };
    expect(messageFor(10 * second)).toContain('at 2026-03-02 12:00:10');
    expect(messageFor(1000 * 3600 * second)).toContain('at 2026-03-02 13:00:00');
  });

  test('since something is missing is tried at once for a new spec and a resume, and not as a repeated try', () => {
    const late = { ...bad('NotStartable', 'ImagePull'), retryAt: start + 300 * second };
    const fail = (): Story => failStart(new Story(worldOf()), late).rest();
    const again = fail().pass(300 * second);
    expect(again.actions).toMatchObject([{ type: 'Start', again: true }]);
    for (const why of [{ is: 'Image', image: 'web:2' }, { is: 'Resume' }] as const) {
      const story = fail();
      const did = story.actions.length;
      story.happen(why).rest();
      const start = story.actions.slice(did).find(({ type }) => type === 'Start');
      expect(start, why.is).toBeDefined();
      expect(start).not.toHaveProperty('again');
    }
  });

  test('since something is missing gives its place back, and needs a grant to go on', () => {
    const story = failStart(new Story(worldOf()), bad('NotStartable')).crash();
    story.happen({ is: 'Pass', ms: 3 * second });
    expect(story.plan.actions).toEqual([]);
    expect(story.plan.wants).toMatchObject([{ instance: 'web-0' }]);
  });

  test('twice as a restart is made anew', () => {
    const story = Story.ready({ policy: { backoff: { schedule: ['1s'], jitter: 0 } } });
    story.happen({ is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 0 }).rest();
    const tries: string[] = [];
    for (let round = 0; round < 3; round++) {
      story.happen({ is: 'Pass', ms: 2 * second });
      if (story.plan.wants.length > 0) story.set({ grants: new Set([story.plan.wants[0]?.uid ?? '']) });
      tries.push(...story.plan.actions.map((action) => (action.type === 'Start' ? action.how : '')));
      failStart(story, bad('Retryable')).crash();
    }
    expect(tries).toEqual(['Restart', 'Restart', 'Create']);
  });
});

describe('a Secret that the spec names and nobody made', () => {
  const env = [
    { name: 'KEY', valueFrom: { secretKeyRef: { name: 'openai', key: 'token', optional: false } } },
  ];
  const spec = { template: { image: 'web:1', env } };

  test('keeps the instance Pending with the command that makes it, and claims nothing', () => {
    const story = new Story(worldOf({ spec, inputs: { 'Secret/openai': null } })).rest();
    expect(story.status()).toMatchObject({
      phase: 'Pending',
      reason: 'SecretMissing',
      message:
        'The Secret openai does not exist. Create it: agentctl create secret generic openai --from-literal=token=...',
    });
    expect(story.status().run).toBeUndefined();
    story.set({ inputs: { 'Secret/openai': 'hmac', 'Secret/openai#token': null } }).rest();
    expect(story.status().message).toMatch(/^The Secret openai has no key token\. Add it: /);
    story.set({ inputs: { 'Secret/openai': 'hmac' } }).rest();
    expect(story.did).toEqual(['Start/web-0']);
  });

  test('stops nothing that runs', () => {
    const story = Story.ready({ spec, inputs: { 'Secret/openai': 'hmac' } });
    expect(story.set({ inputs: { 'Secret/openai': null } }).pass(minute).did).toEqual([]);
    expect(story.status().phase).toBe('Ready');
  });

  test('holds up nothing where it is optional', () => {
    const optional = [
      { name: 'KEY', valueFrom: { secretKeyRef: { name: 'openai', key: 'token', optional: true } } },
    ];
    const story = new Story(
      worldOf({ spec: { template: { image: 'web:1', env: optional } }, inputs: { 'Secret/openai': null } }),
    );
    expect(story.rest().did).toEqual(['Start/web-0']);
  });
});

test('a late exit of an earlier run changes nothing', () => {
  const status = readyStatus({
    run: {
      number: 2,
      revision: 'web-1',
      claimedAt: iso(start),
      ref: 'c1',
      startedAt: 's2',
      previous: { ref: 'c1', startedAt: 's1' },
    },
    failures: 0,
  });
  const story = new Story(
    worldOf({ now: start + minute, instances: [viewOf(status, [exited(1, start, { startId: 's1' })])] }),
  );
  story.step();
  expect(story.did).toEqual([]);
  expect(story.status()).toMatchObject({ phase: 'Ready', failures: 0, run: { number: 2 } });
  expect(story.status().lastExit).toBeUndefined();
});

test('a container that was started outside goes on as the next run', () => {
  const story = Story.ready().happen({ is: 'Restart', at: 0 }).rest();
  expect(story.did).toEqual([]);
  expect(story.status()).toMatchObject({ run: { number: 2, cause: 'StartedOutside' }, restartCount: 1 });
  expect(story.status().failures ?? 0).toBe(0);
});

test('a second container of an instance is killed and removed, and the first stays', () => {
  const story = Story.ready().happen({ is: 'Stray', at: 0, running: true }).rest();
  expect(story.actions.map(({ type, cause }) => `${type} ${cause}`)).toEqual([
    'Kill Duplicate',
    'Remove Duplicate',
  ]);
  expect(story.status()).toMatchObject({ phase: 'Ready', run: { number: 1 } });
});

test('what runs under an instance whose status was lost is taken over', () => {
  const story = new Story(
    worldOf({ now: start + minute, instances: [viewOf({}, [containerOf({ run: 7 })])] }),
  ).rest();
  expect(story.did).toEqual([]);
  expect(story.status()).toMatchObject({ phase: 'Ready', run: { number: 7, ref: 'c1', revision: 'web-1' } });
});
