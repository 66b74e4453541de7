import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Agent, ConfigMap } from '../../src/api/objects.ts';
import { ready } from './questions.ts';
import { eventually, Session } from './support.ts';
import { configMaps, Followed, settingOf } from './sync-followed.ts';
import { idle, settings, web } from './sync-manifests.ts';
import { conditionOf, fleetOf, says } from './sync-support.ts';

/** What is changed past the repository, by people and by other Syncs. */

let session: Session;
beforeAll(() => {
  session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
});
afterAll(() => session.end());

const agentOf = (name: string): Promise<Agent> => session.json<Agent>(`get agent ${name}`);
const mapOf = (name: string): Promise<ConfigMap> => session.json<ConfigMap>(`get configmap ${name}`);

/** Waits until the Sync has looked at its source so often: nothing that it wanted to do is still to come. */
async function looks(names: readonly string[], times = 3): Promise<void> {
  for (let time = 0; time < times; time += 1) await session.run(['sync', ...names]);
}

describe('a Sync that heals', () => {
  let story: Followed;
  beforeAll(async () => {
    const files = {
      'a.yaml': idle('heal', '  replicas: 2'),
      'b.yaml': settings('heal', 'one'),
      'c.yaml': web('healthy'),
    };
    // So long that what is set back at once is not due to the interval.
    story = await Followed.begin(session, 'heals', files, { spec: { interval: '10m' } });
    await ready(session, 'healthy');
  });
  afterAll(() => story[Symbol.asyncDispose]());

  const replicas = async (): Promise<number | undefined> => (await agentOf('heal')).spec.replicas;

  test.each([
    ['scale', ['scale', 'agent/heal', '--replicas=7']],
    ['patch', ['patch', 'agent', 'heal', '-p', '{"spec":{"replicas":5,"suspend":false}}']],
  ])('sets back what was changed by %s, at once', async (_, words) => {
    const steady = (await fleetOf(session))['Instance/healthy-0'];
    const { generation: before = 0 } = (await agentOf('heal')).metadata;
    expect((await session.run(words)).code).toBe(0);
    await eventually(replicas, (count) => count === 2);
    const { spec, metadata } = await agentOf('heal');
    expect(spec.suspend).toBe(true);
    expect(metadata.generation).toBe(before + 2);
    expect((await fleetOf(session))['Instance/healthy-0']).toBe(steady);
  });

  test('leaves a field to a person who has applied it by force, and tells so', async () => {
    await session.ok('apply --force-conflicts -f -', idle('heal', '  replicas: 3'));
    const told = await story.says({ InSync: 'Conflict' });
    expect(conditionOf(told, 'InSync')?.message).toMatch(
      /Agent\/heal: spec\.replicas .*"agentctl".*"sync\/default\/heals"/,
    );
    expect(await replicas()).toBe(3);
    const before = await agentOf('heal');
    await looks(['heals']);
    expect((await agentOf('heal')).metadata).toEqual(before.metadata);
    await session.apply(idle('heal', '').replace('suspend: true', 'startDeadline: 50s'));
    await eventually(replicas, (count) => count === 2);
    await story.says({ InSync: 'InSync' });
  });

  test('makes again what was deleted', async () => {
    const { uid } = (await mapOf('heal')).metadata;
    await session.ok('delete configmap heal');
    await eventually(
      () => configMaps(session, 'heal'),
      (names) => names.includes('heal'),
    );
    expect((await mapOf('heal')).metadata.uid).not.toBe(uid);
    expect(await story.events()).toMatch(/DriftRepaired: configmap\/heal was deleted and is created again/);
  });

  test('tells field by field what it has set back', async () => {
    await session.ok('patch configmap heal -p {"data":{"value":"drifted"}}');
    await eventually(
      () => settingOf(session, 'heal'),
      (value) => value === 'one',
    );
    await eventually(
      () => story.events(),
      (text) =>
        /DriftRepaired: configmap\/heal was set back to main@\w+: .*data\.value.*"drifted" -> "one"/.test(
          text,
        ),
    );
  });

  test('leaves what no manifest names to whoever sets it', async () => {
    await session.ok('label agent heal team=blue');
    await session.ok('patch configmap heal -p {"data":{"other":"mine"}}');
    await looks(['heals']);
    expect((await agentOf('heal')).metadata.labels).toEqual({ team: 'blue' });
    expect((await mapOf('heal')).data).toEqual({ value: 'one', other: 'mine' });
  });
});

test('a Sync that does not heal tells of drift field by field, and sets it back when it is asked', async () => {
  const files = { 'a.yaml': settings('tells-a', 'one'), 'b.yaml': settings('tells-b', 'one') };
  await using story = await Followed.begin(session, 'tells', files, { spec: { selfHeal: false } });
  await session.ok('patch configmap tells-a -p {"data":{"value":"drifted"}}');
  await session.ok('delete configmap tells-b');
  await eventually(
    () => story.get(),
    ({ status }) => status?.drift?.length === 2,
  );
  const drifted = await story.says({ InSync: 'Drifted', Ready: 'Synced' });
  const byName = drifted.status?.drift?.toSorted((one, other) => one.name.localeCompare(other.name));
  expect(byName).toEqual([
    {
      kind: 'ConfigMap',
      namespace: 'default',
      name: 'tells-a',
      fields: ['~ data.value: "one" -> "drifted"'],
    },
    { kind: 'ConfigMap', namespace: 'default', name: 'tells-b', fields: ['it is gone'] },
  ]);
  expect(await session.ok('describe sync tells')).toMatch(
    /configmap\/tells-a +~ data\.value: "one" -> "drifted"/,
  );
  expect(await settingOf(session, 'tells-a')).toBe('drifted');
  expect(await session.ok('sync tells')).toContain('2 objects were set back');
  expect(await settingOf(session, 'tells-a')).toBe('one');
  expect(await settingOf(session, 'tells-b')).toBe('one');
  await story.says({ InSync: 'InSync' });
});

describe('who wants the same field', () => {
  test('two Syncs of overlapping paths: the second is told of the first by name, and neither fights', async () => {
    const both = { 'shared/a.yaml': settings('both', 'one'), 'one/a.yaml': settings('only-one', 'one') };
    await using one = await Followed.begin(session, 'one', both);
    await using two = await Followed.begin(
      session,
      'two',
      {
        'shared/a.yaml': settings('both', 'two'),
        'two/a.yaml': settings('only-two', 'two'),
      },
      { waits: false },
    );
    const refused = await two.says({ Ready: 'Conflict' });
    expect(conditionOf(refused, 'Ready')?.message).toMatch(
      /ConfigMap\/both: data\.value is also applied by "sync\/default\/one"/,
    );
    expect(await configMaps(session, 'only-')).toEqual(['only-one']);
    const before = (await mapOf('both')).metadata;
    await looks(['one', 'two']);
    expect((await mapOf('both')).metadata).toEqual(before);
    // An object has one Sync: what one of them lets go of is the other's.
    await one.publish({ 'shared/a.yaml': null });
    await two.synced();
    expect(await settingOf(session, 'both')).toBe('two');
    expect(await configMaps(session, 'only-')).toEqual(['only-one', 'only-two']);
  });

  test('two Syncs of one repository, where the folder of one holds that of the other', async () => {
    await using outer = await Followed.begin(session, 'outer', {
      'a.yaml': settings('nested-a', 'one'),
      'in/b.yaml': settings('nested-b', 'one'),
      'in/c.yaml': settings('nested-c', 'one'),
    });
    await session.apply(
      JSON.stringify({
        apiVersion: 'agentctl.dev/v1',
        kind: 'Sync',
        metadata: { name: 'inner' },
        spec: { interval: '1s', jitter: 0, source: { git: { url: outer.host.url, path: 'in' } } },
      }),
    );
    const before = (await mapOf('nested-b')).metadata;
    const refused = await says(session, { Ready: 'Conflict' }, 'inner');
    expect(conditionOf(refused, 'Ready')?.message).toMatch(/ConfigMap\/nested-b: .*"sync\/default\/outer"/);
    await looks(['outer', 'inner']);
    expect((await mapOf('nested-b')).metadata).toEqual(before);
    await outer.says({ Ready: 'Synced', InSync: 'InSync' });
    await session.ok('delete sync inner');
    expect(await configMaps(session, 'nested-')).toHaveLength(3);
  });

  test('a person who applies what a Sync applies is told its name; with --force-conflicts the Sync is', async () => {
    await using story = await Followed.begin(session, 'mine', {
      'a.yaml': settings('mine', 'one'),
      'b.yaml': settings('mine-b', 'one'),
    });
    const refused = await session.run(['apply', '-f', '-'], settings('mine', 'two'));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/sync\/default\/mine|Sync .*mine/);
    await session.ok('apply --force-conflicts -f -', settings('mine', 'two'));
    const told = await story.says({ InSync: 'Conflict' });
    expect(conditionOf(told, 'InSync')?.message).toMatch(
      /ConfigMap\/mine: .*"agentctl".*"sync\/default\/mine"/,
    );
    expect(told.status?.drift).toMatchObject([{ kind: 'ConfigMap', name: 'mine' }]);
    const before = (await mapOf('mine')).metadata;
    await looks(['mine']);
    expect((await mapOf('mine')).metadata).toEqual(before);
    // A push that says the same ends it; one that drops the object leaves it to the person.
    await story.publish({ 'a.yaml': settings('mine', 'two') });
    await story.says({ InSync: 'InSync', Ready: 'Synced' });
    await story.publish({ 'a.yaml': null });
    expect(await settingOf(session, 'mine')).toBe('two');
  });
});
