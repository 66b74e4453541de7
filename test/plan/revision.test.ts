import { describe, expect, test } from 'vitest';
import type { Agent, Revision } from '../../src/api/objects.ts';
import type { Action } from '../../src/plan/action.ts';
import { isReverted, revertedRevision, revertedText } from '../../src/plan/progress.ts';
import {
  changedInputs,
  drift,
  driftText,
  pruneRevisions,
  recordedInputs,
  revisionData,
  revisionStep,
} from '../../src/plan/revision.ts';
import { defaultSettings } from '../../src/plan/settings.ts';
import type { World } from '../../src/plan/world.ts';
import {
  agentOf,
  iso,
  minute,
  policyOf,
  readyStatus,
  revisionOf,
  second,
  specOf,
  start,
  viewOf,
  worldOf,
} from './worlds.ts';

const changed = agentOf({ template: { image: 'web:2' } });
const step = (world: World, restartOn: typeof defaultSettings.restartOn = []) =>
  revisionStep(world, { ...defaultSettings, restartOn });
const made = (action: Action | undefined) => {
  if (action?.type !== 'CreateRevision') throw new Error('no Revision is made');
  return action;
};

describe('what a Revision records', () => {
  test('is all of a spec but how many there are and by which policy', () => {
    const spec = specOf({
      replicas: 3,
      suspend: true,
      policyRef: { name: 'calm' },
      revisionHistoryLimit: 2,
      protocol: 'acp',
    });
    const data = revisionData({ ...spec, policy: policyOf() });
    for (const field of ['replicas', 'suspend', 'policy', 'policyRef', 'revisionHistoryLimit'])
      expect(data).not.toHaveProperty(field);
    expect(data).toMatchObject({ template: { image: 'web:1' }, protocol: 'acp' });
  });

  test('differs by fields, each with what its change does', () => {
    const revision = revisionOf(agentOf());
    expect(drift(specOf(), revision)).toEqual([]);
    expect(drift(specOf({ replicas: 9, suspend: true }), revision)).toEqual([]);
    const spec = specOf({ template: { image: 'web:2' }, minReady: '5s' });
    expect(drift(spec, revision)).toEqual([
      { field: 'spec.template.image', before: 'web:1', after: 'web:2', update: 'restart' },
      { field: 'spec.minReady', before: '1s', after: '5s', update: 'live' },
    ]);
    expect(drift(spec, revision), 'found once').toBe(drift(spec, revision));
    expect(drift(spec, revisionOf(changed))).toHaveLength(1);
  });

  test('of an older version may hold what is outside of it now', () => {
    const revision = revisionOf(agentOf());
    const old = { ...revision, data: { ...revision.data, replicas: 7, policy: { mode: 'OnDemand' } } };
    expect(drift(specOf(), old)).toEqual([]);
  });

  test('is shown as it was and as it is, cut where it is long', () => {
    const text = (before: unknown, after: unknown) =>
      driftText({ field: 'spec.a', before, after, update: 'live' });
    expect(text('x', 2)).toBe('spec.a: "x" -> 2');
    expect(text(undefined, { a: [1] })).toBe('spec.a: absent -> {"a":[1]}');
    expect(text('y'.repeat(198), undefined)).toBe(`spec.a: "${'y'.repeat(198)}" -> absent`);
    expect(text('y'.repeat(199), 1)).toBe(`spec.a: "${'y'.repeat(196)}... -> 1`);
  });
});

describe('the newest Revision', () => {
  test('stays where it records the spec', () => {
    const world = worldOf();
    expect(step(world)).toEqual({
      current: world.revisions[0],
      create: undefined,
      name: 'web-1',
      fields: [],
    });
  });

  test('is made for the first spec, whole', () => {
    const world = worldOf({ revisions: [], inputs: { 'Secret/key': 'hmac', 'Secret/gone': null } });
    const { create, ...rest } = step(world);
    expect(rest).toEqual({ current: undefined, name: 'web-1', fields: [] });
    expect(create).toEqual({
      type: 'CreateRevision',
      id: 'CreateRevision/web-1',
      after: [],
      cause: 'SpecRecorded',
      message: 'Records the first spec.',
      revision: {
        apiVersion: 'agentctl.dev/v1',
        kind: 'Revision',
        metadata: {
          name: 'web-1',
          namespace: 'default',
          labels: { 'agentctl.dev/agent': 'web' },
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
        },
        revision: 1,
        data: revisionData(world.agent.spec),
        inputs: { 'Secret/key': 'hmac' },
      },
    });
  });

  test('has no namespace where its Agent has none', () => {
    const { namespace: _, ...metadata } = agentOf().metadata;
    const world = worldOf({ agent: { ...agentOf(), metadata }, revisions: [] });
    expect(made(step(world).create).revision.metadata).not.toHaveProperty('namespace');
  });

  test('is the next one where the spec changed, and says how', () => {
    const world = worldOf({
      agent: changed,
      revisions: [revisionOf(agentOf(), 6), revisionOf(agentOf(), 7)],
    });
    const { create, name, current, fields } = step(world);
    expect([name, current]).toEqual(['web-8', undefined]);
    expect(fields.map(({ field }) => field)).toEqual(['spec.template.image']);
    expect(made(create)).toMatchObject({
      message: 'Records a changed spec: spec.template.image: "web:1" -> "web:2".',
      revision: { revision: 8 },
    });
  });

  test('is the next one where a Secret changed, if the policy restarts on that', () => {
    const world = worldOf({
      inputs: { 'Secret/key': 'new', 'ConfigMap/a': 'same' },
      revisions: [revisionOf(agentOf(), 1, { 'Secret/key': 'old', 'ConfigMap/a': 'same' })],
    });
    expect(step(world).create).toBeUndefined();
    expect(made(step(world, ['SecretChange']).create).message).toBe(
      'Records a changed spec: Secret/key changed.',
    );
    const envFrom = [{ configMapRef: { name: 'a', optional: true } }];
    const unmade = revisionOf(agentOf({ template: { envFrom } }), 1, { 'Secret/key': 'new' });
    expect(made(step({ ...world, revisions: [unmade] }, ['SecretChange']).create).message).toContain(
      'ConfigMap/a created',
    );
    const { inputs: _, ...bare } = revisionOf(agentOf());
    expect(step({ ...world, revisions: [bare as Revision] }, ['SecretChange']).create).toBeDefined();
    expect(step({ ...world, inputs: {} }, ['SecretChange']).create).toBeUndefined();
  });

  test('says who wrote the spec last, by the times that are known', () => {
    const by = (...managedFields: object[]) =>
      made(step(worldOf({ agent: agentOf({}, { managedFields } as never), revisions: [] })).create).revision
        .metadata.annotations;
    const spec = { 'f:spec': {} };
    const first = { manager: 'first', time: '2026-01-01T00:00:00Z', fieldsV1: spec };
    const untimed = { manager: 'untimed', fieldsV1: spec };
    expect(by(first, untimed)).toEqual({ 'agentctl.dev/changed-by': 'first' });
    expect(by(untimed, first)).toEqual({ 'agentctl.dev/changed-by': 'first' });
    expect(by({ manager: 'bare' }, untimed)).toEqual({ 'agentctl.dev/changed-by': 'untimed' });
    expect(by({ ...first, subresource: 'status' })).toBeUndefined();
  });

  test('compares what is there of Secrets and ConfigMaps, not their keys, nor what is missing', () => {
    const world = worldOf({
      inputs: { 'Secret/a': 'x', 'Secret/a#key': null, 'Secret/b': null, 'ConfigMap/c#k': 'z' },
    });
    expect(recordedInputs(world)).toEqual({ 'Secret/a': 'x' });
    expect(changedInputs(world, { 'Secret/a': 'x', 'Secret/b': 'y' })).toEqual([]);
    expect(changedInputs(world, { 'Secret/a': 'y' })).toEqual(['Secret/a']);
    expect(changedInputs(world, {})).toEqual(['Secret/a']);
  });
});

describe('old Revisions', () => {
  const pruned = (count: number, limit: number, used: string[] = [], keep?: string): string[] => {
    const agent = agentOf({ revisionHistoryLimit: limit });
    const instances = used.map((revision, ordinal) =>
      viewOf(readyStatus({ run: { number: 1, revision, claimedAt: iso(start) } }), [], { ordinal }),
    );
    const revisions = Array.from({ length: count }, (_, at) => revisionOf(agent, at + 1));
    return pruneRevisions(worldOf({ agent, revisions, instances }), keep).map((action) =>
      action.type === 'DeleteRevision' ? action.name : action.type,
    );
  };

  test.each<[number, number, string[], string | undefined, string[]]>([
    [3, 2, [], undefined, []],
    [4, 2, [], undefined, ['web-1']],
    [6, 2, [], undefined, ['web-1', 'web-2', 'web-3']],
    [3, 0, [], undefined, ['web-1', 'web-2']],
    [6, 2, ['web-2'], undefined, ['web-1', 'web-3']],
    [6, 2, [], 'web-1', ['web-2', 'web-3']],
    [4, 2, ['web-1'], undefined, []],
    [1, 0, [], undefined, []],
  ])('of %i with a limit of %i, in use %o, kept %s: go %o', (count, limit, used, keep, gone) => {
    expect(pruned(count, limit, used, keep)).toEqual(gone);
  });

  test('go with the reason', () => {
    const agent = agentOf({ revisionHistoryLimit: 1 });
    const revisions = [1, 2, 3].map((number) => revisionOf(agent, number));
    expect(pruneRevisions(worldOf({ agent, revisions, instances: [viewOf()] }), undefined)).toEqual([
      {
        type: 'DeleteRevision',
        id: 'DeleteRevision/web-1',
        after: [],
        cause: 'RevisionPruned',
        message: 'It exceeds spec.revisionHistoryLimit (1).',
        name: 'web-1',
      },
    ]);
  });
});

describe('an Agent that went back to an earlier Revision', () => {
  const reverted = (annotations: Record<string, string>, status: Agent['status'] = {}): Agent => ({
    ...agentOf({}, { annotations }),
    status,
  });
  const at = start + minute;
  const taken = { 'agentctl.dev/reverted': revertedText('web-2', at) };

  test('is known by the Revision that was taken back and the one that came of it', () => {
    expect(taken['agentctl.dev/reverted']).toBe(`web-2 ${iso(at)}`);
    expect(revertedRevision(reverted(taken), 'web-3')).toBe('web-2');
    for (const newest of ['web-2', 'web-4', 'other-3', '3'])
      expect(revertedRevision(reverted(taken), newest)).toBeUndefined();
  });

  test.each<[string, Record<string, string>, boolean]>([
    ['nothing says so', {}, false],
    ['it was taken back as the Agent was made', { 'agentctl.dev/reverted': `web-2 ${iso(start)}` }, true],
    [
      'it was taken back before the Agent was made',
      { 'agentctl.dev/reverted': `web-2 ${iso(start - 1)}` },
      false,
    ],
    ['it has no time', { 'agentctl.dev/reverted': 'web-2' }, false],
    ['somebody resumed it before', { ...taken, 'agentctl.dev/resume': iso(at - 1) }, true],
    ['somebody resumed it then', { ...taken, 'agentctl.dev/resume': iso(at) }, false],
    ['somebody resumed it since', { ...taken, 'agentctl.dev/resume': iso(at + second) }, false],
    ['somebody resumed it at no time', { ...taken, 'agentctl.dev/resume': 'x' }, true],
  ])('where %s: %o, is one: %s', (_what, annotations, is) => {
    expect(revertedRevision(reverted(annotations), 'web-3')).toBe(is ? 'web-2' : undefined);
  });

  test('is what its status has taken in, before and after the Revision is made', () => {
    expect(isReverted(reverted(taken, { updateRevision: 'web-2' }))).toBe(true);
    expect(isReverted(reverted(taken, { updateRevision: 'web-3' }))).toBe(true);
    expect(isReverted(reverted(taken, { updateRevision: 'web-4' }))).toBe(false);
    expect(isReverted(reverted(taken))).toBe(false);
    expect(isReverted(reverted({}))).toBe(false);
  });
});
