import { describe, expect, test } from 'vitest';
import type { Action } from '../../src/plan/action.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import type { World } from '../../src/plan/world.ts';
import {
  agentOf,
  containerOf,
  iso,
  minute,
  readyStatus,
  revisionOf,
  runtimeOf,
  runtimeViewOf,
  second,
  start,
  viewOf,
  worldOf,
} from './worlds.ts';

const actions = (world: World): readonly Action[] => reconcile(world).actions;
const ids = (world: World): string[] => actions(world).map(({ id }) => id);
const deleted = { deletionTimestamp: iso(start) };

describe('an Agent that was just applied', () => {
  const fresh = agentOf({ replicas: 2 }, { finalizers: [] });

  test('is held first, and its instances are made after that', () => {
    const plan = reconcile(worldOf({ agent: fresh, instances: [] }));
    expect(plan.actions.map(({ id, after }) => [id, after])).toEqual([
      ['Adopt', []],
      ['CreateInstance/web-0', ['Adopt']],
      ['CreateInstance/web-1', ['Adopt']],
    ]);
    expect(plan.actions[0]).toEqual({
      type: 'Adopt',
      id: 'Adopt',
      after: [],
      cause: 'Adopted',
      message: 'Its deletion will wait until its instances are gone.',
    });
    expect(plan.verdicts).toEqual(
      ['web-0', 'web-1'].map((instance) => ({
        instance,
        phase: 'Pending',
        reason: 'Created',
        message: 'The Instance is being created.',
      })),
    );
  });

  test('has the finalizers of others left alone', () => {
    const { finalizers: _, ...metadata } = fresh.metadata;
    expect(ids(worldOf({ agent: { ...fresh, metadata }, instances: [] }))[0]).toBe('Adopt');
    const others = agentOf({}, { finalizers: ['example.com/other'] });
    expect(ids(worldOf({ agent: others, instances: [] }))[0]).toBe('Adopt');
    const both = agentOf({}, { finalizers: ['example.com/other', 'agentctl.dev/instances'] });
    expect(ids(worldOf({ agent: both, instances: [] }))).toEqual(['CreateInstance/web-0']);
  });

  test('makes each Instance whole', () => {
    const made = actions(worldOf({ agent: agentOf({ replicas: 2 }), instances: [] }))[1];
    expect(made).toEqual({
      type: 'CreateInstance',
      id: 'CreateInstance/web-1',
      after: [],
      cause: 'Created',
      message: 'spec.replicas is 2.',
      name: 'web-1',
      instance: {
        apiVersion: 'agentctl.dev/v1',
        kind: 'Instance',
        metadata: {
          name: 'web-1',
          namespace: 'default',
          labels: { 'agentctl.dev/agent': 'web', 'agentctl.dev/ordinal': '1' },
          ownerReferences: [
            {
              apiVersion: 'agentctl.dev/v1',
              kind: 'Agent',
              name: 'web',
              uid: 'agent-uid',
              controller: true,
              blockOwnerDeletion: true,
            },
          ],
          finalizers: ['agentctl.dev/run'],
        },
        spec: { agentName: 'web', agentUID: 'agent-uid', ordinal: 1, runtimeRef: { name: 'docker' } },
      },
    });
    const { namespace: _, ...metadata } = agentOf().metadata;
    const [bare] = actions(worldOf({ agent: { ...agentOf(), metadata }, instances: [] }));
    expect(bare?.type === 'CreateInstance' && bare.instance.metadata).not.toHaveProperty('namespace');
  });
});

describe('instances that are missing', () => {
  const up = (...ordinals: number[]) =>
    ordinals.map((ordinal) =>
      viewOf(readyStatus(), [containerOf({ instanceUid: `uid-${ordinal}` })], { ordinal }),
    );
  const missing = (replicas: number, ...ordinals: number[]) =>
    ids(worldOf({ now: start + minute, agent: agentOf({ replicas }), instances: up(...ordinals) })).filter(
      (id) => id.startsWith('Create'),
    );

  test.each<[number, number[], string[]]>([
    [2, [0, 1], []],
    [3, [0, 2], ['CreateInstance/web-1']],
    [2, [1, 2], ['CreateInstance/web-0']],
    [0, [0], []],
    [1, [], ['CreateInstance/web-0']],
  ])('of %i, where there are %o, are made: %o', (replicas, there, made) => {
    expect(missing(replicas, ...there)).toEqual(made);
  });

  test('are not made while the spec is refused, or its Runtime is not known', () => {
    const agent = agentOf({ replicas: 2 });
    expect(ids(worldOf({ agent, instances: [], policy: { missing: 'calm' } }))).toEqual([]);
    expect(ids(worldOf({ agent, instances: [], runtime: { missing: 'docker' } }))).toEqual([]);
  });
});

describe('an Agent that is being deleted', () => {
  test('makes and forgets nothing', () => {
    const agent = agentOf({ replicas: 3, revisionHistoryLimit: 0 }, { ...deleted, finalizers: ['other'] });
    const revisions = [1, 2, 3].map((number) => revisionOf(agent, number));
    expect(ids(worldOf({ agent, instances: [], revisions }))).toEqual([]);
  });

  test('is let go once its instances are, with its Revisions', () => {
    const agent = agentOf({}, deleted);
    const world = worldOf({ agent, instances: [], revisions: [revisionOf(agent, 1), revisionOf(agent, 2)] });
    expect(actions(world).map(({ id, after }) => [id, after])).toEqual([
      ['DeleteRevision/web-1', []],
      ['DeleteRevision/web-2', []],
      ['Release', ['DeleteRevision/web-1', 'DeleteRevision/web-2']],
    ]);
    expect(actions(world)[0]).toMatchObject({
      cause: 'RevisionPruned',
      message: 'Its Agent is being deleted.',
    });
    expect(actions(world).at(-1)).toEqual({
      type: 'Release',
      id: 'Release',
      after: ['DeleteRevision/web-1', 'DeleteRevision/web-2'],
      cause: 'Deleted',
      message: 'All its instances are deleted.',
    });
  });

  test('is not let go while an instance of it runs, nor where it is not held', () => {
    const agent = agentOf({}, deleted);
    const running = worldOf({ agent, instances: [viewOf(readyStatus(), [containerOf()])] });
    expect(ids({ ...running, now: start + minute })).toEqual(['Signal/web-0']);
    expect(ids(worldOf({ agent: agentOf({}, { ...deleted, finalizers: [] }), instances: [] }))).toEqual([]);
  });

  test('deletes an instance whose Runtime is gone only by force', () => {
    const agent = agentOf({}, deleted);
    const view = (more: object) => viewOf(readyStatus({ phase: 'Unknown' }), 'Unknown', more);
    const text = (one: ReturnType<typeof view>, world: Partial<World> = {}) => {
      const plan = reconcile(worldOf({ agent, instances: [one], ...world }));
      expect(plan.actions).toEqual([]);
      return plan.instances.get('web-0')?.message;
    };
    const forced = ' Its deletion waits for it; agentctl delete agent web --force deletes it anyway.';
    expect(text(view({ runtimeMissing: true }))).toBe(`The Runtime docker does not exist.${forced}`);
    expect(text(view({}))).toBe(`The Runtime docker does not answer.${forced}`);
    const health = { state: 'Offline' as const, message: 'Connection refused', since: start };
    const offline = { runtime: runtimeViewOf(runtimeOf(), health) };
    expect(text(view({}), offline)).toBe(`The Runtime docker does not answer: Connection refused.${forced}`);
    const other = { runtime: runtimeViewOf(runtimeOf({}, 'podman'), health) };
    expect(text(view({}), other), 'of another Runtime').toBe(`The Runtime docker does not answer.${forced}`);
  });
});

describe('an instance that is deleted by hand while its Runtime is out of reach', () => {
  test('names itself in the command', () => {
    const view = viewOf(readyStatus({ phase: 'Unknown' }), 'Unknown');
    const object = {
      ...view.object,
      metadata: { ...view.object.metadata, deletionTimestamp: iso(start + second) },
    };
    const plan = reconcile(worldOf({ instances: [{ ...view, object }] }));
    expect(plan.instances.get('web-0')?.message).toBe(
      'The Runtime docker does not answer. Its deletion waits for it; agentctl delete instance web-0 --force deletes it anyway.',
    );
  });

  test('says else that it is started nowhere', () => {
    const plan = reconcile(worldOf({ instances: [viewOf(readyStatus(), 'Unknown')] }));
    expect(plan.instances.get('web-0')).toMatchObject({
      phase: 'Unknown',
      reason: 'RuntimeOffline',
      message: 'The Runtime docker does not answer. The instance is not started elsewhere.',
    });
    expect(plan.events).toMatchObject([{ type: 'Warning', reason: 'RuntimeOffline' }]);
    const again = readyStatus({ phase: 'Unknown' });
    expect(reconcile(worldOf({ instances: [viewOf(again, 'Unknown')] })).events).toEqual([]);
  });

  test('keeps what is known of it until its Runtime is listed for the first time', () => {
    const health = { state: 'Syncing' as const, message: 'Not listed yet.', since: start };
    const syncing = { runtime: runtimeViewOf(runtimeOf(), health) };
    const known = readyStatus();
    const plan = reconcile(worldOf({ instances: [viewOf(known, 'Unknown')], ...syncing }));
    expect(plan.instances.get('web-0')).toMatchObject({ phase: 'Ready', reason: 'Ready' });
    const elsewhere = viewOf(known, 'Unknown', { runtime: 'podman' });
    expect(reconcile(worldOf({ instances: [elsewhere], ...syncing })).instances.get('web-0')?.phase).toBe(
      'Unknown',
    );
  });
});
