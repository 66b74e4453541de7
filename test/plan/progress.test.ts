/** What an Agent says of itself: its headline, its conditions, and how far a change has come. */
import { describe, expect, test } from 'vitest';
import type { AgentStatus, InstanceStatus } from '../../src/api/objects.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import type { InstanceView } from '../../src/plan/world.ts';
import {
  agentOf,
  containerOf,
  exited,
  hour,
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
  type WorldOptions,
  worldOf,
} from './worlds.ts';

const now = start + hour;
const changed = agentOf({ template: { image: 'web:2' } });
const bothRevisions = [revisionOf(agentOf()), revisionOf(changed, 2)];
const offline = {
  runtime: runtimeViewOf(runtimeOf(), {
    state: 'Offline' as const,
    message: 'Connection refused.',
    since: start,
  }),
};

const syncing = {
  runtime: runtimeViewOf(runtimeOf(), { state: 'Syncing' as const, message: 'Not yet.', since: start }),
};

const up = (status: InstanceStatus = {}, more: Partial<InstanceView> = {}): InstanceView =>
  viewOf(readyStatus(status), [containerOf()], more);
const failed: InstanceView = viewOf(
  readyStatus({
    phase: 'Failed',
    reason: 'Exited',
    message: 'It broke.',
    lastExit: { run: 1, code: 1, cause: 'Agent', finishedAt: iso(start) },
  }),
  [exited(1, start)],
);
const waiting = viewOf({}, []);

function statusOf(more: WorldOptions & { status?: AgentStatus } = {}) {
  const { status, ...world } = more;
  const agent = { ...(more.agent ?? agentOf(more.spec)), ...(status === undefined ? {} : { status }) };
  const plan = reconcile(worldOf({ now, instances: [up()], ...world, agent }));
  const conditions = plan.status.conditions ?? [];
  const of = (type: string): string | undefined => {
    const one = conditions.find((condition) => condition.type === type);
    return one === undefined ? undefined : `${one.status} ${one.reason}: ${one.message}`;
  };
  return { ...plan, of, types: conditions.map(({ type }) => type) };
}

describe('the condition Progressing', () => {
  const noGrants = { grants: new Set<string>() };
  test.each<[string, Parameters<typeof statusOf>[0], string]>([
    ['all is up to date', {}, 'False Complete: All instances are up to date.'],
    [
      'it is deleted',
      { agent: agentOf({}, { deletionTimestamp: iso(start) }) },
      'True Deleting: It is being deleted.',
    ],
    [
      'its spec is refused',
      { policy: { missing: 'calm' } },
      'False PolicyMissing: Nothing is started. See the condition Accepted.',
    ],
    ['an instance starts', { instances: [waiting] }, 'True Starting: 0 of 1 instances are Ready.'],
    ['an instance is missing', { spec: { replicas: 2 } }, 'True Scaling: 1 of 2 instances are Ready.'],
    ['an instance is too many', { spec: { replicas: 0 } }, 'True Scaling: 0 of 0 instances are Ready.'],
    ['it is suspended and stops', { spec: { suspend: true } }, 'True Stopping: 0 of 1 instances are Ready.'],
    [
      'its spec changed',
      { agent: changed, revisions: [revisionOf(agentOf())] },
      'True Updating: 0 of 1 instances are Ready.',
    ],
    [
      'an instance waits for its update',
      { agent: changed, revisions: bothRevisions, policy: { update: { strategy: 'OnDelete' } } },
      'False AwaitingTurn: web-0 is outdated. It is replaced when it is deleted: agentctl delete instance web-0.',
    ],
    [
      'an instance waits for its place',
      {
        instances: [waiting],
        ...noGrants,
        places: new Map([
          ['uid-0', { position: 2, since: start, reason: 'Queued' as const, message: 'Number 2.' }],
        ]),
      },
      'False Queued: web-0: Number 2.',
    ],
    [
      'an instance waits for its Runtime',
      { instances: [waiting], ...offline },
      'False RuntimeOffline: web-0: Connection refused.',
    ],
    [
      'its Runtime is out of reach',
      { instances: [viewOf(readyStatus(), 'Unknown')], ...offline },
      'False RuntimeOffline: web-0: The Runtime docker does not answer: Connection refused. The instance is not started elsewhere.',
    ],
    [
      'its Runtime is not listed yet',
      { instances: [waiting], ...syncing },
      'False RuntimeSyncing: web-0: Not yet.',
    ],
    [
      'an instance has failed for good',
      { instances: [failed] },
      'False Complete: All instances are up to date.',
    ],
  ])('where %s', (_what, given, text) => {
    expect(statusOf(given).of('Progressing')).toBe(text);
  });
});

describe('a change that gets nowhere', () => {
  const progressing = (more: object = {}): AgentStatus => ({
    currentRevision: 'web-1',
    conditions: [
      {
        type: 'Progressing',
        status: 'True',
        reason: 'Updating',
        message: '0 of 1 instances are Ready.',
        lastTransitionTime: iso(now - 10 * minute),
        observedGeneration: 1,
        ...more,
      },
    ],
  });
  const created = (at: number) => {
    const revision = revisionOf(changed, 2);
    return [
      revisionOf(agentOf()),
      { ...revision, metadata: { ...revision.metadata, creationTimestamp: iso(at) } },
    ];
  };
  const late = (more: Parameters<typeof statusOf>[0] = {}) =>
    statusOf({
      agent: changed,
      revisions: created(now - hour),
      instances: [waiting],
      status: progressing(),
      ...more,
    });

  test('for as long as progressDeadline is told, with the way back', () => {
    const text =
      'ProgressDeadlineExceeded: Revision web-2 did not become Ready within 10m. Go back with agentctl rollout undo agent/web, or change the spec.';
    expect(late().of('Progressing')).toBe(`False ${text}`);
    expect(late().of('Stalled')).toBe(`True ${text}`);
    expect(late().wakeAt).toBeUndefined();
    const known = { status: 'False', reason: 'ProgressDeadlineExceeded' };
    expect(late({ status: progressing(known) }).of('Progressing')).toBe(`False ${text}`);
  });

  test('of a Revision that was Ready before is told otherwise', () => {
    const status = { ...progressing(), currentRevision: 'web-2' };
    expect(late({ status }).of('Progressing')).toContain(
      'It was Ready before: check agentctl logs web and its dependencies.',
    );
  });

  test.each<[string, Parameters<typeof statusOf>[0], number]>([
    [
      'counts from when it began',
      { status: progressing({ lastTransitionTime: iso(now - 10 * minute + 1) }) },
      now + 1,
    ],
    ['counts from its Revision', { revisions: created(now - 10 * minute) }, now + 999],
    [
      'counts from the last instance that became Ready',
      {
        agent: { ...changed, spec: { ...changed.spec, replicas: 2 } },
        instances: [
          waiting,
          viewOf(readyStatus({ readySince: iso(now - minute) }), [containerOf({ instanceUid: 'uid-1' })], {
            ordinal: 1,
          }),
        ],
      },
      now + 9 * minute,
    ],
    ['has its whole time when it begins', { status: {} }, now + 10 * minute],
    [
      'has its whole time where it began in the future',
      { status: progressing({ lastTransitionTime: iso(now + hour) }) },
      now + 10 * minute,
    ],
  ])('%s', (_what, given, wakeAt) => {
    const { of, wakeAt: at } = late(given);
    expect(of('Progressing')).toMatch(/^True/);
    expect(at).toBe(wakeAt);
  });

  test('does not count while nothing is on its way', () => {
    const stopping = up({ phase: 'Stopping', stop: stopOf() });
    const suspended = { ...changed, spec: { ...changed.spec, suspend: true } };
    expect(late({ agent: suspended, instances: [stopping] }).of('Progressing')).toMatch(/^True/);
  });
});

describe('the phase of an Agent', () => {
  test.each<[string, Parameters<typeof statusOf>[0], string]>([
    [
      'is being deleted',
      { agent: agentOf({}, { deletionTimestamp: iso(start) }) },
      'Stopping Deleted: Agent web is being deleted. The stop signal is sent, and SIGKILL at 2026-03-02 13:00:10 UTC.',
    ],
    [
      'is deleted, and nothing of it is left',
      { agent: agentOf({}, { deletionTimestamp: iso(start) }), instances: [] },
      'Stopping Deleted: It is being deleted.',
    ],
    ['has no replicas', { spec: { replicas: 0 }, instances: [] }, 'Stopped NoReplicas: spec.replicas is 0.'],
    ['was just applied', { instances: [] }, 'Pending Created: Its instances are being created.'],
    [
      'is refused, and runs',
      { policy: { missing: 'calm' } },
      'Ready PolicyMissing: The Policy calm does not exist in the namespace default. Create it, or change spec.policyRef.',
    ],
    [
      'is refused, and has no instances',
      { policy: { missing: 'calm' }, instances: [] },
      'Pending PolicyMissing: The Policy calm does not exist in the namespace default. Create it, or change spec.policyRef.',
    ],
    ['has failed', { instances: [failed] }, 'Failed Exited: It broke.'],
  ])('that %s', (_what, given, text) => {
    const { phase, reason, message } = statusOf(given).status;
    expect(`${phase} ${reason}: ${message}`).toBe(text);
  });
});

describe('the condition Ready of an Agent', () => {
  test.each<[string, Parameters<typeof statusOf>[0], string]>([
    ['is Ready', {}, 'True Ready: 1 of 1 instances are Ready.'],
    [
      'sleeps',
      { policy: { mode: 'OnDemand' }, spec: { protocol: 'acp' }, instances: [waiting] },
      'True Asleep: 0 of 1 instances are Ready, and 1 sleeps until a message arrives.',
    ],
    [
      'sleeps, all of it',
      {
        policy: { mode: 'OnDemand' },
        spec: { protocol: 'acp', replicas: 2 },
        instances: [waiting, viewOf({}, [], { ordinal: 1 })],
      },
      'True Asleep: 0 of 2 instances are Ready, and 2 sleep until a message arrives.',
    ],
    ['has failed', { instances: [failed] }, 'False Exited: 0 of 1 instances are Ready. web-0: It broke.'],
    [
      'is refused and has no instances',
      { policy: { missing: 'calm' }, instances: [] },
      'False PolicyMissing: 0 of 1 instances are Ready. The Policy calm does not exist in the namespace default. Create it, or change spec.policyRef.',
    ],
    ['was just applied', { instances: [] }, 'False Created: 0 of 1 instances are Ready.'],
    [
      'is out of reach',
      { instances: [viewOf(readyStatus(), 'Unknown')] },
      'Unknown RuntimeOffline: 0 of 1 instances are Ready. web-0: The Runtime docker does not answer. The instance is not started elsewhere.',
    ],
  ])('that %s', (_what, given, text) => {
    expect(statusOf(given).of('Ready')).toBe(text);
  });

  test('is that it is suspended, while it is', () => {
    expect(statusOf({ spec: { suspend: true }, instances: [failed] }).of('Ready')).toMatch(
      /^False Suspended:/,
    );
  });
});

describe('what is abnormal of an Agent', () => {
  test.each<[string, Parameters<typeof statusOf>[0], string | undefined, string | undefined]>([
    ['nothing', {}, undefined, undefined],
    ['it is on its way', { instances: [waiting] }, undefined, 'True Starting: 0 of 1 instances are Ready.'],
    ['it has failed', { instances: [failed] }, 'True Exited: web-0: It broke.', undefined],
    [
      'it waits for another object',
      { policy: { missing: 'calm' } },
      undefined,
      'True PolicyMissing: The Policy calm does not exist in the namespace default. Create it, or change spec.policyRef.',
    ],
    [
      'it can never be carried out',
      { unsupported: ['a: no'] },
      'True UnsupportedByRuntime: The Runtime docker does not support a: no. Change these fields, or use another Runtime.',
      undefined,
    ],
  ])('%s', (_what, given, stalled, reconciling) => {
    const { of } = statusOf(given);
    expect([of('Stalled'), of('Reconciling')]).toEqual([stalled, reconciling]);
  });
});

describe('the condition Drifted of an Agent', () => {
  const outdated = (ordinal: number): InstanceView =>
    viewOf(readyStatus(), [containerOf({ instanceUid: `uid-${ordinal}` })], {
      ordinal,
      activity: { busy: true, waiting: 0 },
    });

  test('names those that are outdated, and why', () => {
    const agent = agentOf({ replicas: 2, template: { image: 'web:2' } });
    const given = {
      agent,
      revisions: [revisionOf(agentOf()), revisionOf(agent, 2)],
      instances: [outdated(0), outdated(1)],
    };
    expect(statusOf(given).of('Drifted')).toBe(
      'True SpecChanged: web-0, web-1: spec.template.image: "web:1" -> "web:2".',
    );
    expect(statusOf({ ...given, instances: [failed, outdated(1)] }).of('Drifted')).toMatch(/: web-1: /);
  });

  test('names those that run with older Secrets', () => {
    const run = { ...readyStatus().run, number: 1, revision: 'web-1', claimedAt: iso(start) };
    const stale = up({ run: { ...run, inputs: { 'Secret/key': 'old' } } });
    expect(statusOf({ inputs: { 'Secret/key': 'new' }, instances: [stale] }).of('Drifted')).toMatch(
      /^True SecretChanged: web-0: Secret\/key changed since it was started\./,
    );
    expect(statusOf().of('Drifted')).toBe('False InSync: All instances run the current spec.');
  });
});

describe('an Agent whose spec is refused', () => {
  const refused = { policy: { missing: 'calm' } };
  const message =
    'The Policy calm does not exist in the namespace default. Create it, or change spec.policyRef.';

  test('says so once, as an Event too', () => {
    const { of, events, status } = statusOf(refused);
    expect(of('Accepted')).toBe(`False PolicyMissing: ${message}`);
    expect(events).toEqual([{ type: 'Warning', reason: 'PolicyMissing', message }]);
    expect(statusOf({ ...refused, status }).events).toEqual([]);
    const other = { policy: { missing: 'brave' }, status };
    expect(statusOf(other).events).toHaveLength(1);
    expect(statusOf().of('Accepted')).toBe('True Accepted: The spec is valid.');
  });

  test('says nothing of it while it is deleted', () => {
    const agent = agentOf({}, { deletionTimestamp: iso(start) });
    expect(statusOf({ ...refused, agent }).events.map(({ reason }) => reason)).not.toContain('PolicyMissing');
  });
});

describe('the numbers of an Agent', () => {
  test('count its instances, and those that are Ready and up to date', () => {
    const agent = agentOf({ replicas: 3, template: { image: 'web:2' } });
    const view = (ordinal: number, status: InstanceStatus, observed: InstanceView['observed']) =>
      viewOf(status, observed, { ordinal, activity: { busy: true, waiting: 0 } });
    const of = (ordinal: number) => containerOf({ instanceUid: `uid-${ordinal}`, ref: `c${ordinal}` });
    const on = (ordinal: number, revision: string, restartCount: number) =>
      readyStatus({
        restartCount,
        run: { ...readyStatus().run, number: 1, revision, claimedAt: iso(start), ref: `c${ordinal}` },
      });
    const { status } = statusOf({
      agent,
      revisions: [revisionOf(agentOf()), revisionOf(agent, 2)],
      instances: [
        view(0, on(0, 'web-1', 2), [of(0)]),
        view(1, on(1, 'web-2', 3), [of(1)]),
        view(2, {}, []),
        view(3, on(3, 'web-2', 4), [of(3)]),
      ],
      grants: new Set(),
      status: { currentRevision: 'web-1' },
    });
    expect(status).toMatchObject({
      replicas: 4,
      readyReplicas: 2,
      updatedReplicas: 1,
      restartCount: 9,
      observedGeneration: 1,
      currentRevision: 'web-1',
      updateRevision: 'web-2',
      selector: 'agentctl.dev/agent=web',
    });
  });

  test('name the best of its places in the queue', () => {
    const place = (position: number) => ({ position, since: start, reason: 'Queued' as const, message: '' });
    const { status } = statusOf({
      spec: { replicas: 3 },
      instances: [0, 1, 2].map((ordinal) => viewOf({}, [], { ordinal })),
      grants: new Set(),
      places: new Map([
        ['uid-0', place(5)],
        ['uid-1', place(2)],
        ['uid-2', place(9)],
      ]),
    });
    expect(status.queue).toBe('2');
    expect(statusOf().status).not.toHaveProperty('queue');
  });

  test('name the first of what happens next', () => {
    const backOff = (ordinal: number, wait: number): InstanceView => {
      const lastExit = { run: 1, code: 1, cause: 'Agent' as const, finishedAt: iso(start) };
      const container = exited(1, start, { instanceUid: `uid-${ordinal}` });
      const times = { backoffFrom: iso(now - 60 * second + wait), failures: 9 };
      return viewOf(readyStatus({ phase: 'BackOff', lastExit, ...times }), [container], { ordinal });
    };
    const policy = { backoff: { schedule: ['60s'], jitter: 0 } };
    const instances = [backOff(0, 9 * second), backOff(1, 5 * second), backOff(2, 7 * second)];
    expect(statusOf({ spec: { replicas: 3 }, policy, instances }).status).toMatchObject({
      nextAction: 'Restart',
      nextAt: iso(now + 5 * second),
    });
  });

  test.each<[string, InstanceStatus, string, number]>([
    [
      'Shutdown',
      { stop: stopOf('Stay', { stage: 'Shutdown', deadline: iso(now + 3 * second), requestedAt: iso(now) }) },
      'Signal',
      3,
    ],
    [
      'Signal',
      { stop: stopOf('Stay', { deadline: iso(now + 4 * second), requestedAt: iso(now) }) },
      'Kill',
      4,
    ],
  ])('name what follows the stage %s of a stop', (_stage, status, action, seconds) => {
    const view = up({ phase: 'Stopping', ...status });
    expect(statusOf({ spec: { suspend: true }, instances: [view] }).status).toMatchObject({
      nextAction: action,
      nextAt: iso(now + seconds * second),
    });
    const kill = up({ phase: 'Stopping', stop: stopOf('Stay', { stage: 'Kill' }) });
    expect(statusOf({ spec: { suspend: true }, instances: [kill] }).status).not.toHaveProperty('nextAction');
  });
});
