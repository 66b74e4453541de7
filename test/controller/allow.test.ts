/** What a Runtime does not allow is not started, whichever way it comes in. */

import { expect, test } from 'vitest';
import { authorAnnotation, authorOf } from '../../src/api/annotations.ts';
import type { Agent, AgentSpec, Kind, New, Runtime } from '../../src/api/objects.ts';
import type { RegistryWriteOptions } from '../../src/registry/object.ts';
import { fakeCommand } from '../fakes/engine.ts';
import { House } from './house.ts';

const group = 'agentctl.dev/v1';
const byEdit: RegistryWriteOptions = { author: 'token:edit' };

const accepted = (house: House, name = 'web') =>
  house.controller.cache.agents
    .get(`default/${name}`)
    ?.status?.conditions?.find(({ type }) => type === 'Accepted');

const allow = (house: House, allowed: Partial<Runtime['spec']['allow']>, name = 'engine') =>
  house.user.patch('Runtime', { name }, { type: 'merge', body: { spec: { allow: allowed } } });

const privileged = { template: { security: { privileged: true } } } satisfies New<Agent>['spec'];

/** A house with a Runtime of processes too, which the fake engine plays. */
async function withProcesses(): Promise<House> {
  const house = await House.open();
  house.engine.images.set('', 'none');
  await house.user.create('Runtime', {
    apiVersion: group,
    kind: 'Runtime',
    metadata: { name: 'process' },
    spec: { driver: 'process' },
  });
  return house;
}

const processAgent = (name: string, template: object = {}, spec: object = {}): New<Agent> => ({
  apiVersion: group,
  kind: 'Agent',
  metadata: { name, namespace: 'default' },
  spec: {
    minReady: '0s',
    ...spec,
    template: { command: fakeCommand({}), ...template },
  } as New<Agent>['spec'],
});

const takeOver = (house: House, kind: Kind, name: string) =>
  house.user.patch(
    kind,
    { namespace: 'default', name },
    { type: 'merge', body: { metadata: { annotations: { [authorAnnotation]: null } } } },
  );

const unsupported = { status: 'False', reason: 'UnsupportedByRuntime' };

test('an Agent that asks for what is not allowed is told the field and the remedy, and starts once it is', async () => {
  await using house = await House.open();
  await house.agent('web', {}, privileged);
  await house.until(() => accepted(house)?.status === 'False');
  expect(accepted(house)).toMatchObject({
    ...unsupported,
    message: expect.stringContaining(
      "spec.template.security.privileged: the Runtime does not allow it: set the Runtime's allow.privileged",
    ),
  });
  await house.rest();
  expect(house.engine.calls).toEqual([]);
  await allow(house, { privileged: true });
  await house.ready('web-0');
});

test('an Agent that is not accepted is told in an Event', async () => {
  await using house = await House.open();
  await allow(house, { privileged: false });
  await house.agent('web', {}, privileged);
  await house.until(() => accepted(house)?.status === 'False');
  await house.within(60_000, () => false, 10_000).catch(() => {});
  await house.controller.recorder.flush();
  const { items } = await house.user.list('Event');
  expect(items.filter(({ type }) => type === 'Warning')).toEqual([
    expect.objectContaining({
      reason: 'UnsupportedByRuntime',
      count: 1,
      involvedObject: expect.objectContaining({ kind: 'Agent', name: 'web' }),
    }),
  ]);
});

test('what is no longer allowed runs on, and is not started again', async () => {
  await using house = await House.open();
  await allow(house, { privileged: true });
  await house.agent('web', {}, privileged);
  await house.ready('web-0');
  await allow(house, { privileged: false });
  await house.until(() => accepted(house)?.status === 'False');
  await house.within(60_000, () => true);
  expect(house.phase('web-0')).toBe('Ready');
  const made = house.engine.calls.length;
  house.engine.end(house.refOf('web-0'), { code: 1 });
  await house.within(60_000, () => house.instance('web-0')?.status?.reason === 'UnsupportedByRuntime', 1_000);
  expect(house.engine.calls.slice(made).filter((call) => /^(create|restart)/.test(call))).toEqual([]);
});

test('a Revision of before is not started by going back to it', async () => {
  await using house = await House.open();
  await allow(house, { privileged: true });
  await house.agent('web', {}, privileged);
  await house.ready('web-0');
  await house.agent('web', {}, { template: { security: { privileged: false } } });
  await house.within(10_000, () => house.instance('web-0')?.status?.run?.revision === 'web-2');
  await house.ready('web-0');
  await allow(house, { privileged: false });
  await house.rest();
  const made = house.engine.calls.length;
  // As `rollout undo` does it.
  const revision = await house.user.get('Revision', { namespace: 'default', name: 'web-1' });
  const live = await house.user.get('Agent', { namespace: 'default', name: 'web' });
  await house.user.update('Agent', {
    ...live,
    spec: { ...live.spec, ...(revision.data as object) } as AgentSpec,
  });
  await house.within(60_000, () => accepted(house)?.reason === 'UnsupportedByRuntime', 1_000);
  expect(house.engine.calls.slice(made).filter((call) => /^(create|restart)/.test(call))).toEqual([]);
});

test('an Agent of a token does not run as the user of the controller, until an admin allows it or takes it over', async () => {
  await using house = await withProcesses();
  await house.user.create('Agent', processAgent('own'));
  await house.user.create('Agent', processAgent('theirs'), byEdit);
  await house.user.create('Agent', processAgent('other', { user: 'nobody' }), byEdit);
  await house.ready('own-0');
  await house.until(() => accepted(house, 'other')?.status === 'False');
  expect(accepted(house, 'theirs')).toMatchObject({
    ...unsupported,
    message: expect.stringMatching(
      /spec\.template\.user: token:edit wrote agent\/theirs, .*annotate agent\/theirs/,
    ),
  });
  await allow(house, { users: ['nobody'] }, 'process');
  await house.ready('other-0');
  expect(accepted(house, 'theirs')).toMatchObject(unsupported);
  await takeOver(house, 'Agent', 'theirs');
  await house.ready('theirs-0');
});

test('an Agent of an admin is not run on once a token has changed what it runs, but may be scaled by it', async () => {
  await using house = await withProcesses();
  await house.user.create('Agent', processAgent('web'));
  await house.ready('web-0');
  const key = { namespace: 'default', name: 'web' };
  const change = (spec: object) => house.user.patch('Agent', key, { type: 'merge', body: { spec } }, byEdit);
  await change({ replicas: 2 });
  await house.ready('web-1');
  const made = house.engine.calls.length;
  await change({ template: { command: ['sh', '-c', 'agentctl get secrets'] } });
  await house.within(60_000, () => accepted(house)?.reason === 'UnsupportedByRuntime', 1_000);
  await house.within(60_000, () => true);
  expect(house.engine.calls.slice(made)).toEqual([]);
  expect([house.phase('web-0'), house.phase('web-1')]).toEqual(['Ready', 'Ready']);
});

test.each(['Secret', 'ConfigMap'] as const)(
  'a %s that a token wrote does not become the program of an Agent of an admin',
  async (kind) => {
    await using house = await withProcesses();
    const body = { apiVersion: 'v1', kind, metadata: { name: 'script' }, data: { run: 'YQ==' } };
    await house.user.create(kind, body as never); // one of the two
    const ref = { name: 'script', key: 'run' };
    const file = {
      path: 'run.sh',
      ...(kind === 'Secret' ? { secretKeyRef: ref } : { configMapKeyRef: ref }),
    };
    await house.user.create('Agent', processAgent('web', { files: [file] }));
    await house.ready('web-0');
    const key = { namespace: 'default', name: 'script' };
    await house.user.patch(kind, key, { type: 'merge', body: { data: { run: 'Yg==' } } }, byEdit);
    await house.until(() => accepted(house)?.status === 'False');
    expect(accepted(house)?.message).toContain(`token:edit wrote ${kind.toLowerCase()}/script`);
    const made = house.engine.calls.length;
    house.engine.end(house.refOf('web-0'), { code: 1 });
    await house.within(
      60_000,
      () => house.instance('web-0')?.status?.reason === 'UnsupportedByRuntime',
      1_000,
    );
    expect(house.engine.calls.slice(made)).toEqual([]);
    await takeOver(house, kind, 'script');
    await house.ready('web-0');
  },
);

test('an Agent that is set back to a Revision of a token is of that token again', async () => {
  await using house = await withProcesses();
  await allow(house, { controllerUser: true }, 'process');
  const update = { progressDeadline: '10s', autoRevert: true };
  await house.user.create('Agent', processAgent('web', {}, { policy: { update } }), byEdit);
  await house.ready('web-0');
  const key = { namespace: 'default', name: 'web' };
  expect(authorOf(await house.user.get('Revision', { ...key, name: 'web-1' }))).toBe('token:edit');
  await takeOver(house, 'Agent', 'web');
  await house.rest();
  const failing = { spec: { template: { command: fakeCommand({ ends: 1 }) } } };
  await house.user.patch('Agent', key, { type: 'merge', body: failing });
  expect(authorOf(await house.user.get('Agent', key))).toBeUndefined();
  await house.within(
    120_000,
    () => authorOf(house.controller.cache.agents.get('default/web') ?? { metadata: {} }) === 'token:edit',
    1_000,
  );
});

test("a command of a token's Policy is not run, and an Event of the Agent says so", async () => {
  await using house = await withProcesses();
  const notify = [{ name: 'pager', reasons: ['*'], command: ['/bin/false'] }];
  await house.user.create(
    'Policy',
    { apiVersion: group, kind: 'Policy', metadata: { name: 'alerts' }, spec: { notify } },
    byEdit,
  );
  await house.user.create('Agent', processAgent('web', {}, { policyRef: { name: 'alerts' } }));
  await house.ready('web-0');
  await house.controller.recorder.flush();
  const { items } = await house.user.list('Event');
  const told = items.filter(({ reason }) => reason === 'NotifyCommandNotAllowed');
  expect(told.map(({ message }) => message)).toContainEqual(
    expect.stringMatching(/notify pager runs no command: token:edit wrote policy\/alerts/),
  );
  // That Event is told of by none.
  expect(told.length).toBeLessThan(4);
});
