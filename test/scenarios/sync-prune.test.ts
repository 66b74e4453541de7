import { afterAll, beforeAll, expect, test } from 'vitest';
import { ready, statusOf } from './questions.ts';
import { eventually, Session } from './support.ts';
import { configMaps, Followed, settingOf } from './sync-followed.ts';
import { idle, settings, web } from './sync-manifests.ts';
import { agentsOf, conditionOf } from './sync-support.ts';

/** What goes from a repository goes from the fleet: all that its Sync applied, and nothing else. */

let session: Session;
beforeAll(() => {
  session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
});
afterAll(() => session.end());

/** ConfigMaps, each in a file that is named as it is. */
const files = (prefix: string, newMessages: string): Record<string, string> =>
  Object.fromEntries(
    [...newMessages].map((newMessage) => [`${newMessage}.yaml`, settings(`${prefix}-${newMessage}`, 'one')]),
  );

test('an Agent that goes from the repository is stopped and deleted, its neighbour runs on', async () => {
  await using story = await Followed.begin(session, 'agents', { 'a.yaml': web('go'), 'b.yaml': web('stay') });
  await ready(session, 'go');
  const before = await ready(session, 'stay');
  const { status } = await story.publish({ 'a.yaml': null });
  expect(status).toMatchObject({ objects: 1, changes: [{ kind: 'Agent', name: 'go', change: 'Pruned' }] });
  await eventually(
    () => statusOf(session, 'go'),
    (status) => status === undefined,
  );
  expect((await statusOf(session, 'stay'))?.run).toEqual(before.run);
});

test('the last object goes too, once it is approved', async () => {
  await using story = await Followed.begin(session, 'last', files('last', 'a'));
  const revision = await story.repository.publish({ 'a.yaml': null });
  await story.says({ Ready: 'ApprovalRequired' });
  await session.ok('approve sync/last');
  expect((await story.synced()).status).toMatchObject({ revision, objects: 0, inventory: [] });
  expect(await configMaps(session, 'last-')).toEqual([]);
});

test('more than half waits for approval of just that revision, through any number of looks', async () => {
  await using story = await Followed.begin(session, 'half', files('half', 'abcd'));
  const revision = await story.repository.publish({ 'a.yaml': null, 'b.yaml': null, 'c.yaml': null });
  const waiting = await story.says({ Ready: 'ApprovalRequired' });
  expect(waiting.status?.pendingApproval).toEqual({
    revision,
    deletes: 3,
    of: 4,
    objects: expect.arrayContaining(['configmap/half-a', 'configmap/half-b', 'configmap/half-c']),
  });
  expect(conditionOf(waiting, 'Ready')?.message).toContain('agentctl approve sync/half');
  const asked = await session.run(['sync', 'half']);
  expect(asked).toMatchObject({ code: 1, stderr: expect.stringContaining('would delete 3 of 4 objects') });
  expect(await configMaps(session, 'half-')).toHaveLength(4);
  // Approved is what was looked at: another revision that deletes as much is pending again.
  await session.ok('suspend sync/half');
  await session.ok('approve sync/half');
  const next = await story.repository.publish({ 'd.yaml': settings('half-d', 'two') });
  await session.ok('resume sync/half');
  await eventually(
    () => story.get(),
    ({ status }) => status?.pendingApproval?.revision === next,
  );
  expect(await configMaps(session, 'half-')).toHaveLength(4);
  await session.ok('approve sync/half');
  expect((await story.synced()).status?.pendingApproval).toBeUndefined();
  expect(await configMaps(session, 'half-')).toEqual(['half-d']);
});

test('half goes without being asked for, and all does where the spec says so', async () => {
  await using story = await Followed.begin(session, 'some', files('some', 'abcd'));
  await story.publish({ 'a.yaml': null, 'b.yaml': null });
  expect(await configMaps(session, 'some-')).toEqual(['some-c', 'some-d']);
  await story.follow({ spec: { maxPrunePercent: 100 } });
  await story.publish({ 'c.yaml': null, 'd.yaml': null });
  expect(await configMaps(session, 'some-')).toEqual([]);
});

test('with prune: false all of them stay, and are told', async () => {
  await using story = await Followed.begin(session, 'kept', files('kept', 'abcd'), {
    spec: { prune: false },
  });
  const { status } = await story.publish({ 'a.yaml': null, 'b.yaml': null, 'c.yaml': null });
  expect(status?.changes).toHaveLength(3);
  for (const change of status?.changes ?? [])
    expect(change).toMatchObject({ change: 'Kept', fields: ['spec.prune of the Sync is false'] });
  expect(await configMaps(session, 'kept-')).toHaveLength(4);
});

test('what is protected by its annotation stays, whether the manifest or a person has set it', async () => {
  const guarded = settings('guard-a', 'one', 'annotations: { agentctl.dev/prune: disabled }');
  await using story = await Followed.begin(session, 'guard', {
    ...files('guard', 'bcdefgh'),
    'a.yaml': guarded,
  });
  await session.ok('annotate configmap guard-b agentctl.dev/prune=disabled');
  await story.publish({ 'a.yaml': null, 'b.yaml': null, 'c.yaml': null });
  expect(await configMaps(session, 'guard-')).toEqual(
    'abdefgh'.split('').map((newMessage) => `guard-${newMessage}`),
  );
});

test('an object that a person makes under the name of one that was pruned is not touched', async () => {
  await using story = await Followed.begin(session, 'remade', files('remade', 'abc'));
  await story.publish({ 'a.yaml': null });
  await session.apply(settings('remade-a', 'by hand'));
  await story.publish({ 'b.yaml': settings('remade-b', 'two') });
  await story.publish({ 'b.yaml': null });
  expect(await configMaps(session, 'remade-')).toEqual(['remade-a', 'remade-c']);
  expect(await settingOf(session, 'remade-a')).toBe('by hand');
});

test('one that a person deleted and made anew while its Sync did not look is not pruned', async () => {
  await using story = await Followed.begin(session, 'anew', files('anew', 'abc'), {
    spec: { selfHeal: false },
  });
  await session.ok('delete configmap anew-a');
  await session.apply(settings('anew-a', 'by hand'));
  await story.publish({ 'a.yaml': null });
  expect(await settingOf(session, 'anew-a')).toBe('by hand');
});

test('what was there before a Sync named it is taken in, and pruned as its own', async () => {
  await session.ok('create -f -', settings('older-a', 'one'));
  await using story = await Followed.begin(session, 'older', files('older', 'abc'));
  await story.publish({ 'a.yaml': null });
  expect(await configMaps(session, 'older-')).toEqual(['older-b', 'older-c']);
});

test('a Sync that is deleted leaves all that it made, running', async () => {
  const story = await Followed.begin(session, 'leaves', { 'a.yaml': web('left'), ...files('leaves', 'b') });
  const before = await ready(session, 'left');
  await story[Symbol.asyncDispose]();
  expect((await session.run(['get', 'sync', 'leaves'])).code).toBe(1);
  expect(await configMaps(session, 'leaves-')).toEqual(['leaves-b']);
  expect(await statusOf(session, 'left')).toEqual(before);
});

test('a Sync that is deleted and made anew takes up what it left', async () => {
  const first = await Followed.begin(session, 'again', { 'a.yaml': idle('again') });
  const [before] = (await agentsOf(session)).filter(({ metadata }) => metadata.name === 'again');
  await session.ok('delete sync again');
  await first.follow();
  await first.synced();
  const [after] = (await agentsOf(session)).filter(({ metadata }) => metadata.name === 'again');
  expect(after?.metadata).toMatchObject({
    uid: before?.metadata.uid,
    generation: before?.metadata.generation,
  });
  await first[Symbol.asyncDispose]();
});
