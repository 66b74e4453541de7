import { describe, expect, test } from 'vitest';
import type { InstanceStatus } from '../../src/api/objects.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import type { InstanceView, Observed } from '../../src/plan/world.ts';
import {
  containerOf,
  exited,
  iso,
  minute,
  readyStatus,
  runtimeOf,
  runtimeViewOf,
  second,
  start,
  stopOf,
  viewOf,
  type WorldOptions,
  worldOf,
} from './worlds.ts';

const now = start + minute;

function planOf(status: InstanceStatus, observed: InstanceView['observed'], more: WorldOptions = {}) {
  const plan = reconcile(worldOf({ now, instances: [viewOf(status, observed)], ...more }));
  return {
    ...plan,
    status: plan.instances.get('web-0') ?? {},
    did: plan.actions.map(({ id }) => id),
    told: plan.events.map(({ reason, message }) => `${reason}: ${message}`),
  };
}

const created = (more: Partial<Observed> = {}): Observed => {
  const { startId: _, startedAt: _1, ...one } = containerOf({ state: 'Created', ...more });
  return one;
};

/** Run 2 is claimed after run 1 in the container c1 has ended. */
const claimed = (more: Partial<NonNullable<InstanceStatus['run']>> = {}): InstanceStatus => ({
  phase: 'Starting',
  reason: 'BackOffEnded',
  restartCount: 0,
  failures: 1,
  run: {
    number: 2,
    revision: 'web-1',
    claimedAt: iso(start + second),
    cause: 'BackOffEnded',
    startedBy: 'Restart',
    previous: { ref: 'c1', startedAt: 's1' },
    ...more,
  },
});

describe('an instance whose status was lost', () => {
  test('goes on as what runs under its name', () => {
    const found = containerOf({ ref: 'c3', run: 3, startId: 's3', imageId: 'sha256:1' });
    const { status, did, told } = planOf({}, [found]);
    expect(status).toMatchObject({
      run: {
        number: 3,
        revision: 'web-1',
        claimedAt: iso(start),
        cause: 'Adopted',
        ref: 'c3',
        startedAt: 's3',
        startedBy: 'Create',
        image: 'sha256:1',
      },
      restartCount: 0,
      phase: 'Ready',
    });
    expect(did).toEqual([]);
    expect(told[0]).toBe('Adopted: Found run 3 in c3 and took it over.');
  });

  test('takes what is up before what has ended, and that goes as a duplicate', () => {
    const ended = exited(0, start, { ref: 'c1', run: 4 });
    for (const state of ['Running', 'Paused'] as const) {
      const { status, did } = planOf({}, [ended, containerOf({ ref: 'c3', run: 3, startId: 's3', state })]);
      expect(status.run).toMatchObject({ number: 3, ref: 'c3' });
      expect(did).toEqual(['Remove/web-0/c1']);
    }
  });

  test('takes what has ended as its run, and its end', () => {
    const { status } = planOf({}, [created({ ref: 'c0' }), exited(3, start + second, { run: 2 })]);
    expect(status).toMatchObject({
      run: { number: 2, ref: 'c1' },
      lastExit: { run: 2, code: 3, cause: 'Agent', finishedAt: iso(start + second) },
      failures: 1,
    });
  });

  test('begins anew where nothing was ever started, once that is gone', () => {
    const { status, did } = planOf({}, [created({ run: 5 })]);
    expect(did).toEqual(['Remove/web-0/c1']);
    expect(status).not.toHaveProperty('run');
    expect(planOf(status, []).status.run).toMatchObject({ number: 1, cause: 'FirstStart', previous: {} });
  });

  test('has a run with a number and a time, whatever the Runtime shows', () => {
    const { startedAt: _, ...found } = containerOf({ run: 0 });
    expect(planOf({}, [found]).status.run).toMatchObject({ number: 1, claimedAt: iso(now) });
  });
});

describe('a run that was claimed', () => {
  type Run = NonNullable<InstanceStatus['run']>;
  test.each<[string, Observed, object, string, Partial<Run>?]>([
    [
      'in a container that was made for it',
      containerOf({ ref: 'c2', run: 2, startId: 's2', revision: 'web-7' }),
      { ref: 'c2', startedAt: 's2', startedBy: 'Create', revision: 'web-7' },
      'in a new container',
    ],
    [
      'in the container of the run before, started again',
      containerOf({ ref: 'c1', run: 1, startId: 's2', revision: 'web-7' }),
      { ref: 'c1', startedAt: 's2', startedBy: 'Restart', revision: 'web-1' },
      'in the same container',
    ],
    [
      'in another container of its Revision that is up',
      containerOf({ ref: 'c2', run: 1, startId: 's2' }),
      { ref: 'c2', startedAt: 's2', startedBy: 'Create', revision: 'web-1' },
      'in a new container',
    ],
    [
      'in the folder of the run before, made anew',
      containerOf({ ref: 'c1', run: 1, startId: 's2', revision: 'web-7' }),
      { ref: 'c1', startedAt: 's2', startedBy: 'Create', revision: 'web-7' },
      'in the same container',
      { startedBy: 'Create' },
    ],
    [
      'though nothing is known of the run before',
      containerOf({ ref: 'c2', run: 2, startId: 's2' }),
      { ref: 'c2', startedAt: 's2', startedBy: 'Create' },
      'in a new container',
      { previous: undefined as never },
    ],
    [
      'in a container that was made for it and has ended already',
      exited(1, now, { ref: 'c2', run: 2, startId: 's2' }),
      { ref: 'c2', startedAt: 's2', startedBy: 'Create' },
      'in a new container',
    ],
    [
      'in a container without a label of its Revision',
      containerOf({ ref: 'c2', run: 2, startId: 's2', revision: '' }),
      { ref: 'c2', revision: 'web-1' },
      'in a new container',
    ],
  ])('is seen %s', (_what, found, run, where, claim = {}) => {
    const { status, told } = planOf(claimed(claim), [found]);
    expect(status.run).toMatchObject({ number: 2, ...run });
    expect(told[0]).toBe(`Started: Started run 2 ${where} (BackOffEnded).`);
    expect(status.restartCount).toBe(1);
  });

  test.each<[string, Observed]>([
    ['the end of the run before', exited(1, start)],
    ['a container that runs another Revision', containerOf({ ref: 'c2', run: 1, revision: 'web-0' })],
    ['an ended container of an earlier run', exited(0, start, { ref: 'c2', run: 1 })],
    ['an ended container of another start', exited(0, start, { ref: 'c2', run: 1, startId: 's9' })],
    ['a container of it that was never started', created({ ref: 'c2', run: 2 })],
    ['the container of the run before, which shows no start', created()],
    ['the run before, which is up still', containerOf()],
    ['the start of the run before in what was made for it', exited(1, start, { run: 2 })],
  ])('is not seen by %s', (_what, found) => {
    const { status, told } = planOf(claimed(), [found]);
    expect(status.run).not.toHaveProperty('startedAt');
    expect(told).toEqual([]);
  });

  test.each<[string, Observed, object, string[]]>([
    ['in the container of the run before', exited(1, start), { how: 'Restart', ref: 'c1' }, []],
    ['anew where one was made and never started', created({ ref: 'c2', run: 2 }), { how: 'Create' }, []],
  ])('and not seen is asked for again: %s', (_what, found, how, removed) => {
    const { actions, did } = planOf(claimed(), [found]);
    expect(actions).toMatchObject([{ type: 'Start', run: 2, ...how }]);
    expect(did.filter((id) => id.startsWith('Remove'))).toEqual(removed);
  });

  test('and not seen is asked for once what else is up has gone, though nothing is known of the run before', () => {
    const other = containerOf({ ref: 'c9', run: 1, revision: 'web-0' });
    const { did, status } = planOf(claimed({ previous: undefined as never }), [other]);
    expect(did).toEqual(['Kill/web-0/c9', 'Remove/web-0/c9']);
    expect(status.run).toMatchObject({ number: 2 });
  });

  test('and not seen is asked for once a container that never was its own is gone', () => {
    const { did, status } = planOf(claimed(), [created({ ref: 'c2', run: 7 })]);
    expect(did).toEqual(['Remove/web-0/c2']);
    expect(status).toMatchObject({ phase: 'Pending', reason: 'Duplicate' });
  });

  test('whose start was taken for failed, and came about, is its run again', () => {
    const failed = {
      ...claimed(),
      phase: 'BackOff' as const,
      lastExit: { run: 2, finishedAt: iso(start), cause: 'StartFailed' as const },
      backoffFrom: iso(start),
      backoffUntil: iso(now + minute),
    };
    const { status } = planOf(failed, [containerOf({ ref: 'c2', run: 2, startId: 's2' })]);
    expect(status.run).toMatchObject({ number: 2, ref: 'c2' });
    expect(status).not.toHaveProperty('lastExit');
    expect(status).not.toHaveProperty('backoffFrom');
    expect(status).not.toHaveProperty('backoffUntil');
  });

  test('whose start failed has ended while nothing of it is seen', () => {
    const lastExit = { run: 2, finishedAt: iso(now), cause: 'StartFailed' as const };
    const waiting = { ...claimed(), phase: 'BackOff' as const, lastExit, backoffFrom: iso(now) };
    expect(planOf(waiting, []).status).toMatchObject({ phase: 'BackOff', lastExit });
  });

  test('by a message is no restart', () => {
    const found = containerOf({ ref: 'c2', run: 2, startId: 's2' });
    expect(planOf(claimed({ cause: 'Message' }), [found]).status.restartCount).toBe(0);
    const { restartCount: _, ...first } = claimed();
    expect(planOf(first, [found]).status.restartCount).toBe(0);
    expect(planOf({ ...claimed(), restartCount: 4 }, [found]).status.restartCount).toBe(5);
  });

  test('is told without a cause as a claim', () => {
    const run = { number: 2, revision: 'web-1', claimedAt: iso(start + second), previous: { ref: 'c1' } };
    const { told } = planOf({ ...claimed(), run }, [containerOf({ ref: 'c2', run: 2 })]);
    expect(told[0]).toBe('Started: Started run 2 in a new container (Claimed).');
  });

  test('of a process has a folder', () => {
    const runtime = runtimeViewOf(runtimeOf({ driver: 'process' }));
    const { told } = planOf(claimed(), [containerOf({ ref: 'c2', run: 2, startId: 's2' })], { runtime });
    expect(told[0]).toBe('Started: Started run 2 in a new folder (BackOffEnded).');
  });

  test('keeps its image where the Runtime tells one', () => {
    const found = containerOf({ ref: 'c2', run: 2, startId: 's2', imageId: 'sha256:2' });
    expect(planOf(claimed(), [found]).status.run?.image).toBe('sha256:2');
    expect(planOf(claimed(), [{ ...found, imageId: undefined }]).status.run).not.toHaveProperty('image');
  });
});

describe('a run that is known', () => {
  test('goes on while its start is there, beside whatever else', () => {
    const { status, told } = planOf(readyStatus(), [created({ ref: 'c9', run: 9 }), containerOf()]);
    expect(status.run).toEqual(readyStatus().run);
    expect(status.phase).toBe('Ready');
    expect(told).toEqual([]);
  });

  test('that somebody else has started again in its container goes on as the next', () => {
    const status = readyStatus({
      stop: stopOf('Restart', { deadline: iso(now + second) }),
      backoffFrom: iso(start),
      backoffUntil: iso(now + minute),
    });
    const outside = containerOf({ startId: 's2', startedAt: start + 59 * second, revision: 'web-0' });
    const plan = planOf(status, [outside]);
    expect(plan.status).toMatchObject({
      run: {
        number: 2,
        revision: 'web-1',
        claimedAt: iso(start + 59 * second),
        cause: 'StartedOutside',
        startedBy: 'Restart',
        previous: { ref: 'c1', startedAt: 's1' },
        ref: 'c1',
        startedAt: 's2',
      },
      restartCount: 1,
      readySince: iso(now),
    });
    for (const field of ['stop', 'backoffFrom', 'backoffUntil'])
      expect(plan.status).not.toHaveProperty(field);
    expect(plan.did).toEqual([]);
    expect(plan.told[0]).toBe(
      'StartedOutside: c1 was started by something other than agentctl; it continues as run 2.',
    );
  });

  test('gives way to a later run that is found', () => {
    const { startedAt: _, ...later } = containerOf({ ref: 'c5', run: 5, startId: 's5', revision: 'web-3' });
    const { status, did, told } = planOf(readyStatus(), [exited(0, start, { startId: 's0' }), later]);
    expect(status.run).toMatchObject({
      number: 5,
      revision: 'web-3',
      claimedAt: iso(now),
      ref: 'c5',
      startedAt: 's5',
      startedBy: 'Create',
    });
    expect(told[0]).toContain('c5 was started by something other than agentctl; it continues as run 5.');
    expect(did, 'nobody knows its Revision').toEqual(['Remove/web-0/c1', 'Signal/web-0']);
  });

  test('does not give way to what was made for a later run and never started', () => {
    const { status } = planOf(readyStatus(), [created({ ref: 'c5', run: 5 }), containerOf()]);
    expect(status.run?.number).toBe(1);
  });

  const again = (previous: object): InstanceStatus =>
    readyStatus({
      run: { number: 2, revision: 'web-1', claimedAt: iso(start), ref: 'c1', startedAt: 's2', previous },
    });
  test.each<[string, InstanceStatus, Observed]>([
    ['a start after the one before', again({ ref: 'c1', startedAt: 's1' }), containerOf({ startId: 's3' })],
    ['a start that another container had before', again({ ref: 'c0', startedAt: 's1' }), containerOf()],
    ['a start, and of the one before nothing is known', again(undefined as never), containerOf()],
  ])('goes on as the next where its container shows %s', (_what, status, found) => {
    expect(planOf(status, [found]).status.run).toMatchObject({ number: 3, cause: 'StartedOutside' });
  });

  test.each<[string, Observed]>([
    ['a container that was made for a later run and never started', created({ ref: 'c5', run: 5 })],
    ['another container of an earlier run', exited(0, start, { ref: 'c9', run: 1, startId: 's9' })],
    ['another container with the same start', exited(0, start, { ref: 'c9', run: 1 })],
  ])('is lost where nothing is there but %s', (_what, found) => {
    const { status } = planOf(readyStatus(), [found]);
    expect(status).toMatchObject({ run: { number: 1 }, lastExit: { run: 1, cause: 'Lost' } });
  });

  test('is waited for while its container shows an older start', () => {
    const run = { number: 2, revision: 'web-1', previous: { ref: 'c1', startedAt: 's1' }, ref: 'c1' };
    const status = readyStatus({ run: { ...run, claimedAt: iso(start), startedAt: 's2' } });
    for (const observed of [[containerOf()], [exited(1, start)], [created()]]) {
      const plan = planOf(status, observed);
      expect(plan.status).toMatchObject({ run: status.run, phase: 'Ready' });
      expect(plan.did).toEqual([]);
      expect(plan.told).toEqual([]);
      expect(plan.wakeAt).toBe(now + 5 * second);
    }
  });

  test('that was taken for ended and is up goes on', () => {
    const lastExit = { run: 1, code: 0, finishedAt: iso(start), cause: 'Agent' as const };
    const { did, status } = planOf(readyStatus({ lastExit }), [containerOf()]);
    expect(did).toEqual([]);
    expect(status.phase).toBe('Ready');
  });

  test('that nothing is left of is lost', () => {
    const { status, told } = planOf(readyStatus(), []);
    expect(status.lastExit).toEqual({
      run: 1,
      finishedAt: iso(now),
      cause: 'Lost',
      message: 'Its container was removed by something other than agentctl.',
    });
    expect(told[0]).toBe(
      'Exited: Run 1 was lost. Its container was removed by something other than agentctl.',
    );
  });

  test('that has ended is started again in its container, though that shows another start', () => {
    const lastExit = { run: 1, code: 1, finishedAt: iso(start), cause: 'Agent' as const };
    const status = readyStatus({ phase: 'BackOff', lastExit });
    const { actions } = planOf(status, [created({ ref: 'c0' }), exited(1, start)]);
    expect(actions.map(({ id }) => id)).toEqual(['Remove/web-0/c0']);
    expect(planOf(status, [created({ ref: 'c0' }), created()]).did).toEqual(['Remove/web-0/c0']);
    expect(planOf(status, [exited(1, start)]).actions).toMatchObject([{ type: 'Start', ref: 'c1' }]);
    expect(planOf(status, [created()]).actions).toMatchObject([{ type: 'Start', how: 'Create' }]);
  });
});

describe('a stop that was to stay', () => {
  const stopped: InstanceStatus = { stop: stopOf('Stay'), phase: 'Stopped' };
  const lastExit = { run: 1, code: 0, finishedAt: iso(start), cause: 'Stop' as const };

  test.each<[string, InstanceStatus, InstanceView['observed']]>([
    ['whose container is there', readyStatus({ ...stopped, lastExit }), [exited(0, start)]],
    ['whose container is gone', readyStatus({ ...stopped, lastExit }), []],
    ['whose Runtime cannot be asked', readyStatus({ ...stopped, lastExit }), 'Unknown'],
    [
      'whose start failed',
      {
        ...claimed(),
        stop: stopOf('Stay', { run: 2 }),
        phase: 'Stopped',
        lastExit: { ...lastExit, run: 2, cause: 'StartFailed' },
      },
      [],
    ],
  ])('is over with the end of its run, %s', (_what, status, observed) => {
    const plan = planOf(status, observed);
    expect(plan.status).not.toHaveProperty('stop');
    expect(plan.actions.map(({ cause }) => cause)).not.toContain('Suspended');
  });
});

describe('an instance whose Runtime cannot be asked', () => {
  const offline = {
    runtime: runtimeViewOf(runtimeOf(), { state: 'Offline' as const, message: 'No answer.', since: start }),
  };
  const lastExit = { run: 1, code: 1, finishedAt: iso(start), cause: 'Agent' as const };
  test.each<[string, InstanceStatus, string]>([
    ['never ran', {}, 'Pending'],
    ['is up', readyStatus(), 'Unknown'],
    ['was about to start', claimed(), 'Unknown'],
    ['was claimed and waits for an image', { ...claimed(), phase: 'Pending' }, 'Pending'],
    ['has ended', readyStatus({ phase: 'BackOff', lastExit }), 'Pending'],
  ])('is, where it %s, %s', (_what, status, phase) => {
    const plan = planOf(status, 'Unknown', offline);
    expect(plan.status).toMatchObject({ phase, reason: 'RuntimeOffline' });
    expect(plan.did).toEqual([]);
    expect(plan.status.run).toEqual(status.run);
  });
});

describe('how long a run is up', () => {
  const readyAt = (found: Partial<Observed>, status = readyStatus()): string | undefined => {
    const { readySince: _, ...fresh } = status;
    return planOf({ ...fresh, phase: 'Starting' }, [containerOf(found)]).status.readySince;
  };

  test('counts from its start as the Runtime tells it', () => {
    expect(readyAt({ startedAt: start + 9 * second })).toBe(iso(start + 10 * second));
  });

  test('counts from its claim where the Runtime tells none', () => {
    const run = { ...readyStatus().run, number: 1, revision: 'web-1', claimedAt: iso(start + 7 * second) };
    expect(readyAt({ startedAt: undefined }, readyStatus({ run }))).toBe(iso(start + 8 * second));
  });

  test('is nothing yet where the Runtime’s clock is ahead', () => {
    expect(readyAt({ startedAt: now + minute })).toBeUndefined();
  });
});
