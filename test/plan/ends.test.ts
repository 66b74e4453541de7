/** The end of a run: how it is noted and told, and what follows from it by the policy. */
import { describe, expect, test } from 'vitest';
import type { AgentSpec, InstanceStatus } from '../../src/api/objects.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import type { Observed, ObservedExit } from '../../src/plan/world.ts';
import {
  agentOf,
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
  worldOf,
} from './worlds.ts';

const at = start + minute;
const now = at + second;

interface Given {
  exit?: Partial<ObservedExit>;
  container?: Partial<Observed>;
  status?: InstanceStatus;
  spec?: Partial<AgentSpec>;
  policy?: object;
  observed?: Observed[];
}

function planOf({ exit, container, status = {}, spec = {}, policy = {}, observed }: Given) {
  const ended = exited(1, at, {
    ...container,
    exit: { code: 1, cause: 'Agent', finishedAt: at, ...exit },
  });
  const plan = reconcile(
    worldOf({
      now,
      agent: agentOf(spec as never),
      policy: { backoff: { schedule: ['10s'], jitter: 0 }, ...policy } as never,
      instances: [viewOf(readyStatus(status), observed ?? [ended])],
    }),
  );
  const told = plan.events.map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
  return { ...plan, next: plan.instances.get('web-0') ?? {}, told };
}

const never = { restart: { on: 'Never' } };
const output = 'Its output: agentctl logs web --previous.';
const again = 'To start it again: agentctl resume web, or change the spec.';

describe('the end of a run is noted', () => {
  test('with all that its Runtime tells', () => {
    const exit = { code: 139, signal: 'SIGSEGV', oomKilled: true, message: 'it broke' };
    expect(planOf({ exit }).next.lastExit).toEqual({
      run: 1,
      code: 139,
      signal: 'SIGSEGV',
      oomKilled: true,
      startedAt: iso(start),
      finishedAt: iso(at),
      cause: 'Agent',
      message: 'it broke',
    });
  });

  test('without what it does not tell', () => {
    const { startedAt: _, exit: _1, ...bare } = exited(1, at);
    expect(planOf({ observed: [bare] }).next.lastExit).toEqual({
      run: 1,
      finishedAt: iso(now),
      cause: 'Agent',
    });
  });

  test('no later than now, though the clock of its Runtime is ahead', () => {
    expect(planOf({ exit: { finishedAt: now + minute } }).next.lastExit?.finishedAt).toBe(iso(now));
  });

  test('as by a stop of that run alone', () => {
    const cause = (run: number) =>
      planOf({ status: { stop: stopOf('Restart', { run }) } }).next.lastExit?.cause;
    expect(cause(1)).toBe('Stop');
    expect(cause(0)).toBe('Agent');
    const gone = (status: InstanceStatus) => planOf({ status, observed: [] }).next.lastExit;
    expect(gone({ stop: stopOf('Restart') })).toMatchObject({ cause: 'Stop' });
    expect(gone({})).toMatchObject({
      cause: 'Lost',
      message: 'Its container was removed by something other than agentctl.',
    });
  });

  test('once', () => {
    const { next } = planOf({});
    const later = planOf({ status: next });
    expect(later.next).toMatchObject({ failures: 1, lastExit: next.lastExit });
    expect(later.told).toEqual([]);
  });
});

describe('the end of a run is told', () => {
  test.each<[string, Given, string]>([
    ['code 1', {}, 'Warning Exited: Run 1 ended with code 1.'],
    ['code 0', { exit: { code: 0 } }, 'Normal Exited: Run 1 ended with code 0.'],
    [
      'its Runtime',
      { exit: { cause: 'Runtime' } },
      'Normal Exited: Run 1 ended with code 1 because its Runtime stopped. This does not count as a failure.',
    ],
    [
      'a stop that was meant',
      { status: { stop: stopOf('Restart') } },
      'Normal Stopped: Run 1 was stopped with code 1.',
    ],
    [
      'a stop since it failed',
      { status: { stop: stopOf('Restart', { cause: 'LivenessFailed' }) } },
      'Warning Stopped: Run 1 was stopped with code 1.',
    ],
    [
      'a loss',
      { observed: [] },
      'Warning Exited: Run 1 was lost. Its container was removed by something other than agentctl.',
    ],
  ])('by %s', (_what, given, text) => {
    expect(planOf(given).told[0]).toBe(text);
  });
});

describe('a failure', () => {
  test('counts, and is followed by a wait that is told', () => {
    const { next, told, wakeAt } = planOf({ status: { failures: 2 } });
    expect(next).toMatchObject({
      phase: 'BackOff',
      failures: 3,
      backoffFrom: iso(at),
      backoffUntil: iso(at + 10 * second),
    });
    expect(next).not.toHaveProperty('readySince');
    expect(told[1]).toBe('Warning BackOff: Failure 3 in a row: it starts again at 2026-03-02 12:01:10 UTC.');
    expect(wakeAt).toBe(at + 10 * second);
  });

  test('without a wait is followed by a start at once, and no word of a wait', () => {
    const { next, told, actions } = planOf({ policy: { backoff: { schedule: ['1s'], jitter: 0 } } });
    expect(next).toMatchObject({ phase: 'Starting', failures: 1, restartTimes: [iso(now)] });
    expect(told.map((text) => text.split(':')[0])).toEqual(['Warning Exited']);
    expect(actions).toMatchObject([{ type: 'Start', run: 2 }]);
  });

  test.each([
    [second, 8],
    [minute - 1, 8],
    [minute, 1],
    [2 * minute, 1],
  ])('after it was Ready for %i ms, with resetAfter 1m, is number %i', (ready, failures) => {
    const policy = { backoff: { schedule: ['10s'], jitter: 0, resetAfter: '1m' } };
    const status = { failures: 7, readySince: iso(at - ready) };
    expect(planOf({ status, policy }).next.failures).toBe(failures);
  });

  test('is number 8 of one that never was Ready', () => {
    const { readySince: _, ...status } = readyStatus({ failures: 7, phase: 'Starting' });
    const plan = reconcile(worldOf({ now, instances: [viewOf(status, [exited(1, at)])] }));
    expect(plan.instances.get('web-0')?.failures).toBe(8);
  });
});

describe('an end that is no failure', () => {
  test.each<[string, Given]>([
    ['of its Runtime', { exit: { cause: 'Runtime' } }],
    ['by a stop that was meant', { status: { stop: stopOf('Restart', { cause: 'ScheduledRestart' }) } }],
  ])('%s counts nothing, and it starts at once', (_what, given) => {
    const { next, actions } = planOf({ ...given, status: { failures: 2, ...given.status } });
    expect(next.failures).toBe(2);
    expect(next).not.toHaveProperty('backoffFrom');
    expect(actions).toMatchObject([{ type: 'Start', run: 2 }]);
  });
});

describe('an instance that is not started again', () => {
  const stopped = (cause: string, message: string) => ({ stop: stopOf('Restart', { cause, message }) });

  test.each<[string, Given, InstanceStatus['phase'], string, string]>([
    [
      'ended well, and restart.on is OnFailure',
      { exit: { code: 0 }, policy: { restart: { on: 'OnFailure' } } },
      'Completed',
      'Completed',
      'Run 1 ended with code 0, and restart.on is OnFailure.',
    ],
    [
      'ended well, and restart.on is Never',
      { exit: { code: 0 }, policy: never },
      'Completed',
      'Completed',
      'Run 1 ended with code 0, and restart.on is Never.',
    ],
    [
      'failed, and restart.on is Never',
      { policy: never },
      'Failed',
      'Exited',
      `Run 1 ended with code 1. It is not started again, because restart.on is Never. ${output} ${again}`,
    ],
    [
      'ended with its Runtime, and restart.on is Never',
      { exit: { cause: 'Runtime', code: 0 }, policy: never },
      'Failed',
      'RuntimeStopped',
      `Run 1 ended with code 0 because its Runtime stopped. This does not count as a failure. It is not started again, because restart.on is Never. ${output} ${again}`,
    ],
    [
      'was lost, and restart.on is Never',
      { observed: [], policy: never },
      'Failed',
      'Lost',
      `Run 1 was lost. Its container was removed by something other than agentctl. It is not started again, because restart.on is Never. ${output} ${again}`,
    ],
    [
      'was stopped since it failed, and restart.on is Never',
      { status: stopped('LivenessFailed', 'Liveness failed: exit code 1'), policy: never },
      'Failed',
      'Exited',
      `Liveness failed: exit code 1. Run 1 was stopped with code 1. It is not started again, because restart.on is Never. ${output} ${again}`,
    ],
    [
      'may not be restarted at all',
      { policy: { restart: { maxRestarts: 0 } } },
      'Failed',
      'RestartLimit',
      `Run 1 ended with code 1. It is not started again, because restart.maxRestarts is 0. ${output} ${again}`,
    ],
    [
      'was restarted as often as it may, once',
      { status: { restartTimes: [iso(start)] }, policy: { restart: { maxRestarts: 1 } } },
      'Failed',
      'RestartLimit',
      `Run 1 ended with code 1. It was restarted once within 10m, which is the limit. ${output} ${again}`,
    ],
    [
      'was restarted as often as it may',
      {
        status: { restartTimes: [iso(start), iso(start + second)] },
        policy: { restart: { maxRestarts: 2, window: '5m' } },
      },
      'Failed',
      'RestartLimit',
      `Run 1 ended with code 1. It was restarted 2 times within 5m, which is the limit. ${output} ${again}`,
    ],
    [
      'ran out of memory',
      { exit: { code: 137, oomKilled: true }, policy: never },
      'Failed',
      'Exited',
      `Run 1 ended with code 137 (SIGKILL), out of memory. It is not started again, because restart.on is Never. Give it more memory: spec.template.resources.limits.memory. ${output} ${again}`,
    ],
    [
      'ran out of the memory that it may have',
      {
        exit: { code: 137, oomKilled: true },
        policy: never,
        spec: { template: { image: 'web:1', resources: { limits: { memory: '64Mi' } } } } as never,
      },
      'Failed',
      'Exited',
      `Run 1 ended with code 137 (SIGKILL), out of memory. It is not started again, because restart.on is Never. Give it more memory: spec.template.resources.limits.memory is 64Mi. ${output} ${again}`,
    ],
    [
      'is one of several',
      { policy: never, spec: { replicas: 2 } },
      'Failed',
      'Exited',
      `Run 1 ended with code 1. It is not started again, because restart.on is Never. Its output: agentctl logs instance/web-0 --previous. ${again}`,
    ],
  ])('since it %s says why, and what to do', (_what, given, phase, reason, message) => {
    const { next, told } = planOf(given);
    expect(next).toMatchObject({ phase, reason, message });
    expect(next).not.toHaveProperty('backoffFrom');
    expect(told.at(-1)).toBe(`${phase === 'Failed' ? 'Warning' : 'Normal'} ${phase}: ${message}`);
  });

  test('counts only restarts that are not too long ago by then', () => {
    const policy = { restart: { maxRestarts: 1, window: '5m' } };
    const due = at + 10 * second;
    const phase = (time: number) => planOf({ status: { restartTimes: [iso(time)] }, policy }).next.phase;
    expect(phase(due - 5 * minute)).toBe('BackOff');
    expect(phase(due - 5 * minute + 1)).toBe('Failed');
    expect(phase(now + minute), 'the clock went back').toBe('Failed');
  });

  test('since its permissions cannot be enforced says that alone', () => {
    const stop = stopOf('Stay', { cause: 'PermissionsNotEnforced', message: 'It never asks.' });
    const { next, told } = planOf({
      spec: { protocol: 'acp', permissions: { default: 'Ask' } } as never,
      status: { stop, failures: 2, backoffFrom: iso(start) },
    });
    expect(next).toMatchObject({
      phase: 'Failed',
      reason: 'PermissionsNotEnforced',
      message: 'It never asks.',
      failures: 2,
    });
    expect(next).not.toHaveProperty('backoffFrom');
    expect(told.at(-1)).toBe('Warning Failed: It never asks.');
  });
});

describe('a start that failed', () => {
  const claimed = (result: 'Retryable' | 'Terminal', more: object = {}): InstanceStatus => ({
    phase: 'Starting',
    readySince: iso(start),
    run: { number: 1, revision: 'web-1', claimedAt: iso(start) },
    lastOutcome: {
      action: 'Start',
      run: 1,
      at: iso(at),
      result,
      reason: 'DiskFull',
      message: 'No room',
      ...more,
    },
  });
  const planFor = (status: InstanceStatus, policy: object = {}) => {
    const plan = reconcile(
      worldOf({
        now,
        policy: { backoff: { schedule: ['10s'], jitter: 0 }, ...policy } as never,
        instances: [viewOf(status, [])],
      }),
    );
    const told = plan.events.map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
    return { ...plan, next: plan.instances.get('web-0') ?? {}, told };
  };

  test('and may pass counts as a failure of its run', () => {
    const { next, told } = planFor(claimed('Retryable'));
    expect(next).toMatchObject({
      phase: 'BackOff',
      failures: 1,
      lastExit: { run: 1, finishedAt: iso(at), cause: 'StartFailed', message: 'No room' },
    });
    expect(told[0]).toBe('Warning StartFailed: Run 1 could not be started: No room');
  });

  test('for good is Failed at once', () => {
    const { next, told } = planFor({ ...claimed('Terminal'), backoffFrom: iso(start) });
    expect(next).toMatchObject({
      phase: 'Failed',
      reason: 'DiskFull',
      message: 'No room.',
      lastExit: { run: 1, finishedAt: iso(at), cause: 'StartFailed', message: 'No room' },
    });
    for (const field of ['failures', 'readySince', 'backoffFrom']) expect(next).not.toHaveProperty(field);
    expect(told).toEqual(['Warning Failed: Run 1 cannot be started: No room']);
  });

  test('without a word has one', () => {
    const { reason: _, message: _1, ...bare } = claimed('Terminal').lastOutcome ?? { run: 1 };
    const status = { ...claimed('Terminal'), lastOutcome: bare } as InstanceStatus;
    expect(planFor(status).next).toMatchObject({ reason: 'StartFailed', message: 'The start failed.' });
  });

  test('too often names no output, as there is none', () => {
    const { next } = planFor(claimed('Retryable'), { restart: { maxRestarts: 0 } });
    expect(next.message).toBe(
      `Run 1 could not be started: No room. It is not started again, because restart.maxRestarts is 0. ${again}`,
    );
  });

  test.each([
    ['another action', { action: 'Remove' }],
    ['an earlier run', { run: 0 }],
  ])('is not what %s says', (_what, more) => {
    const { next, actions } = planFor(claimed('Retryable', more));
    expect(next).not.toHaveProperty('lastExit');
    expect(actions).toMatchObject([{ type: 'Start', run: 1 }]);
  });

  test('is tried again whatever restart.on says', () => {
    expect(planFor(claimed('Retryable'), never).next.phase).toBe('BackOff');
  });
});

test('a process has a folder', () => {
  const runtime = runtimeViewOf(runtimeOf({ driver: 'process' }));
  const plan = reconcile(worldOf({ now, runtime, instances: [viewOf(readyStatus(), [])] }));
  expect(plan.instances.get('web-0')?.lastExit?.message).toBe(
    'Its folder was removed by something other than agentctl.',
  );
});
