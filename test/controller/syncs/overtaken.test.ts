/** What happens to a Sync while its source is being read, and over its life. */
import { describe, expect, test } from 'vitest';
import { SourceError } from '../../../src/sources/source.ts';
import { agentYaml, Estate, policyYaml } from './estate.ts';

const one = { 'a.yaml': policyYaml('a', 1), 'web.yaml': agentYaml('web') };
const two = { 'a.yaml': policyYaml('a', 2), 'web.yaml': agentYaml('web', '  replicas: 2\n') };

const applied = (spec: Parameters<typeof Estate.applying>[1] = {}): Promise<Estate> =>
  Estate.applying(one, spec);

/** Begins to read the second revision, and stops in the middle. Answers what lets it go on. */
async function midway(estate: Estate): Promise<() => Promise<void>> {
  const { sources } = estate.house;
  let open = (): void => {};
  sources.gate = new Promise((resolve) => {
    open = resolve;
  });
  const { reads } = estate;
  estate.push(two);
  estate.house.clock.advance(10_000);
  await estate.house.until(() => estate.reads > reads);
  return async () => {
    sources.gate = undefined;
    open();
    await estate.quiet();
  };
}

const priority = async ({ house }: Estate): Promise<number | undefined> =>
  (await house.user.get('Policy', { namespace: 'default', name: 'a' })).spec.priority;

describe('a Sync that in the middle of a pass is', () => {
  test('suspended writes nothing but that it is', async () => {
    await using estate = await applied();
    const goOn = await midway(estate);
    await estate.follow({ jitter: 0, interval: '10s', suspend: true });
    await goOn();
    await estate.pass(1_000, 100);
    expect(await priority(estate)).toBe(1);
    expect(estate.wrote()).toEqual(['status fleet']);
    expect(await estate.condition('Ready')).toMatch(/^False Suspended: .*agentctl resume sync\/fleet/);
  });

  test('changed applies by the new spec alone', async () => {
    await using estate = await applied();
    const { house } = estate;
    await house.user.create('Namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'prod' } });
    const goOn = await midway(estate);
    await estate.follow({ jitter: 0, interval: '10s', targetNamespace: 'prod', prune: false });
    await goOn();
    await estate.pass(1_000, 100);
    expect(await priority(estate)).toBe(1);
    expect(await estate.names('Policy')).toEqual(['a', 'prod/a']);
  });

  test('deleted writes nothing, and leaves its objects', async () => {
    await using estate = await applied();
    const { uid } = (await estate.sync()).metadata;
    const goOn = await midway(estate);
    await estate.house.user.delete('Sync', { namespace: 'default', name: 'fleet' });
    await goOn();
    await estate.pass(60_000, 10_000);
    expect(await priority(estate)).toBe(1);
    expect(estate.wrote()).toEqual([]);
    expect(await estate.names('Agent')).toEqual(['web']);
    expect(estate.house.sources.calls.filter((call) => call === `forget ${uid}`)).toHaveLength(1);
  });

  test('deleted and made anew is another one', async () => {
    await using estate = await applied();
    const { uid } = (await estate.sync()).metadata;
    const goOn = await midway(estate);
    await estate.house.user.delete('Sync', { namespace: 'default', name: 'fleet' });
    await estate.follow({ jitter: 0, interval: '10s' });
    await goOn();
    await estate.pass(1_000, 100);
    expect(await priority(estate)).toBe(2);
    const sync = await estate.sync();
    expect(sync.metadata.uid).not.toBe(uid);
    expect(sync.status?.inventory).toHaveLength(2);
    expect(estate.house.sources.calls.filter((call) => call.startsWith('forget'))).toEqual([`forget ${uid}`]);
  });
});

describe('a Sync that is suspended', () => {
  test('does what it is asked for, and then looks at nothing any more', async () => {
    await using estate = await applied();
    await estate.follow({ jitter: 0, interval: '10s', suspend: true });
    await estate.pass(1_000);
    const revision = estate.push(two);
    const { status } = await estate.look();
    expect(status?.revision).toBe(revision);
    expect(await priority(estate)).toBe(2);
    expect(await estate.condition('Ready')).toMatch(
      /^True Synced: .*The Sync is suspended\. To continue, run agentctl resume/,
    );
    const { looks } = estate;
    estate.push(one);
    await estate.edit('Policy', 'a', { spec: { priority: 7 } });
    estate.house.sources.changed();
    await estate.pass(60_000, 10_000);
    expect(estate.looks).toBe(looks);
    expect(await priority(estate)).toBe(7);
    await estate.follow({ jitter: 0, interval: '10s', suspend: false });
    await estate.applied(estate.house.sources.revision);
    expect(await priority(estate)).toBe(1);
  });

  test('from the start says nothing of its source, and one failure is not tried again', async () => {
    await using estate = await Estate.open();
    estate.push(one);
    await estate.follow({ jitter: 0, interval: '10s', suspend: true });
    await estate.until(({ status }) => status?.observedGeneration === 1);
    expect(await estate.condition('Fetched')).toMatch(/^undefined/);
    estate.house.sources.fail(new SourceError('Unreachable', 'git.example does not answer.'));
    const { status } = await estate.look();
    expect(status?.retryAt).toBeUndefined();
    const { looks } = estate;
    await estate.pass(60_000, 10_000);
    expect(estate.looks).toBe(looks);
  });
});

describe('a look that takes too long', () => {
  test('is broken off after the timeout and told', async () => {
    await using estate = await applied({ timeout: '5s', interval: '1h' });
    const { sources, clock } = estate.house;
    let open = (): void => {};
    sources.gate = new Promise((resolve) => {
      open = resolve;
    });
    estate.push(two);
    const { reads } = estate;
    clock.advance(3_600_000);
    await estate.house.until(() => estate.reads > reads);
    clock.advance(5_000);
    open();
    sources.gate = undefined;
    await estate.until(({ status }) => status?.failures === 1);
    expect(await estate.condition('Fetched')).toBe('False Timeout: It took too long.');
    expect(await priority(estate)).toBe(1);
  });
});

describe('another controller', () => {
  test('looks once at first, and writes and restarts nothing where nothing changed', async () => {
    await using estate = await applied({ interval: '1h' });
    const { house } = estate;
    await house.ready('web-0');
    await estate.quiet();
    const before = await Promise.all([
      estate.sync(),
      house.user.get('Agent', { namespace: 'default', name: 'web' }),
      house.user.get('Policy', { namespace: 'default', name: 'a' }),
    ]);
    const calls = house.engine.calls.length;
    const { looks } = estate;
    estate.wrote();
    await house.restart();
    await estate.quiet();
    await house.within(5_000, () => house.phase('web-0') === 'Ready');
    await estate.quiet();
    expect(estate.looks - looks).toBe(1);
    expect(estate.wrote()).toEqual([]);
    expect(
      house.engine.calls.slice(calls).filter((call) => /^(create|restart|kill|signal|remove)/.test(call)),
    ).toEqual([]);
    expect(
      await Promise.all([
        estate.sync(),
        house.user.get('Agent', { namespace: 'default', name: 'web' }),
        house.user.get('Policy', { namespace: 'default', name: 'a' }),
      ]).then((now) => now.map(({ metadata }) => metadata.generation)),
    ).toEqual(before.map(({ metadata }) => metadata.generation));
    expect((await estate.sync()).metadata.resourceVersion).toBe(before[0].metadata.resourceVersion);
  });

  test('finds what was changed while there was none', async () => {
    await using estate = await applied({ interval: '1h' });
    await estate.house.restart(() => void estate.edit('Policy', 'a', { spec: { priority: 7 } }));
    await estate.pass(1_000, 100);
    expect(await priority(estate)).toBe(1);
  });
});

test('what the source was found at is forgotten where there is none any more', async () => {
  await using estate = await applied();
  expect((await estate.sync()).status?.reference).toBe('refs/heads/main');
  estate.house.sources.reference = undefined;
  estate.push(two);
  await estate.look();
  expect((await estate.sync()).status).not.toHaveProperty('reference');
});

describe('what is told of the next revision', () => {
  test('is what a sync then does', async () => {
    await using estate = await applied({ maxPrunePercent: 50 });
    const { house } = estate;
    estate.push({
      'web.yaml': agentYaml('web', '  replicas: 3\n  startDeadline: 30s\n'),
      'b.yaml': policyYaml('b', 4),
    });
    const writes = estate.writes.length;
    const told = await house.controller.syncs.diffSync({ namespace: 'default', name: 'fleet' });
    expect(estate.writes.length).toBe(writes);
    expect(told).toMatchObject({ revision: house.sources.revision, errors: [], needsApproval: false });
    const { status } = await estate.look();
    expect(status?.changes).toEqual(
      told.changes.map(({ kind, namespace, name, change, fields }) => ({
        kind,
        namespace,
        name,
        change,
        ...(fields.length === 0 ? {} : { fields: fields.map(({ path }) => expect.stringContaining(path)) }),
      })),
    );
    expect(told.changes.map(({ kind, name, change }) => `${change} ${kind}/${name}`)).toEqual([
      'Created Policy/b',
      'Configured Agent/web',
      'Pruned Policy/a',
    ]);
    const after = await house.controller.syncs.diffSync({ namespace: 'default', name: 'fleet' });
    expect(after.changes).toEqual([]);
  });

  test('are its errors, what it is in conflict with, and that it needs approval', async () => {
    await using estate = await applied();
    const diff = () => estate.house.controller.syncs.diffSync({ namespace: 'default', name: 'fleet' });
    estate.push({});
    expect(await diff()).toMatchObject({
      needsApproval: true,
      changes: [{ change: 'Pruned' }, { change: 'Pruned' }],
    });
    estate.push({ 'a.yaml': 'kind: Nothing\n' });
    expect(await diff()).toMatchObject({ errors: [expect.stringContaining('a.yaml:1')], changes: [] });
    estate.push({ ...one, 'c.yaml': policyYaml('c', 1) });
    await estate.apply('Policy', 'c', { spec: { priority: 5 } }, 'kubectl');
    expect((await diff()).errors).toEqual([expect.stringContaining('"kubectl"')]);
    estate.house.sources.fail(new SourceError('Unreachable', 'git.example does not answer.'));
    await expect(diff()).rejects.toMatchObject({
      code: 'ServiceUnavailable',
      message: 'git.example does not answer.',
    });
    await expect(
      estate.house.controller.syncs.diffSync({ namespace: 'default', name: 'none' }),
    ).rejects.toMatchObject({
      code: 'NotFound',
    });
  });
});

test('what a deleted Sync kept on disk, and could not be removed, is removed later by itself', async () => {
  await using estate = await applied();
  const { sources, user } = estate.house;
  const forget = sources.forget.bind(sources);
  let failures = 3;
  sources.forget = async (uid) => {
    failures -= 1;
    if (failures >= 0) throw new Error('EBUSY: resource busy');
    await forget(uid);
  };
  const { uid } = (await estate.sync()).metadata;
  await user.delete('Sync', { namespace: 'default', name: 'fleet' });
  await estate.pass(3_000);
  expect(failures).toBe(2);
  await estate.pass(60_000);
  expect(sources.calls.filter((call) => call.startsWith('forget'))).toEqual([`forget ${uid}`]);
});
