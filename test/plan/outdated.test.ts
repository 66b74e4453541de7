/** Why an instance is not on the spec as it is now, and what people are told of it. */
import { describe, expect, test } from 'vitest';
import type { InstanceStatus } from '../../src/api/objects.ts';
import { outline } from '../../src/plan/format.ts';
import { reconcile } from '../../src/plan/reconcile.ts';
import type { Observed } from '../../src/plan/world.ts';
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
  type WorldOptions,
  worldOf,
} from './worlds.ts';

const now = start + minute;
const changed = agentOf({ template: { image: 'web:2' } });
const bothRevisions = [revisionOf(agentOf()), revisionOf(changed, 2)];

function planOf(
  more: WorldOptions & { status?: InstanceStatus; container?: Partial<Observed>; on?: string[] } = {},
) {
  const { status = {}, container = {}, on = [], ...world } = more;
  const plan = reconcile(
    worldOf({
      now,
      policy: { update: { strategy: 'OnDelete' }, restartOn: on } as never,
      instances: [viewOf(readyStatus(status), [containerOf(container)])],
      ...world,
    }),
  );
  const next = plan.instances.get('web-0') ?? {};
  const drifted = next.conditions?.find(({ type }) => type === 'Drifted');
  return { ...plan, next, drifted: `${drifted?.status} ${drifted?.reason}: ${drifted?.message}` };
}

const ran = (more: object): InstanceStatus => ({
  run: { ...readyStatus().run, number: 1, revision: 'web-1', claimedAt: iso(start), ...more },
});

describe('an instance is outdated', () => {
  test.each<[string, Parameters<typeof planOf>[0], string]>([
    [
      'by a field that forces a restart',
      { agent: changed, revisions: bothRevisions },
      'True SpecChanged: spec.template.image: "web:1" -> "web:2".',
    ],
    [
      'where its Revision is gone',
      { status: ran({ revision: 'web-0' }) },
      'True SpecChanged: Its Revision web-0 is deleted, so the running spec cannot be compared.',
    ],
    [
      'on another Runtime',
      { runtime: runtimeViewOf(runtimeOf({}, 'podman')) },
      'True SpecChanged: spec.runtimeRef.name: "docker" -> "podman".',
    ],
    [
      'by a Secret, if the policy says so',
      {
        on: ['SecretChange'],
        inputs: { 'Secret/key': 'new' },
        revisions: [
          revisionOf(agentOf(), 1, { 'Secret/key': 'old' }),
          revisionOf(agentOf(), 2, { 'Secret/key': 'new' }),
        ],
      },
      'True SecretChanged: Changed: Secret/key.',
    ],
    [
      'by a newer image, if the policy says so',
      { on: ['ImageUpdate'], imageId: 'sha256:2', status: ran({ image: 'sha256:1' }) },
      'True ImageUpdated: web:1 is now sha256:2, but it runs sha256:1.',
    ],
    [
      'by a newer controller, if the policy says so',
      { on: ['ControllerUpgrade'], controllerVersion: '2' },
      'True ControllerUpgraded: It was created by agentctl 1, and this is agentctl 2.',
    ],
  ])('%s', (_what, given, text) => {
    expect(planOf(given).drifted).toBe(text);
  });

  test.each<[string, Parameters<typeof planOf>[0]]>([
    ['all is the same', {}],
    [
      'only live fields differ',
      {
        agent: agentOf({ minReady: '5s' }),
        revisions: [revisionOf(agentOf()), revisionOf(agentOf({ minReady: '5s' }), 2)],
      },
    ],
    ['the policy says nothing of images', { imageId: 'sha256:2', status: ran({ image: 'sha256:1' }) }],
    ['its image is not known', { on: ['ImageUpdate'], imageId: 'sha256:2' }],
    ['the newest image is not known', { on: ['ImageUpdate'], status: ran({ image: 'sha256:1' }) }],
    [
      'it runs the newest image',
      { on: ['ImageUpdate'], imageId: 'sha256:1', status: ran({ image: 'sha256:1' }) },
    ],
    ['the policy says nothing of controllers', { on: ['ImageUpdate'], controllerVersion: '2' }],
    [
      'nobody knows who created it',
      { on: ['ControllerUpgrade'], container: { controllerVersion: undefined } },
    ],
    [
      'its Revision knows the Secret',
      {
        on: ['SecretChange'],
        inputs: { 'Secret/key': 'new' },
        revisions: [revisionOf(agentOf(), 1, { 'Secret/key': 'new' })],
      },
    ],
  ])('not, where %s', (_what, given) => {
    expect(planOf(given).drifted).toBe('False InSync: It runs the current spec.');
  });

  test('not, by live fields: its run is moved to the newest Revision', () => {
    const live = agentOf({ minReady: '5s' });
    const { next } = planOf({ agent: live, revisions: [revisionOf(agentOf()), revisionOf(live, 2)] });
    expect(next.run?.revision).toBe('web-2');
    expect(planOf({ agent: changed, revisions: bothRevisions }).next.run?.revision).toBe('web-1');
    const deleted = agentOf({ minReady: '5s' }, { deletionTimestamp: iso(start) });
    const going = planOf({ agent: deleted, revisions: [revisionOf(agentOf()), revisionOf(live, 2)] });
    expect(going.next.run?.revision).toBe('web-1');
  });

  test('since it was found so, and that is told once', () => {
    const first = planOf({ agent: changed, revisions: bothRevisions });
    expect(first.next.outdatedSince).toBe(iso(now));
    expect(first.events).toEqual([
      {
        type: 'Normal',
        reason: 'Drifted',
        message: 'spec.template.image: "web:1" -> "web:2".',
        instance: 'web-0',
      },
    ]);
    const known = { agent: changed, revisions: bothRevisions };
    const later = planOf({ ...known, status: { outdatedSince: iso(start) } });
    expect(later.next.outdatedSince).toBe(iso(start));
    expect(later.events).toEqual([]);
    const back = planOf({ ...known, status: { outdatedSince: iso(now + second) } });
    expect(back.next.outdatedSince).toBe(iso(now));
    expect(back.events).toEqual([]);
    expect(planOf({ status: { outdatedSince: iso(start) } }).next).not.toHaveProperty('outdatedSince');
  });
});

describe('an instance that runs with older Secrets', () => {
  const stale = (more: Parameters<typeof planOf>[0] = {}) =>
    planOf({
      inputs: { 'Secret/key': 'new', 'ConfigMap/a': 'same' },
      status: ran({ inputs: { 'Secret/key': 'old', 'ConfigMap/a': 'same' } }),
      ...more,
    });

  test('says so, and how to take them up, where the policy does not', () => {
    const { drifted, actions } = stale();
    expect(drifted).toBe(
      'True SecretChanged: Secret/key changed since it was started. To use the change, run agentctl rollout restart agent/web. To restart automatically, set restartOn: [SecretChange] in the Policy.',
    );
    expect(actions).toEqual([]);
  });

  test('says nothing of it where it is outdated by more, or has what is there', () => {
    expect(stale({ agent: changed, revisions: bothRevisions }).drifted).toContain('SpecChanged');
    expect(stale({ inputs: { 'Secret/key': 'old' } }).drifted).toContain('InSync');
    expect(stale({ status: ran({}) }).drifted).toContain('InSync');
  });
});

describe('a restart that was asked for', () => {
  const asked = (annotation: string, status: InstanceStatus = {}) =>
    planOf({
      agent: agentOf({}, { annotations: { 'agentctl.dev/restartedAt': annotation } }),
      policy: {},
      status,
    });

  test('later than the claim of its run comes', () => {
    const at = iso(start + second);
    const { next } = asked(at);
    expect(next.stop).toMatchObject({ cause: 'RolloutRestart', message: `A restart was requested at ${at}` });
    expect(asked(iso(now)).next.stop).toBeDefined();
  });

  test.each([
    ['at the time of its claim', iso(start)],
    ['before its claim', iso(start - 1)],
    ['at no time', 'soon'],
  ])('%s does not', (_what, annotation) => {
    const { next, wakeAt } = asked(annotation);
    expect(next).not.toHaveProperty('stop');
    expect(wakeAt).toBeUndefined();
  });

  test('later than now comes then', () => {
    const { next, wakeAt } = asked(iso(now + second));
    expect(next).not.toHaveProperty('stop');
    expect(wakeAt).toBe(now + second);
  });
});

describe('the outline of a plan', () => {
  test('has what changes, what is done, and what is in the way', () => {
    const plan = reconcile(
      worldOf({
        now,
        agent: changed,
        revisions: bothRevisions,
        instances: [viewOf(readyStatus(), [containerOf()])],
      }),
    );
    expect(outline(plan, { reason: 'SecretMissing', message: 'It is gone.' })).toBe(
      '~ spec.template.image: "web:1" -> "web:2" (restart)\n' +
        '- stop web-0: spec.template.image: "web:1" -> "web:2"\n' +
        '! SecretMissing: It is gone.\n',
    );
  });

  test('is empty where nothing is done, and says so where only the books are kept', () => {
    expect(outline(planOf(), undefined)).toBe('');
    const live = agentOf({ minReady: '5s' });
    const drift = planOf({ agent: live, revisions: [revisionOf(agentOf())] });
    expect(outline(drift, undefined)).toBe('~ spec.minReady: "1s" -> "5s"\n');
    const recorded = { ...drift, drift: [] };
    expect(outline(recorded, undefined)).toBe('~ the new spec is applied without a restart\n');
    expect(outline({ ...recorded, actions: [] }, undefined)).toBe('');
  });

  test('names what each action is about', () => {
    const base = { after: [], cause: 'C', message: 'why' };
    const plan = {
      ...planOf(),
      actions: [
        { ...base, id: 'a', type: 'Adopt' },
        { ...base, id: 'b', type: 'Revert', revision: 'web-1', spec: agentOf().spec, annotations: {} },
        {
          ...base,
          id: 'c',
          type: 'SendPrompt',
          schedule: 'daily',
          dueAt: now,
          text: 't',
          conversation: 'New',
        },
        { ...base, id: 'd', type: 'SendPrompt', dueAt: now, text: 't', conversation: 'New' },
        { ...base, id: 'e', type: 'SkipPrompt', schedule: 'daily', dueAt: now },
        { ...base, id: 'f', type: 'DeleteInstance', name: 'web-0' },
      ] as const,
    };
    expect(outline(plan, undefined)).toBe(
      '~ go back to web-1: why\n+ send the prompt daily: why\n+ send the prompt: why\n~ skip the prompt daily: why\n- delete web-0: why\n',
    );
  });
});
