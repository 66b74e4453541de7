import { describe, expect, test } from 'vitest';
import type { InstanceStatus } from '../../src/api/objects.ts';
import type { Outcome } from '../../src/plan/action.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import type { InstanceView, Observed, World } from '../../src/plan/world.ts';
import {
  agentOf,
  containerOf,
  exited,
  iso,
  minute,
  readyStatus,
  revisionOf,
  second,
  specOf,
  start,
  viewOf,
  worldOf,
} from './worlds.ts';

const now = start + minute;
const stray = (more: Partial<Observed> = {}): Observed =>
  containerOf({ ref: 'c0', startId: 's0', run: 0, ...more });

const world = (view: InstanceView, more: Partial<World> = {}): World =>
  worldOf({ now, instances: [view], ...more });
const deleting = { agent: agentOf({}, { deletionTimestamp: iso(start) }) };
const suspended = { agent: agentOf({ suspend: true }), revisions: [revisionOf(agentOf())] };

const stoppedStatus = (more: InstanceStatus = {}): InstanceStatus =>
  readyStatus({
    phase: 'Stopped',
    lastExit: { run: 1, code: 0, cause: 'Stop', finishedAt: iso(start + second) },
    ...more,
  });

type LastOutcome = NonNullable<InstanceStatus['lastOutcome']>;

const outcome = (action: string, result: Outcome['result'], at = now): LastOutcome => ({
  action,
  run: 1,
  at: iso(at),
  result,
  ...(result === 'Succeeded' ? {} : { reason: 'EngineBusy', message: 'The engine is busy.' }),
  count: 1,
});

describe('a container that is not the newest run’s', () => {
  test.each(['Running', 'Paused'] as const)('is killed, then removed, while it is %s', (state) => {
    const plan = reconcile(world(viewOf(readyStatus(), [containerOf(), stray({ state })])));
    expect(plan.actions).toEqual([
      {
        type: 'Kill',
        id: 'Kill/web-0/c0',
        after: [],
        cause: 'Duplicate',
        message: 'c0 is a duplicate of web-0.',
        name: 'web-0',
        uid: 'uid-0',
        run: 0,
        ref: 'c0',
      },
      {
        type: 'Remove',
        id: 'Remove/web-0/c0',
        after: ['Kill/web-0/c0'],
        cause: 'Duplicate',
        message: 'c0 is not the newest run.',
        name: 'web-0',
        uid: 'uid-0',
        ref: 'c0',
        volumes: false,
      },
    ]);
    expect(plan.instances.get('web-0')).toMatchObject({ phase: 'Ready' });
  });

  test.each(['Exited', 'Created'] as const)('is only removed while it is %s', (state) => {
    const { startId, ...created } = stray({ state });
    const one = state === 'Created' ? created : { ...created, startId };
    const { actions } = reconcile(world(viewOf(readyStatus(), [containerOf(), one])));
    expect(actions.map(({ id, after }) => [id, after])).toEqual([['Remove/web-0/c0', []]]);
  });

  test('is removed before the next start, which waits for that', () => {
    const view = viewOf(stoppedStatus(), [exited(0, start + second), stray()]);
    const plan = reconcile(world(view));
    expect(plan.actions.map(({ id }) => id)).toEqual(['Kill/web-0/c0', 'Remove/web-0/c0']);
    expect(plan.instances.get('web-0')).toMatchObject({
      phase: 'Pending',
      reason: 'Duplicate',
      message: 'A duplicate of it is being removed first.',
    });
  });

  test('holds up the next start while its removal waits to be tried again', () => {
    const status = stoppedStatus({ lastOutcome: outcome('Remove', 'Retryable') });
    const plan = reconcile(world(viewOf(status, [exited(0, start + second), stray()])));
    expect(plan.actions).toEqual([]);
    expect(plan.instances.get('web-0')).toMatchObject({ phase: 'Pending', reason: 'Duplicate' });
  });

  test('is left alone while another action is under way', () => {
    const view = viewOf(readyStatus(), [containerOf(), stray()], { inFlight: 'Kill/web-0/c0' });
    expect(reconcile(world(view)).actions).toEqual([]);
  });

  test.each(['Kill', 'Remove'])('is tried again two seconds after a %s that failed', (action) => {
    const status = (at: number) => readyStatus({ lastOutcome: outcome(action, 'Retryable', at) });
    const plan = (at: number) => reconcile(world(viewOf(status(at), [containerOf(), stray()])));
    expect(plan(now).actions).toEqual([]);
    expect(plan(now).wakeAt).toBe(now + 2 * second);
    expect(plan(now - 1999).actions).toEqual([]);
    expect(plan(now - 2 * second).actions).toHaveLength(2);
    expect(plan(now + minute).wakeAt, 'the clock went back').toBe(now + 2 * second);
  });

  test.each([
    ['a success', outcome('Kill', 'Succeeded')],
    ['another action', outcome('Signal', 'Retryable')],
  ])('does not wait after %s', (_what, lastOutcome) => {
    const view = viewOf(readyStatus({ lastOutcome }), [containerOf(), stray()]);
    expect(reconcile(world(view)).actions).toHaveLength(2);
  });

  test('goes with all the rest when its Agent is deleted, each once', () => {
    const view = viewOf(stoppedStatus(), [exited(0, start + second), stray({ state: 'Exited' })]);
    const { actions } = reconcile(world(view, deleting));
    expect(actions.map(({ id, after }) => [id, after])).toEqual([
      ['Remove/web-0/c0', []],
      ['Remove/web-0/c1', []],
      ['DeleteInstance/web-0', ['Remove/web-0/c0', 'Remove/web-0/c1']],
      ['DeleteRevision/web-1', ['DeleteInstance/web-0']],
      ['Release', ['DeleteInstance/web-0', 'DeleteRevision/web-1']],
    ]);
  });

  test('that runs is killed first when its Agent is deleted; the Instance waits for the removals alone', () => {
    const view = viewOf(stoppedStatus(), [exited(0, start + second), stray()]);
    const { actions } = reconcile(world(view, deleting));
    expect(actions.find(({ type }) => type === 'DeleteInstance')?.after).toEqual([
      'Remove/web-0/c0',
      'Remove/web-0/c1',
    ]);
  });

  test('is removed beside an instance that rests', () => {
    const view = viewOf(stoppedStatus(), [exited(0, start + second), stray()]);
    expect(reconcile(world(view, suspended)).actions.map(({ id }) => id)).toEqual([
      'Kill/web-0/c0',
      'Remove/web-0/c0',
    ]);
  });
});

describe('a removal that failed', () => {
  const view = (lastOutcome: LastOutcome) =>
    viewOf(stoppedStatus({ lastOutcome }), [exited(0, start + second)]);

  test('is said, and tried again after two seconds', () => {
    const plan = reconcile(world(view(outcome('Remove', 'Retryable')), deleting));
    expect(plan.actions).toEqual([]);
    expect(plan.wakeAt).toBe(now + 2 * second);
    expect(plan.instances.get('web-0')).toMatchObject({
      phase: 'Stopping',
      reason: 'EngineBusy',
      message: 'The engine is busy.',
    });
    const later = reconcile(world(view(outcome('Remove', 'Retryable', now - 2 * second)), deleting));
    expect(later.actions[0]).toMatchObject({ type: 'Remove', ref: 'c1', cause: 'Deleted' });
  });

  test('is said in words of its own where the driver gave none', () => {
    const { reason: _, message: _1, ...bare } = outcome('Remove', 'Terminal');
    const plan = reconcile(world(view(bare), deleting));
    expect(plan.instances.get('web-0')).toMatchObject({
      phase: 'Stopping',
      reason: 'RemoveFailed',
      message: 'Its container cannot be removed.',
    });
  });

  test('holds up a move to another Runtime, which is Pending until then', () => {
    const spec = specOf();
    const status = stoppedStatus({ lastOutcome: outcome('Remove', 'Retryable') });
    const one = viewOf(status, [exited(0, start + second)], { runtime: 'podman' });
    const plan = reconcile(world(one, { agent: { ...agentOf(), spec } }));
    expect(plan.actions).toEqual([]);
    expect(plan.instances.get('web-0')).toMatchObject({ phase: 'Pending', reason: 'EngineBusy' });
    expect(plan.wakeAt).toBe(now + 2 * second);
  });

  test('is not waited for once one has succeeded', () => {
    const { actions } = reconcile(world(view(outcome('Remove', 'Succeeded')), deleting));
    expect(actions[0]).toMatchObject({ type: 'Remove', ref: 'c1' });
  });
});

test('an instance that never ran is deleted at once, though its Runtime is out of reach', () => {
  const { actions } = reconcile(world(viewOf({}, 'Unknown'), deleting));
  expect(actions.map(({ id, after }) => [id, after])).toEqual([
    ['DeleteInstance/web-0', []],
    ['DeleteRevision/web-1', ['DeleteInstance/web-0']],
    ['Release', ['DeleteInstance/web-0', 'DeleteRevision/web-1']],
  ]);
});

describe('volumes', () => {
  const purged = (metadata: Parameters<typeof agentOf>[1]) =>
    reconcile(
      world(viewOf(stoppedStatus(), [exited(0, start + second)]), {
        agent: agentOf({ replicas: 0 }, { annotations: { 'agentctl.dev/purge': 'true' }, ...metadata }),
      }),
    ).actions.find(({ type }) => type === 'Remove');

  test('go with a deleted Agent that says so', () => {
    expect(purged({ deletionTimestamp: iso(start) })).toMatchObject({ volumes: true });
  });

  test.each([
    ['the Agent stays', {}],
    ['it says no', { deletionTimestamp: iso(start), annotations: { 'agentctl.dev/purge': 'false' } }],
    ['it says nothing', { deletionTimestamp: iso(start), annotations: {} }],
  ])('stay where %s', (_what, metadata) => {
    expect(purged(metadata)).toMatchObject({ volumes: false });
  });
});
