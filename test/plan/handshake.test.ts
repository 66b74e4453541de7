import { describe, expect, test } from 'vitest';
import type { AgentSpec } from '../../src/api/objects.ts';
import type { TalkView } from '../../src/plan/world.ts';
import { Story } from './story.ts';
import { hour, iso, minute, second, start, worldOf } from './worlds.ts';

const talk = (state: TalkView['state'] | undefined) => ({ is: 'Talk', at: 0, state }) as const;

/** Started now, and nobody has talked to it. */
const started = (spec: Partial<AgentSpec> = {}): Story => {
  const world = worldOf({
    spec: { protocol: 'acp', ...spec } as never,
    policy: { backoff: { jitter: 0 } },
  });
  return new Story(world).step().happen(talk(undefined)).rest().forget();
};

describe('an instance with a protocol', () => {
  test('is Ready minReady after its handshake', () => {
    const story = started({ minReady: '2s' }).pass(10 * second);
    expect(story.status()).toMatchObject({ phase: 'Starting', reason: 'Connecting' });
    expect(story.status().message).toContain('its acp handshake is not complete yet');
    story.happen(talk('Connecting')).pass(10 * second);
    expect(story.status()).toMatchObject({ phase: 'Starting', reason: 'Connecting' });
    story.happen(talk('Ready')).rest();
    expect(story.status()).toMatchObject({ phase: 'Starting', reason: 'MinReady' });
    story.pass(2 * second);
    expect(story.status()).toMatchObject({ phase: 'Ready', readySince: iso(start + 22 * second) });
  });

  test('is Ready once its readiness check holds too, if it has one', () => {
    const readiness = { exec: { command: ['true'] }, initialDelay: '0s', period: '1s', timeout: '1s' };
    const story = started({ readiness: { ...readiness, successThreshold: 1, failureThreshold: 3 } });
    story
      .set(({ instances }) => ({ instances: instances.map((view) => ({ ...view, probe: {} })) }))
      .happen(talk('Ready'))
      .pass(5 * second);
    expect(story.status()).toMatchObject({ phase: 'Starting', reason: 'WaitingForReadiness' });
    story.happen({ is: 'Probe', at: 0, ready: true, live: true }).pass(second);
    expect(story.status().phase).toBe('Ready');
  });

  test('steers no terminal by what its readiness check said', () => {
    const readiness = { exec: { command: ['true'] }, initialDelay: '0s', period: '1s', timeout: '1s' };
    const ready = { ok: false, message: 'it said \u001b[2J\u009b', since: 0 };
    const story = started({ readiness: { ...readiness, successThreshold: 1, failureThreshold: 3 } });
    story
      .set(({ instances }) => ({ instances: instances.map((view) => ({ ...view, probe: { ready } })) }))
      .happen(talk('Ready'))
      .pass(5 * second);
    expect(story.status().message).toContain('it said \\u001b[2J\\u009b');
  });

  test('without a protocol is not asked for a handshake', () => {
    expect(started({ protocol: 'none' }).pass(second).status().phase).toBe('Ready');
  });

  test('that does not finish its handshake by startDeadline has failed to start', () => {
    const story = started({ startDeadline: '30s' })
      .happen(talk('Connecting'))
      .pass(30 * second);
    expect(story.actions).toMatchObject([{ type: 'Signal', cause: 'StartDeadlineExceeded' }]);
    expect(story.status()).toMatchObject({ phase: 'BackOff', failures: 1 });
  });

  test.each([undefined, 'Connecting'] as const)(
    'that was Ready stays so while the talk is %s, as after a restart of the controller',
    (state) => {
      const story = started().happen(talk('Ready')).pass(minute).forget();
      const before = story.status();
      story.happen(talk(state)).pass(hour).happen(talk('Ready')).rest();
      expect(story.status()).toEqual(before);
      expect(story.told).toEqual([]);
      expect(story.did).toEqual([]);
    },
  );

  test('whose controller was away during its start has its time anew', () => {
    const story = started({ startDeadline: '30s' }).happen({ is: 'Pass', ms: hour }, talk('Connecting'));
    expect(story.rest().did).toEqual([]);
    expect(story.plan.wakeAt).toBe(start + hour + 30 * second);
    expect(story.happen(talk('Ready')).pass(second).status().phase).toBe('Ready');
  });

  test('takes nothing from the talk with an earlier run', () => {
    const story = started()
      .happen(talk('Ready'), { is: 'Restart', at: 0 })
      .pass(10 * second);
    expect(story.status().run?.number).toBe(2);
    expect(story.status()).toMatchObject({ phase: 'Starting', reason: 'Connecting' });
  });
});

describe('an agent that wants to be logged in', () => {
  test('is Pending with what to do, for as long as it takes, and no restart is burnt', () => {
    const story = started()
      .happen(talk('AuthRequired'))
      .pass(5 * hour);
    expect(story.did).toEqual([]);
    expect(story.told).toEqual(['AuthRequired']);
    expect(story.status()).toMatchObject({
      phase: 'Pending',
      reason: 'AuthRequired',
      message: 'AuthRequired.',
      restartCount: 0,
    });
    expect(story.status().failures ?? 0).toBe(0);
  });

  test('goes on by itself once it is, after minReady', () => {
    const story = started({ minReady: '5s' })
      .happen(talk('AuthRequired'))
      .pass(5 * hour);
    story.happen(talk('Ready')).pass(4 * second);
    expect(story.status()).toMatchObject({ phase: 'Starting', reason: 'MinReady' });
    expect(story.pass(second).status().phase).toBe('Ready');
    expect(story.did).toEqual([]);
  });

  test.each([undefined, 'Connecting'] as const)(
    'waits on while the talk is %s, as after a restart of the controller',
    (state) => {
      const story = started().happen(talk('AuthRequired')).pass(hour).happen(talk(state)).pass(second);
      expect(story.status()).toMatchObject({ phase: 'Pending', reason: 'AuthRequired' });
      expect(story.happen(talk('Ready')).pass(second).status().phase).toBe('Ready');
      expect(story.did).toEqual([]);
      expect(story.told).toEqual(['AuthRequired', 'Ready']);
    },
  );

  test('waits on after its Runtime was out of reach', () => {
    const story = started().happen(talk('AuthRequired')).pass(hour);
    story.happen({ is: 'Offline' }).pass(minute).happen({ is: 'Online' }, talk(undefined)).pass(minute);
    expect(story.status()).toMatchObject({ phase: 'Pending', reason: 'AuthRequired' });
    expect(story.did).toEqual([]);
  });

  test('after it was Ready is not Ready any more, and is left alone', () => {
    const story = started().happen(talk('Ready')).pass(minute).forget();
    story.happen(talk('AuthRequired')).pass(hour);
    expect(story.status()).toMatchObject({ phase: 'Pending', reason: 'AuthRequired' });
    expect(story.status().readySince).toBeUndefined();
    expect(story.did).toEqual([]);
  });

  test('is stopped like any other, and says it is once', () => {
    const story = started().happen(talk('AuthRequired')).rest();
    story.happen({ is: 'Spec', spec: { suspend: true } }).rest();
    expect(story.did).toEqual(['Signal/web-0']);
    expect(story.told).toEqual(['AuthRequired', 'Stopping', 'Stopped']);
  });

  test('keeps its place on its Runtime', () => {
    const story = started().happen(talk('AuthRequired')).rest();
    expect(story.plan.wants).toEqual([]);
    expect(story.world.agent.status).toMatchObject({ phase: 'Pending', reason: 'AuthRequired' });
  });
});

describe('a handshake that is refused', () => {
  test('counts as a failed start, with its back-off', () => {
    const story = started().happen(talk('Refused')).rest();
    expect(story.actions).toMatchObject([{ type: 'Signal', cause: 'HandshakeRefused' }]);
    expect(story.status()).toMatchObject({ phase: 'BackOff', failures: 1, lastExit: { cause: 'Stop' } });
    story.pass(second);
    expect(story.status()).toMatchObject({
      run: { number: 2, cause: 'HandshakeRefused' },
      restartCount: 1,
    });
  });

  test('again and again comes to restart.maxRestarts', () => {
    const policy = { restart: { maxRestarts: 2 }, backoff: { schedule: ['1s'], jitter: 0 } };
    const story = Story.ready({ spec: { protocol: 'acp' }, policy });
    for (let round = 0; round < 3; round++) story.happen(talk('Refused')).pass(2 * second);
    expect(story.status()).toMatchObject({ phase: 'Failed', reason: 'RestartLimit', restartCount: 2 });
  });
});
