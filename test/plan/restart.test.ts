import { describe, expect, test } from 'vitest';
import type { ObservedExit } from '../../src/plan/world.ts';
import { Story } from './story.ts';
import { exited, iso, minute, readyStatus, second, start, viewOf, worldOf } from './worlds.ts';

const exit = (code: number, cause: 'Agent' | 'Runtime' = 'Agent') =>
  ({ is: 'Exit', at: 0, code, cause, ago: 0 }) as const;

const noJitter = { backoff: { jitter: 0 } };

describe('an instance that ends by itself', () => {
  test('starts again in the same container, after its wait', () => {
    const story = Story.ready({ policy: noJitter });
    const end = story.world.now;
    story.happen(exit(1)).rest();
    expect(story.status()).toMatchObject({
      phase: 'BackOff',
      failures: 1,
      backoffFrom: iso(end),
      backoffUntil: iso(end + second),
      lastExit: { run: 1, code: 1, cause: 'Agent', finishedAt: iso(end) },
    });
    expect(story.did).toEqual([]);
    story.pass(second);
    expect(story.actions).toMatchObject([
      { type: 'Start', run: 2, how: 'Restart', ref: 'web-0/1', cause: 'BackOffEnded' },
    ]);
    expect(story.status()).toMatchObject({ restartCount: 1, failures: 1, restartTimes: [iso(end + second)] });
  });

  test.each([
    ['Always', 0, 'BackOff'],
    ['Always', 3, 'BackOff'],
    ['OnFailure', 0, 'Completed'],
    ['OnFailure', 3, 'BackOff'],
    ['Never', 0, 'Completed'],
    ['Never', 3, 'Failed'],
  ] as const)('with restart.on %s and exit code %i comes to %s', (on, code, phase) => {
    const story = Story.ready({ policy: { restart: { on } } });
    story.happen(exit(code)).rest();
    expect(story.status().phase).toBe(phase);
    expect(story.status().failures ?? 0).toBe(phase === 'BackOff' ? 1 : 0);
    if (phase !== 'BackOff') expect(story.pass(60 * minute).did).toEqual([]);
  });

  test('keeps how it ended: the code, the signal, and whether memory was the cause', () => {
    const ends = (exit: Partial<ObservedExit>): Story => {
      const container = exited(137, start, {
        exit: { code: 137, cause: 'Agent', finishedAt: start, ...exit },
      });
      const instances = [viewOf(readyStatus(), [container])];
      return new Story(worldOf({ instances, policy: { restart: { on: 'Never' } } })).rest();
    };
    const killed = ends({ oomKilled: true });
    expect(killed.status().lastExit).toMatchObject({ code: 137, signal: 'SIGKILL', oomKilled: true });
    expect(killed.status().message).toContain('Run 1 ended with code 137 (SIGKILL), out of memory.');
    expect(killed.status().message).toContain('Give it more memory: spec.template.resources.limits.memory.');
    expect(ends({ oomKilled: false }).status().lastExit).not.toHaveProperty('oomKilled');
    expect(ends({ oomKilled: false }).status().message).not.toContain('memory');
    expect(ends({ code: 1 }).status().lastExit).not.toHaveProperty('signal');
    expect(ends({ code: 1, signal: 'SIGUSR1' }).status().lastExit).toMatchObject({ signal: 'SIGUSR1' });
    expect(ends({ message: 'no such file' }).status().lastExit).toMatchObject({ message: 'no such file' });
  });

  test('counts each exit once, however often it is seen', () => {
    const story = Story.ready({ policy: noJitter }).happen(exit(1));
    story.rest().rest().rest();
    expect(story.status().failures).toBe(1);
  });

  test('waits longer each time in a row, and the last wait repeats', () => {
    const story = Story.ready({ policy: { backoff: { schedule: ['1s', '5s', '20s'], jitter: 0 } } });
    const waits: number[] = [];
    for (let round = 0; round < 5; round++) {
      story.happen(exit(1)).rest();
      waits.push(Date.parse(story.status().backoffUntil ?? '') - story.world.now);
      story.pass(20 * second);
    }
    expect(waits).toEqual([1000, 5000, 20_000, 20_000, 20_000]);
  });

  test('starts its waits anew once it was Ready for resetAfter', () => {
    const story = Story.ready({ policy: noJitter })
      .happen(exit(1))
      .pass(10 * second);
    expect(story.status().failures).toBe(1);
    story.pass(5 * minute);
    expect(story.status().failures).toBe(0);
  });

  test('starts its waits anew though nobody looked while it was Ready for resetAfter', () => {
    const story = Story.ready({ policy: noJitter })
      .happen(exit(1))
      .pass(10 * second);
    story.happen({ is: 'Pass', ms: 6 * minute }, exit(1)).rest();
    expect(story.status().failures).toBe(1);
  });

  test('waits a little longer by a fraction that is always the same for the same failure', () => {
    const one = Story.ready({ policy: { backoff: { schedule: ['100s'], jitter: 0.5 } } })
      .happen(exit(1))
      .rest();
    const other = Story.ready({ policy: { backoff: { schedule: ['100s'], jitter: 0.5 } } })
      .happen(exit(1))
      .rest();
    const wait = Date.parse(one.status().backoffUntil ?? '') - one.world.now;
    expect(wait).toBeGreaterThan(100_000);
    expect(wait).toBeLessThanOrEqual(150_000);
    expect(other.status().backoffUntil).toBe(one.status().backoffUntil);
  });

  test('counts its wait from the end that the Runtime tells, not from when it was seen', () => {
    const story = Story.ready({ policy: { backoff: { schedule: ['10s'], jitter: 0 } } })
      .pass(minute)
      .forget();
    story.happen({ is: 'Exit', at: 0, code: 1, cause: 'Agent', ago: 8 * second }).rest();
    expect(story.status().phase).toBe('BackOff');
    expect(story.pass(2 * second).did).toEqual(['Start/web-0']);
  });

  test('never waits longer than its policy has it when the clock goes back', () => {
    const story = Story.ready({ policy: { backoff: { schedule: ['10s'], jitter: 0 } } })
      .happen(exit(1))
      .rest();
    story.happen({ is: 'Pass', ms: -60 * minute }).rest();
    expect(Date.parse(story.status().backoffUntil ?? '') - story.world.now).toBe(10_000);
    expect(story.forget().pass(10 * second).did).toEqual(['Start/web-0']);
  });

  test('starts at once when the clock goes forward over its wait', () => {
    const story = Story.ready().happen(exit(1)).rest().forget();
    story.happen({ is: 'Pass', ms: 60 * minute }).rest();
    expect(story.did).toEqual(['Start/web-0']);
  });

  test('waits by the policy as it is now', () => {
    const slow = { backoff: { schedule: ['1h'], jitter: 0 } };
    const story = Story.ready({ policy: slow }).happen(exit(1)).rest();
    story.set({ policy: Story.ready({ policy: noJitter }).world.policy }).forget();
    expect(story.pass(second).did).toEqual(['Start/web-0']);
  });
});

describe('an exit that the Runtime caused', () => {
  test('is no failure: it starts again at once, and the restart is counted', () => {
    const story = Story.ready().happen(exit(137, 'Runtime')).rest();
    expect(story.actions).toMatchObject([{ type: 'Start', cause: 'RuntimeRestarted', how: 'Restart' }]);
    expect(story.status()).toMatchObject({ restartCount: 1, lastExit: { cause: 'Runtime' } });
    expect(story.status().failures ?? 0).toBe(0);
    expect(story.status().restartTimes).toBeUndefined();
  });

  test('does not run again what is never to be restarted', () => {
    const story = Story.ready({ policy: { restart: { on: 'Never' } } })
      .happen(exit(137, 'Runtime'))
      .rest();
    expect(story.status()).toMatchObject({ phase: 'Failed', reason: 'RuntimeStopped' });
  });
});

describe('a container that is gone behind our back', () => {
  test('counts as an exit, and is made anew after its wait', () => {
    const story = Story.ready({ policy: noJitter }).happen({ is: 'Lose', at: 0 }).rest();
    expect(story.status()).toMatchObject({
      phase: 'BackOff',
      failures: 1,
      lastExit: { run: 1, cause: 'Lost' },
    });
    story.pass(second);
    expect(story.actions).toMatchObject([{ type: 'Start', run: 2, how: 'Create' }]);
  });
});

describe('restart.maxRestarts', () => {
  const policy = { restart: { maxRestarts: 3, window: '10m' }, backoff: { schedule: ['1s'], jitter: 0 } };
  const crash = (story: Story) => story.happen(exit(1)).pass(2 * second);

  test('allows exactly that many restarts in the window; one more is needed: Failed', () => {
    const story = Story.ready({ policy });
    for (let restart = 1; restart <= 3; restart++) expect(crash(story).status().restartCount).toBe(restart);
    crash(story);
    expect(story.status()).toMatchObject({ phase: 'Failed', reason: 'RestartLimit', restartCount: 3 });
    expect(story.plan.wakeAt).toBeUndefined();
    expect(story.told.filter((reason) => reason === 'Failed')).toHaveLength(1);
  });

  test('names the cause in its last words, and commands to paste', () => {
    const story = Story.ready({ policy: { ...policy, restart: { maxRestarts: 1, window: '10m' } } });
    crash(story).happen({ is: 'Exit', at: 0, code: 139, cause: 'Agent', ago: 0 }).rest();
    expect(story.status().message).toBe(
      'Run 2 ended with code 139 (SIGSEGV). It was restarted once within 10m, which is the limit. ' +
        'Its output: agentctl logs web --previous. To start it again: agentctl resume web, or change the spec.',
    );
  });

  test('names a lack of memory, and every command with its namespace', () => {
    const { template } = worldOf().agent.spec;
    const story = Story.ready({
      policy: { restart: { maxRestarts: 0 } },
      spec: { template: { ...template, resources: { limits: { memory: '64Mi' } } } },
    });
    const { agent } = story.world;
    story.set({ agent: { ...agent, metadata: { ...agent.metadata, namespace: 'shop' } } });
    story.happen({ ...exit(137), oomKilled: true }).rest();
    expect(story.status().message).toMatch(
      /^Run 1 ended with code 137 \(SIGKILL\), out of memory\. It is not started again, because/,
    );
    expect(story.status().message).toContain('spec.template.resources.limits.memory is 64Mi.');
    expect(story.status().message).toContain('agentctl logs web -n shop --previous.');
    expect(story.status().message).toContain('agentctl resume web -n shop, or');
  });

  test('counts only the restarts within the window', () => {
    const story = Story.ready({ policy });
    for (let restart = 1; restart <= 8; restart++) crash(story).pass(4 * minute);
    expect(story.status()).toMatchObject({ phase: 'Ready', restartCount: 8 });
  });

  test('of 0 allows none', () => {
    const story = crash(Story.ready({ policy: { restart: { maxRestarts: 0 } } }));
    expect(story.status()).toMatchObject({ phase: 'Failed', reason: 'RestartLimit' });
  });

  test('is cleared by agentctl resume, once for each value', () => {
    const story = Story.ready({ policy });
    for (let round = 0; round < 4; round++) crash(story);
    story.forget().happen({ is: 'Resume' }).rest();
    expect(story.actions).toMatchObject([{ type: 'Start', cause: 'Resumed' }]);
    expect(story.status()).toMatchObject({ failures: 0, restartCount: 4 });
    for (let round = 0; round < 4; round++) crash(story);
    expect(story.status().reason).toBe('RestartLimit');
  });

  test('is cleared by a new spec, which is made in a new container', () => {
    const story = Story.ready({ policy });
    for (let round = 0; round < 4; round++) crash(story);
    story.forget().happen({ is: 'Image', image: 'web:2' }).rest();
    expect(story.actions).toMatchObject([
      { type: 'CreateRevision' },
      { type: 'Start', how: 'Create', cause: 'SpecChanged' },
    ]);
    expect(story.status()).toMatchObject({ phase: 'Starting', failures: 0 });
  });

  test('is not cleared by a live field', () => {
    const story = Story.ready({ policy });
    for (let round = 0; round < 4; round++) crash(story);
    story.happen({ is: 'Spec', spec: { minReady: '5s' } }).rest();
    expect(story.status()).toMatchObject({ phase: 'Failed', reason: 'RestartLimit' });
  });
});

test('a completed instance runs again after agentctl resume', () => {
  const story = Story.ready({ policy: { restart: { on: 'OnFailure' } } })
    .happen(exit(0))
    .rest();
  expect(story.happen({ is: 'Resume' }).rest().did).toEqual(['Start/web-0']);
});

test('the first start is no restart', () => {
  expect(Story.ready().status()).toMatchObject({ restartCount: 0, run: { number: 1, cause: 'FirstStart' } });
  expect(Story.ready().world.now).toBe(start + second);
});
