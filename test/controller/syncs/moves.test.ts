/** An object whose manifest moves from the folder of one Sync to that of another. */
import { describe, expect, test } from 'vitest';
import { agentYaml, Estate, policyYaml } from './estate.ts';

type Files = Record<string, string>;

const source = (path: string) => ({
  source: { git: { url: 'https://git.example/fleet.git', branch: 'main', path } },
});

/** Two Syncs, `one` and `two`, each of its own folder, and at rest. */
async function applying(files: Files, spec: object = {}): Promise<Estate> {
  const estate = await Estate.open();
  const revision = estate.push(files);
  for (const name of ['one', 'two']) {
    await estate.follow({ jitter: 0, interval: '1h', maxPrunePercent: 100, ...source(name), ...spec }, name);
    await estate.applied(revision, name);
  }
  await estate.quiet();
  estate.wrote();
  return estate;
}

const keep = { 'one/keep.yaml': policyYaml('keep-one'), 'two/keep.yaml': policyYaml('keep-two') };
const before: Files = { ...keep, 'one/m.yaml': agentYaml('moved') };
const after: Files = { ...keep, 'two/m.yaml': agentYaml('moved') };

const agent = (estate: Estate) => estate.house.user.get('Agent', { namespace: 'default', name: 'moved' });
const appliers = async (estate: Estate): Promise<unknown[]> => {
  const { metadata } = await agent(estate);
  return (metadata.managedFields ?? [])
    .filter(({ operation }) => operation === 'Apply')
    .map(({ manager }) => manager);
};

/** Asks one of the two, and lets both come to rest. */
async function lookAt(estate: Estate, name: string): Promise<void> {
  const body = { metadata: { annotations: { 'agentctl.dev/sync-requested': String(Math.random()) } } };
  await estate.house.user.patch('Sync', { namespace: 'default', name }, { type: 'merge', body });
  await estate.quiet();
  await estate.pass(30_000, 300);
}

describe('a manifest that moves to the folder of another Sync', () => {
  test.each(['one', 'two'])('leaves the object as it is, when %s looks first', async (first) => {
    await using estate = await applying(before);
    const { uid, generation } = (await agent(estate)).metadata;
    const revision = estate.push(after);
    await lookAt(estate, first);
    expect((await agent(estate)).metadata).toMatchObject({ uid, generation });
    expect(await appliers(estate)).toEqual(['sync/default/two']);
    expect((await agent(estate)).metadata.annotations).toMatchObject({ 'agentctl.dev/sync': 'default/two' });
    for (const name of ['one', 'two']) {
      expect(await estate.condition('Ready', name)).toMatch(/^True Synced/);
      expect((await estate.sync(name)).status?.revision).toBe(revision);
    }
    const names = (name: string) =>
      estate.sync(name).then(({ status }) => status?.inventory?.map((o) => o.name));
    expect([await names('one'), await names('two')]).toEqual(
      [['keep-one'], ['keep-two', 'moved']].map((l) => expect.arrayContaining(l)),
    );
    expect(estate.wrote().filter((line) => line.startsWith('delete'))).toEqual([]);
    expect((await estate.told()).filter((text) => text.startsWith('Conflict'))).toEqual([]);
  });

  test('and is changed in the same push, is changed and not made anew', async () => {
    await using estate = await applying(before);
    const { uid } = (await agent(estate)).metadata;
    estate.push({ ...keep, 'two/m.yaml': agentYaml('moved', '  replicas: 2\n') });
    await lookAt(estate, 'one');
    expect(await agent(estate)).toMatchObject({ metadata: { uid }, spec: { replicas: 2 } });
  });

  test('changes places with another one', async () => {
    await using estate = await applying({ ...before, 'two/p.yaml': policyYaml('other') });
    const { uid } = (await agent(estate)).metadata;
    estate.push({ ...after, 'one/p.yaml': policyYaml('other') });
    await lookAt(estate, 'one');
    await lookAt(estate, 'two');
    expect((await agent(estate)).metadata.uid).toBe(uid);
    expect(await appliers(estate)).toEqual(['sync/default/two']);
    expect(estate.wrote().filter((line) => line.startsWith('delete'))).toEqual([]);
    expect(await estate.condition('Ready', 'one')).toMatch(/^True Synced/);
    expect(await estate.condition('Ready', 'two')).toMatch(/^True Synced/);
  });

  test('is not deleted while a fault elsewhere keeps the other Sync from taking it up', async () => {
    await using estate = await applying(before);
    const { uid } = (await agent(estate)).metadata;
    estate.push({ ...after, 'two/bad.yaml': 'kind: Nothing\n' });
    await lookAt(estate, 'one');
    expect((await agent(estate)).metadata.uid).toBe(uid);
    estate.push(after);
    await lookAt(estate, 'two');
    expect((await agent(estate)).metadata.uid).toBe(uid);
    expect(await appliers(estate)).toEqual(['sync/default/two']);
  });
});

test('a manifest that goes for good is pruned, once the other Syncs have looked', async () => {
  await using estate = await applying(before);
  estate.push(keep);
  await lookAt(estate, 'one');
  expect(await estate.names('Agent')).toEqual([]);
});

test('a Sync that is suspended holds up no other', async () => {
  await using estate = await applying(before);
  await estate.edit('Sync', 'two', { spec: { suspend: true } });
  await estate.quiet();
  estate.push(keep);
  await lookAt(estate, 'one');
  expect(await estate.names('Agent')).toEqual([]);
});

test('what two Syncs name is still a conflict', async () => {
  await using estate = await applying(before);
  estate.push({ ...before, ...after });
  await lookAt(estate, 'two');
  await lookAt(estate, 'one');
  expect(await estate.condition('Ready', 'two')).toMatch(/^False Conflict/);
  expect(await appliers(estate)).toEqual(['sync/default/one']);
});
