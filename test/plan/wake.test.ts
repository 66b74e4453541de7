import { describe, expect, test } from 'vitest';
import type { AgentSpec, PolicySpec } from '../../src/api/objects.ts';
import { Story } from './story.ts';
import { hour, minute, second } from './worlds.ts';

const waiting = (messages: number) => ({ is: 'Inbox', inbox: { waiting: messages } }) as const;
const own = (at: number, messages: number) => ({ is: 'Waiting', at, waiting: messages }) as const;
const busy = (at: number, now = true) => ({ is: 'Busy', at, busy: now }) as const;
const exit = (at = 0, code = 1) => ({ is: 'Exit', at, code, cause: 'Agent', ago: 0 }) as const;
const talk = (state: 'Draining' | 'Drained') => ({ is: 'Talk', at: 0, state }) as const;

/** An Agent that was just applied: all of its instances sleep. */
const asleep = (policy: Partial<PolicySpec> = {}, spec: Partial<AgentSpec> = {}): Story =>
  Story.ready({
    spec: { protocol: 'acp', ...spec } as never,
    policy: { mode: 'OnDemand', backoff: { jitter: 0 }, ...policy } as never,
  });

const up = (story: Story): string[] =>
  story.world.instances.flatMap(({ object, observed }) =>
    observed !== 'Unknown' && observed.some(({ state }) => state === 'Running') ? [object.metadata.name] : [],
  );

describe('an instance that sleeps', () => {
  test('is started at once by a message that any instance may take, and says so', () => {
    const story = asleep().happen(waiting(1)).rest();
    expect(story.actions).toMatchObject([{ type: 'Start', run: 1, cause: 'Message' }]);
    expect(story.pass(second).status()).toMatchObject({ phase: 'Ready', run: { cause: 'Message' } });
  });

  test('is started again by a message for one of its conversations', () => {
    const story = asleep().happen(waiting(1)).rest().happen(waiting(0)).pass(hour).forget();
    expect(story.status().phase).toBe('Asleep');
    story.happen(own(0, 1)).rest();
    expect(story.actions).toMatchObject([{ type: 'Start', run: 2, how: 'Restart', cause: 'Message' }]);
  });

  test('waits for a place like any other, and its start still names the message', () => {
    const story = asleep().happen(waiting(1));
    expect(story.plan.wants).toMatchObject([{ instance: 'web-0' }]);
    expect(story.plan.verdicts).toMatchObject([{ phase: 'Pending', reason: 'Queued' }]);
    expect(story.rest().status().run).toMatchObject({ cause: 'Message' });
  });

  test('sleeps on while its Agent is suspended, whatever waits', () => {
    const story = asleep({}, { suspend: true }).happen(waiting(3), own(0, 1)).pass(hour);
    expect(story.did).toEqual([]);
    expect(story.status()).toMatchObject({ phase: 'Stopped', reason: 'Suspended' });
  });

  test('says that nothing is left to do', () => {
    const { conditions } = asleep().world.agent.status ?? {};
    expect(conditions?.find(({ type }) => type === 'Progressing')).toMatchObject({ reason: 'Complete' });
  });
});

describe('messages that any instance may take', () => {
  test.each([
    [1, 1, ['web-0']],
    [2, 1, ['web-0', 'web-1']],
    [9, 1, ['web-0', 'web-1', 'web-2', 'web-3']],
    [4, 3, ['web-0', 'web-1']],
    [3, 3, ['web-0']],
  ])('%i of them, with %i conversations an instance, wake %j', (messages, perInstance, names) => {
    const conversations = { perInstance } as AgentSpec['conversations']; // the rest has defaults
    const story = asleep({}, { replicas: 4, conversations }).happen(waiting(messages)).rest();
    expect(up(story)).toEqual(names);
  });

  test('wake nobody else while one that is up has a free place', () => {
    const story = asleep({}, { replicas: 3 }).happen(own(2, 1)).pass(second);
    expect(up(story)).toEqual(['web-2']);
    story.happen(own(2, 0), waiting(1)).rest();
    expect(up(story)).toEqual(['web-2']);
    story.happen(busy(2)).rest();
    expect(up(story)).toEqual(['web-0', 'web-2']);
  });

  test('count the places that an instance’s own messages take', () => {
    const story = asleep({}, { replicas: 3 }).happen(own(0, 1), waiting(1)).rest();
    expect(up(story)).toEqual(['web-0', 'web-1']);
  });

  test('pass over what has failed', () => {
    const story = asleep({ restart: { maxRestarts: 0 } as never }, { replicas: 2 });
    story.happen(waiting(1)).pass(second).happen(exit()).rest();
    expect(story.status()).toMatchObject({ phase: 'Failed', reason: 'RestartLimit' });
    expect(up(story)).toEqual(['web-1']);
  });

  test('do not start a second one for what the first is being started for', () => {
    const story = asleep({}, { replicas: 2 }).happen(waiting(1), { is: 'Begin' }, { is: 'Begin' });
    for (let round = 0; round < 3; round++) story.happen({ is: 'Begin' });
    expect([...story.house.flying.keys()]).toEqual(['web-0']);
  });
});

describe('an instance that was woken', () => {
  test('goes to sleep once it has been idle for keepalive, and not while it is busy', () => {
    const story = asleep({ onDemand: { keepalive: '15m' } })
      .happen(waiting(1))
      .pass(second);
    story.happen(waiting(0), busy(0)).forget().pass(hour);
    expect(story.did).toEqual([]);
    story.happen(busy(0, false)).pass(15 * minute - second);
    expect(story.did).toEqual([]);
    story.pass(second);
    expect(story.actions).toMatchObject([{ type: 'Signal', cause: 'Idle' }]);
    expect(story.status()).toMatchObject({ phase: 'Asleep', reason: 'NoMessages' });
    expect(story.status().failures ?? 0).toBe(0);
  });

  test('and may sleep again leaves nothing to do until it does', () => {
    const story = asleep().happen(waiting(1)).pass(second).happen(waiting(0)).rest();
    const { conditions } = story.world.agent.status ?? {};
    expect(conditions?.find(({ type }) => type === 'Progressing')).toMatchObject({ reason: 'Complete' });
    expect(story.status().phase).toBe('Ready');
  });

  test('stays up while messages wait for it, however long it has been idle', () => {
    const story = asleep({ onDemand: { keepalive: '1s' } })
      .happen(waiting(1))
      .pass(hour);
    expect(story.did).toEqual(['Start/web-0']);
  });

  test('is stopped to the end when a message comes in between, and starts again at once', () => {
    const story = asleep({ onDemand: { keepalive: '1m' } })
      .happen(waiting(1))
      .pass(second);
    story.happen(waiting(0), { is: 'Wake' }, { is: 'Pass', ms: minute }).forget().crash();
    expect(story.status()).toMatchObject({ phase: 'Stopping', reason: 'Idle' });
    story.happen(waiting(1));
    expect(story.plan.actions).toMatchObject([{ type: 'Signal', cause: 'Idle' }]);
    const { now } = story.rest().world;
    expect(story.did).toEqual(['Signal/web-0', 'Start/web-0']);
    expect(story.status()).toMatchObject({ run: { number: 2, cause: 'Message' } });
    expect(story.world.now).toBe(now);
  });

  test('backs off while it keeps crashing, though its message still waits', () => {
    const story = asleep().happen(waiting(1)).pass(second).forget();
    story.happen(exit()).rest();
    expect(story.status()).toMatchObject({ phase: 'BackOff', failures: 1 });
    story.pass(second);
    story.happen(exit()).pass(second);
    expect(story.did).toEqual(['Start/web-0']);
    expect(story.pass(second).did).toHaveLength(2);
    expect(story.actions).toMatchObject([{ cause: 'BackOffEnded' }, { cause: 'BackOffEnded' }]);
  });

  test('that crashed with nothing waiting sleeps, and a message does not cut its wait short', () => {
    const story = asleep({ backoff: { schedule: ['10s'], jitter: 0 } as never });
    story.happen(waiting(1)).pass(second).happen(waiting(0), exit()).rest().forget();
    expect(story.status()).toMatchObject({ phase: 'Asleep', reason: 'NoMessages' });
    story.happen({ is: 'Pass', ms: 2 * second }, waiting(1)).rest();
    expect(story.status()).toMatchObject({ phase: 'BackOff' });
    expect(story.pass(7 * second).did).toEqual([]);
    expect(story.pass(second).did).toEqual(['Start/web-0']);
  });

  test('that crashed long ago is woken by the message, and not by the end of a wait', () => {
    const story = asleep().happen(waiting(1)).pass(second).happen(waiting(0), exit()).pass(minute).forget();
    expect(story.status().backoffUntil).toBeUndefined();
    expect(story.happen(waiting(1)).rest().actions).toMatchObject([{ cause: 'Message' }]);
  });

  test('and is idle takes an update by going to sleep, and wakes on the new spec', () => {
    const story = asleep().happen(waiting(1)).pass(second).happen(waiting(0)).rest().forget();
    story.happen({ is: 'Image', image: 'web:2' }).pass(minute);
    expect(story.did).toEqual(['CreateRevision/web-2', 'Signal/web-0']);
    expect(story.status().phase).toBe('Asleep');
    story.forget().happen(waiting(1)).rest();
    expect(story.actions).toMatchObject([
      { type: 'Start', how: 'Create', revision: 'web-2', cause: 'Message' },
    ]);
  });

  test('is under the eye of its liveness check though it may sleep', () => {
    const liveness = { exec: { command: ['true'] }, period: '1s', timeout: '1s', initialDelay: '0s' };
    const spec = { liveness: { ...liveness, successThreshold: 1, failureThreshold: 3 } };
    const story = asleep({}, spec).happen(waiting(1)).pass(second).happen(waiting(0)).forget();
    story.happen({ is: 'Probe', at: 0, ready: true, live: false }).rest();
    expect(story.actions).toMatchObject([{ type: 'Signal', cause: 'LivenessFailed' }]);
  });
});

describe('while what a run wrote is read to the end', () => {
  const policy = { backoff: { schedule: ['5s'], jitter: 0 } };
  const ready = (): Story => Story.ready({ spec: { protocol: 'acp' }, policy });

  test('nothing is started, and nobody looks again: it is told', () => {
    const story = ready().happen(exit(), talk('Draining')).rest();
    expect(story.status()).toMatchObject({ phase: 'BackOff', reason: 'Draining', failures: 1 });
    story.pass(hour);
    expect(story.did).toEqual([]);
    expect(story.status()).toMatchObject({ phase: 'Pending', reason: 'Draining' });
    expect(story.status().message).toContain('remaining output is being read');
    expect(story.plan.wants).toEqual([]);
    expect(story.happen(talk('Drained')).rest().did).toEqual(['Start/web-0']);
  });

  test('nothing is removed, not for a deletion either', () => {
    const story = ready().happen({ is: 'Delete' }).step();
    story.happen(talk('Draining')).pass(hour);
    expect(story.did).toEqual(['Signal/web-0']);
    expect(story.status()).toMatchObject({ phase: 'Stopping', reason: 'Deleted' });
    expect(story.happen(talk('Drained')).rest().did.at(-1)).toBe('Release');
  });

  test('nothing is replaced', () => {
    const story = ready().happen({ is: 'Image', image: 'web:2' }).step().step().happen(talk('Draining'));
    expect(story.pass(minute).did).toEqual(['CreateRevision/web-2', 'Signal/web-0']);
    story.happen(talk('Drained')).rest();
    expect(story.actions.at(-1)).toMatchObject({ type: 'Start', how: 'Create', cause: 'SpecChanged' });
  });

  test('one that rests goes on resting, as after a restart of the controller', () => {
    const story = ready()
      .happen({ is: 'Spec', spec: { suspend: true } })
      .rest();
    const before = story.status();
    expect(story.happen(talk('Draining')).rest().status()).toEqual(before);
  });

  test.each([
    ['Completed', 'OnFailure', 0],
    ['Failed', 'Never', 1],
  ] as const)('one that is %s stays so', (phase, on, code) => {
    const story = Story.ready({ spec: { protocol: 'acp' }, policy: { restart: { on } } });
    story.happen(exit(0, code), talk('Draining')).rest();
    expect(story.status().phase).toBe(phase);
    const before = story.status();
    expect(story.pass(hour).status()).toEqual(before);
    expect(story.happen(talk('Drained')).pass(hour).status()).toEqual(before);
  });

  test('of an earlier run, the newest is not held up', () => {
    const story = ready();
    story.happen(talk('Draining'), exit()).rest();
    story.set(({ instances }) => ({
      instances: instances.map((view) => ({
        ...view,
        talk: view.talk === undefined ? undefined : { ...view.talk, run: 7 },
      })),
    }));
    expect(story.pass(5 * second).did).toEqual(['Start/web-0']);
  });
});
