/** One start from a status that is given: what is claimed, why, and when it is tried again. */
import { describe, expect, test } from 'vitest';
import type { InstanceStatus } from '../../src/api/objects.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import type { InstanceView, World } from '../../src/plan/world.ts';
import { podCapabilities } from '../contracts/driver/traits.ts';
import {
  agentOf,
  exited,
  hour,
  inboxOf,
  iso,
  minute,
  readyStatus,
  revisionOf,
  runtimeOf,
  runtimeViewOf,
  second,
  start,
  stopOf,
  viewOf,
  worldOf,
} from './worlds.ts';

const now = start + hour;
type LastExit = NonNullable<InstanceStatus['lastExit']>;
type LastOutcome = NonNullable<InstanceStatus['lastOutcome']>;

const exit = (more: Partial<LastExit> = {}): LastExit => ({
  run: 1,
  code: 1,
  cause: 'Agent',
  finishedAt: iso(start + minute),
  ...more,
});
const over = (more: InstanceStatus = {}): InstanceStatus =>
  readyStatus({ phase: 'Pending', reason: 'Queued', lastExit: exit(), ...more });
const old = exited(1, start + minute);

interface Given extends Partial<Omit<World, 'policy'>> {
  policy?: object;
  observed?: InstanceView['observed'];
  view?: Partial<InstanceView>;
}

function planOf(status: InstanceStatus, { policy = {}, observed = [old], view = {}, ...world }: Given = {}) {
  const plan = reconcile(
    worldOf({
      now,
      policy: { backoff: { jitter: 0 }, ...policy } as never,
      instances: [viewOf(status, observed, view)],
      ...world,
    }),
  );
  const next = plan.instances.get('web-0') ?? {};
  return { ...plan, next, start: plan.actions.find(({ type }) => type === 'Start') };
}

describe('a claim', () => {
  test('is of the next run, and forgets what was of the last', () => {
    const status = over({
      stop: stopOf('Restart', { cause: 'ScheduledRestart' }),
      queue: { position: 3, since: iso(start) },
      readySince: iso(start),
      restartDueSince: iso(start),
      outdatedSince: iso(start),
      backoffFrom: iso(start + minute),
      backoffUntil: iso(start + 2 * minute),
      restartTimes: [iso(start)],
    });
    const { next, start: action } = planOf(status);
    expect(next.run).toEqual({
      number: 2,
      revision: 'web-1',
      claimedAt: iso(now),
      cause: 'ScheduledRestart',
      startedBy: 'Restart',
      previous: { ref: 'c1', startedAt: 's1' },
    });
    for (const field of [
      'stop',
      'queue',
      'readySince',
      'restartDueSince',
      'outdatedSince',
      'backoffFrom',
      'backoffUntil',
    ])
      expect(next).not.toHaveProperty(field);
    expect(next).toMatchObject({
      phase: 'Starting',
      reason: 'ScheduledRestart',
      message: 'Run 2 starts again in the same container.',
    });
    expect(action).toEqual({
      type: 'Start',
      id: 'Start/web-0',
      after: [],
      cause: 'ScheduledRestart',
      message: 'Run 2 starts again in the same container.',
      name: 'web-0',
      uid: 'uid-0',
      run: 2,
      revision: 'web-1',
      how: 'Restart',
      ref: 'c1',
    });
  });

  const failedOnce = over({ backoffFrom: iso(start) });
  test.each<[string, InstanceStatus, { isOnDemand?: true; image?: string; observed?: [] }]>([
    ['FirstStart', {}, { observed: [] }],
    ['Message', {}, { observed: [], isOnDemand: true }],
    ['Message', over(), { isOnDemand: true }],
    ['LivenessFailed', over({ stop: stopOf('Restart', { cause: 'LivenessFailed' }) }), {}],
    ['BackOffEnded', failedOnce, {}],
    ['BackOffEnded', failedOnce, { isOnDemand: true }],
    ['RuntimeRestarted', over({ lastExit: exit({ cause: 'Runtime' }) }), {}],
    ['Resumed', over(), {}],
    ['SpecChanged', over(), { image: 'web:2' }],
    ['Message', over(), { image: 'web:2', isOnDemand: true }],
  ])('has the cause %s, of %o with %o', (cause, status, { isOnDemand, image, observed = [old] }) => {
    const of = (name: string) => agentOf({ protocol: 'acp', template: { image: name } });
    const agent = of(image ?? 'web:1');
    const { next } = planOf(status, {
      agent,
      observed,
      revisions: [revisionOf(of('web:1')), ...(image === undefined ? [] : [revisionOf(agent, 2)])],
      ...(isOnDemand === true ? { policy: { mode: 'OnDemand' }, inbox: inboxOf({ waiting: 1 }) } : {}),
    });
    expect(next.run).toMatchObject({ cause, claimedAt: iso(now) });
  });

  test.each<[string, InstanceStatus, Given, 'Create' | 'Restart']>([
    ['its container is there', over(), {}, 'Restart'],
    ['its container is gone', over(), { observed: [] }, 'Create'],
    ['it was stopped to be replaced', over({ stop: stopOf('Replace') }), {}, 'Create'],
    [
      'it failed to start once in it',
      over({ lastOutcome: { action: 'Start', run: 1, at: iso(start), result: 'Retryable', count: 1 } }),
      {},
      'Restart',
    ],
    [
      'it failed to start twice in it',
      over({ lastOutcome: { action: 'Start', run: 1, at: iso(start), result: 'Retryable', count: 2 } }),
      {},
      'Create',
    ],
    [
      'an earlier run failed to start twice',
      over({ lastOutcome: { action: 'Start', run: 0, at: iso(start), result: 'Retryable', count: 2 } }),
      {},
      'Restart',
    ],
    [
      'something else failed twice',
      over({ lastOutcome: { action: 'Signal', run: 1, at: iso(start), result: 'Retryable', count: 2 } }),
      {},
      'Restart',
    ],
    [
      'it has started since',
      over({ lastOutcome: { action: 'Start', run: 1, at: iso(start), result: 'Succeeded', count: 2 } }),
      {},
      'Restart',
    ],
    [
      'it failed to start once, of a version that did not count',
      over({ lastOutcome: { action: 'Start', run: 1, at: iso(start), result: 'Retryable' } }),
      {},
      'Restart',
    ],
  ])('where %s is carried out by %s', (_what, status, given, how) => {
    const { start: action, next } = planOf(status, given);
    expect(action).toMatchObject({ how });
    expect(next.run?.startedBy).toBe(how);
    expect('ref' in (action ?? {})).toBe(how === 'Restart');
  });

  test('replaces what its Runtime cannot start again', () => {
    const runtime = { ...runtimeViewOf(), capabilities: podCapabilities };
    const { start: action, next } = planOf(over({}), { runtime });
    expect(action).toMatchObject({
      how: 'Replace',
      ref: 'c1',
      message: 'Run 2 starts in a new pod, which replaces the last one.',
    });
    expect(next.run?.startedBy).toBe('Create');
    const gone = planOf(over({}), { runtime, observed: [] });
    expect(gone.start).toMatchObject({ how: 'Create', message: 'Run 2 starts in a new pod.' });
  });

  test('notes a restart that follows a failure, and forgets those that count no more', () => {
    const times = (more: InstanceStatus, policy: object = {}) =>
      planOf(over(more), { policy }).next.restartTimes;
    const window = 10 * minute;
    const known = [now - window - 1, now - window, now - window + 1, now - second, now + hour].map(iso);
    expect(times({ restartTimes: known })).toEqual(known);
    expect(times({ restartTimes: known, backoffFrom: iso(start) })).toEqual([
      iso(now - window + 1),
      iso(now - second),
      iso(now),
      iso(now),
    ]);
    expect(times({ backoffFrom: iso(start) })).toEqual([iso(now)]);
    const many = Array.from({ length: 30 }, (_, n) => iso(now - 30 + n));
    expect(times({ backoffFrom: iso(start), restartTimes: many })).toHaveLength(20);
    const limit = { restart: { maxRestarts: 25 } };
    expect(times({ backoffFrom: iso(start), restartTimes: many }, limit)).toHaveLength(25);
  });

  test('notes the Secrets and ConfigMaps that a new container or process is started with', () => {
    const inputs = { 'Secret/key': 'new', 'Secret/gone': null };
    const status = over();
    const ran = {
      ...status,
      run: { ...readyStatus().run, inputs: { 'Secret/key': 'old' } },
    } as InstanceStatus;
    const noted = (given: Given) => planOf(ran, { inputs, ...given }).next.run?.inputs;
    expect(noted({ observed: [] })).toEqual({ 'Secret/key': 'new' });
    expect(noted({}), 'the same container').toEqual({ 'Secret/key': 'old' });
    const runtime = runtimeViewOf(runtimeOf({ driver: 'process' }));
    expect(noted({ runtime }), 'a process is made anew').toEqual({ 'Secret/key': 'new' });
    expect(planOf(ran, { observed: [] }).next.run).not.toHaveProperty('inputs');
    expect(planOf(status, { inputs }).next.run).not.toHaveProperty('inputs');
  });

  test('says that a first run starts in something new', () => {
    expect(planOf({}, { observed: [] }).next.message).toBe('Run 1 starts in a new container.');
    const runtime = runtimeViewOf(runtimeOf({ driver: 'process' }));
    expect(planOf({}, { observed: [], runtime }).next.message).toBe('Run 1 starts in a new folder.');
  });
});

describe('a start that lacked something', () => {
  const claimed = (more: Partial<LastOutcome> = {}): InstanceStatus => ({
    phase: 'Pending',
    reason: 'ImagePull',
    message: 'before',
    run: { number: 1, revision: 'web-1', claimedAt: iso(start), startedBy: 'Create', previous: {} },
    lastOutcome: {
      action: 'Start',
      run: 1,
      at: iso(now),
      result: 'NotStartable',
      reason: 'ImagePull',
      message: 'No such image',
      count: 1,
      ...more,
    },
  });
  const retryAt = (more: Partial<LastOutcome>): number =>
    Date.parse(planOf(claimed(more), { observed: [] }).status.nextAt ?? '') - now;

  test.each([
    [1, 2000],
    [2, 2500],
    [3, 3125],
    [10, 14_901],
    [30, 300_000],
  ])('is tried again after its failure number %i in %i ms', (count, wait) => {
    expect(retryAt({ count })).toBe(wait);
  });

  test('of a version that did not count is tried again after two seconds', () => {
    const { count: _, ...outcome } = claimed().lastOutcome ?? {};
    const status = { ...claimed(), lastOutcome: outcome } as InstanceStatus;
    expect(planOf(status, { observed: [] }).wakeAt).toBe(now + 2 * second);
  });

  test('is tried again when the registry asks for it, but not before its own time nor after an hour', () => {
    expect(retryAt({ retryAt: iso(now + minute) })).toBe(minute);
    expect(retryAt({ retryAt: iso(now + second) })).toBe(2 * second);
    expect(retryAt({ retryAt: iso(now + 2 * hour) })).toBe(hour);
  });

  test('is tried again in its time though the clock goes back', () => {
    expect(retryAt({ at: iso(now + hour) })).toBe(2 * second);
  });

  test('says so, and when, and how to do it now', () => {
    const { next, status, events } = planOf(claimed(), { observed: [] });
    expect(next).toMatchObject({
      phase: 'Pending',
      reason: 'ImagePull',
      message:
        'No such image. It is tried again at 2026-03-02 13:00:02 UTC, or now with agentctl resume web.',
    });
    expect(status).toMatchObject({ nextAction: 'Start', nextAt: iso(now + 2 * second) });
    expect(events).toEqual([
      { type: 'Warning', reason: 'ImagePull', message: 'No such image', instance: 'web-0' },
    ]);
    const { reason: _, message: _1, ...bare } = claimed().lastOutcome ?? { run: 1 };
    expect(planOf({ ...claimed(), lastOutcome: bare as LastOutcome }, { observed: [] }).next).toMatchObject({
      reason: 'NotStartable',
      message: expect.stringMatching(/^It cannot be started yet\. It is tried again at /),
    });
  });

  test('is the same run again, and stays what it is for people while it is tried', () => {
    const { next, start: action } = planOf(claimed({ at: iso(now - 2 * second) }), { observed: [] });
    expect(action).toMatchObject({ run: 1, again: true });
    expect(next).toMatchObject({
      phase: 'Pending',
      reason: 'ImagePull',
      message: 'No such image.',
      run: { number: 1, claimedAt: iso(now) },
    });
  });

  test('is tried at once where the spec changed', () => {
    const agent = agentOf({ template: { image: 'web:2' } });
    const { start: action, next } = planOf(claimed(), {
      observed: [],
      agent,
      revisions: [revisionOf(agentOf()), revisionOf(agent, 2)],
    });
    expect(action).toMatchObject({ run: 1, revision: 'web-2' });
    expect(action).not.toHaveProperty('again');
    expect(next).not.toHaveProperty('lastOutcome');
  });

  test('waits for its place like any other', () => {
    const {
      next,
      wants,
      start: action,
    } = planOf(claimed({ at: iso(now - minute) }), {
      observed: [],
      grants: new Set(),
    });
    expect(action).toBeUndefined();
    expect(wants).toHaveLength(1);
    expect(next).toMatchObject({ phase: 'Pending', reason: 'Queued', run: { number: 1 } });
  });
});

describe('an instance that waits', () => {
  const held = (given: Given, status: InstanceStatus = over()) => planOf(status, given);

  test.each<[string, Given, string, string, boolean]>([
    [
      'for a Secret',
      {
        agent: agentOf({
          template: {
            image: 'web:1',
            env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'key', key: 'a', optional: false } } }],
          },
        } as never),
        inputs: { 'Secret/key': null },
      },
      'SecretMissing',
      'The Secret key does not exist.',
      true,
    ],
    [
      'for a Policy',
      { policy: { missing: 'calm' } },
      'PolicyMissing',
      'The Policy calm does not exist',
      false,
    ],
    [
      'for its Runtime',
      {
        runtime: runtimeViewOf(runtimeOf(), {
          state: 'Offline',
          message: 'Connection refused.',
          since: start,
        }),
      },
      'RuntimeOffline',
      'Connection refused.',
      true,
    ],
    [
      'for the first list of its Runtime',
      {
        runtime: runtimeViewOf(runtimeOf(), { state: 'Syncing', message: 'Not yet.', since: start }),
      },
      'RuntimeSyncing',
      'Not yet.',
      false,
    ],
    [
      'for what is known of its containers',
      { observed: 'Unknown' },
      'RuntimeOffline',
      'does not answer',
      true,
    ],
    [
      'for another action',
      { view: { inFlight: 'Kill/web-0' } },
      'Scheduled',
      'It starts when Kill/web-0 has ended.',
      false,
    ],
    ['for a place', { grants: new Set() }, 'Queued', 'It waits for a free place on its Runtime.', false],
    [
      'for its Revision',
      { agent: agentOf({ template: { image: 'web:2' } }), revisions: [revisionOf(agentOf())] },
      'Scheduled',
      'Its spec is being saved as a Revision.',
      false,
    ],
  ])('%s says so', (_what, given, reason, message, isTold) => {
    const status = { ...over(), reason: 'BackOff' };
    const { next, start: action, events } = planOf(status, given);
    expect(action).toBeUndefined();
    expect(next).toMatchObject({ phase: 'Pending', reason, message: expect.stringContaining(message) });
    expect(events.filter((event) => event.instance === 'web-0' && event.reason === reason)).toHaveLength(
      isTold ? 1 : 0,
    );
    const again = planOf(next, given);
    expect(again.events.filter((event) => event.instance === 'web-0')).toEqual([]);
  });

  test('for the end of its wait says when that is', () => {
    const status = over({ backoffFrom: iso(now), failures: 2 });
    const { next, wakeAt, status: agent } = held({}, status);
    expect(next).toMatchObject({
      phase: 'BackOff',
      reason: 'BackOff',
      message:
        'Run 1 ended with code 1. Failure 2 in a row: it starts again at 2026-03-02 13:00:02 UTC. Its output: agentctl logs web --previous.',
      backoffUntil: iso(now + 2 * second),
    });
    expect(wakeAt).toBe(now + 2 * second);
    expect(agent).toMatchObject({ nextAction: 'Restart', nextAt: iso(now + 2 * second) });
  });

  test('for a place says which and since when, and wants it with its priority', () => {
    const since = start + minute;
    const place = { position: 4, since, reason: 'QueueFull' as const, message: 'Full.' };
    const { next, wants } = held({
      grants: new Set(),
      places: new Map([['uid-0', place]]),
      policy: { priority: 7 },
    });
    expect(next).toMatchObject({
      reason: 'QueueFull',
      message: 'Full.',
      queue: { position: 4, since: iso(since) },
    });
    expect(wants).toEqual([
      { uid: 'uid-0', instance: 'web-0', namespace: 'default', runtime: 'docker', priority: 7, since },
    ]);
    const queued = over({ queue: { position: 1, since: iso(start) } });
    expect(held({ grants: new Set() }, queued).wants[0]?.since).toBe(start);
    expect(held({ grants: new Set() }).wants[0]?.since).toBe(now);
    expect(held({ grants: new Set() }, queued).next).not.toHaveProperty('queue');
  });
});

describe('an instance that was given up', () => {
  const failed = over({ phase: 'Failed', reason: 'RestartLimit', failures: 3, restartTimes: [iso(start)] });

  test('stays so, without a start', () => {
    for (const status of [failed, { ...failed, phase: 'Completed' as const }]) {
      const { start: action, next, wants } = planOf(status, { grants: new Set() });
      expect(action).toBeUndefined();
      expect(wants).toEqual([]);
      expect(next.phase).toBe(status.phase);
    }
  });

  test('starts afresh by a new spec, and says so', () => {
    const agent = agentOf({ template: { image: 'web:2' } });
    const revisions = [revisionOf(agentOf()), revisionOf(agent, 2)];
    const { start: action, next, events } = planOf(failed, { agent, revisions });
    expect(action).toMatchObject({ run: 2, how: 'Create' });
    expect(next).toMatchObject({ failures: 0 });
    expect(next).not.toHaveProperty('restartTimes');
    expect(events).toEqual([
      {
        type: 'Normal',
        reason: 'Resumed',
        message: 'The new spec cleared its failures.',
        instance: 'web-0',
      },
    ]);
  });

  test('starts afresh by agentctl resume, once', () => {
    const agent = agentOf({}, { annotations: { 'agentctl.dev/resume': 'now' } });
    const { start: action, next, events } = planOf(failed, { agent });
    expect(action).toMatchObject({ run: 2 });
    expect(next).toMatchObject({ failures: 0, resumedAt: 'now' });
    expect(events).toMatchObject([
      { type: 'Normal', reason: 'Resumed', message: 'agentctl resume cleared its failures.' },
    ]);
    expect(planOf({ ...failed, resumedAt: 'now' }, { agent }).start).toBeUndefined();
    const calm = planOf(over(), { agent });
    expect(calm.events.map(({ reason }) => reason)).not.toContain('Resumed');
    expect(calm.next.resumedAt).toBe('now');
  });
});
