import { describe, expect, test } from 'vitest';
import { SourceError } from '../../../src/sources/source.ts';
import { agentYaml, Estate, policyYaml } from './estate.ts';

const names = async ({ house }: Estate, kind: 'Agent' | 'Policy' = 'Agent'): Promise<string[]> =>
  (await house.user.list(kind)).items.map(({ metadata }) => metadata.name).sort();

describe('what is pushed', () => {
  test('is applied, and each object says where it comes from', async () => {
    await using estate = await Estate.open();
    const revision = estate.push({ 'agents/web.yaml': agentYaml('web'), 'policy.yaml': policyYaml('slow') });
    await estate.follow();
    const sync = await estate.applied(revision);
    const web = await estate.house.user.get('Agent', { namespace: 'default', name: 'web' });
    expect(web.metadata.annotations).toEqual({
      'agentctl.dev/sync': 'default/fleet',
      'agentctl.dev/sync-revision': revision,
      'agentctl.dev/sync-path': 'agents/web.yaml',
    });
    expect(web.metadata.managedFields?.map(({ manager, operation }) => `${operation} ${manager}`)).toContain(
      'Apply sync/default/fleet',
    );
    expect(sync.status).toMatchObject({
      reference: 'refs/heads/main',
      objects: 2,
      changedBy: revision,
      changes: [
        { kind: 'Policy', name: 'slow', change: 'Created' },
        { kind: 'Agent', name: 'web', change: 'Created' },
      ],
    });
    expect(await estate.condition('Ready')).toBe(`True Synced: main@${revision.slice(0, 12)} is applied.`);
    expect(await estate.condition('InSync')).toMatch(/^True InSync/);
  });

  test('reaches the objects that it changes, and writes to no other', async () => {
    await using estate = await Estate.open();
    const first = estate.push({ 'a.yaml': agentYaml('a'), 'b.yaml': agentYaml('b') });
    await estate.follow();
    await estate.applied(first);
    const second = estate.push({ 'a.yaml': agentYaml('a', '  replicas: 2\n'), 'b.yaml': agentYaml('b') });
    const sync = await estate.look();
    expect(sync.status?.revision).toBe(second);
    expect(sync.status?.changes).toEqual([
      {
        kind: 'Agent',
        namespace: 'default',
        name: 'a',
        change: 'Configured',
        fields: ['~ spec.replicas: 1 -> 2'],
      },
    ]);
    const after = await estate.house.user.get('Agent', { namespace: 'default', name: 'b' });
    expect(after.metadata.annotations?.['agentctl.dev/sync-revision']).toBe(first);
  });

  test('is deleted again when it goes, the last object too', async () => {
    await using estate = await Estate.open();
    const first = estate.push({ 'a.yaml': policyYaml('a'), 'b.yaml': policyYaml('b') });
    await estate.follow({ maxPrunePercent: 100 });
    await estate.applied(first);
    estate.push({ 'a.yaml': policyYaml('a') });
    await estate.look();
    expect(await names(estate, 'Policy')).toEqual(['a']);
    estate.push({});
    const sync = await estate.look();
    expect(await names(estate, 'Policy')).toEqual([]);
    expect(sync.status).toMatchObject({ inventory: [], objects: 0 });
    expect(sync.status?.changes).toMatchObject([{ name: 'a', change: 'Pruned' }]);
  });

  test('a look that finds nothing new writes nothing', async () => {
    await using estate = await Estate.open();
    const revision = estate.push({ 'a.yaml': policyYaml('a') });
    await estate.follow({ interval: '10s', jitter: 0 });
    await estate.applied(revision);
    await estate.house.rest();
    const before = await estate.sync();
    const looks = estate.house.sources.calls.length;
    estate.house.clock.advance(10_000);
    await estate.house.until(() => estate.house.sources.calls.length > looks);
    await estate.house.rest();
    expect((await estate.sync()).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
    expect(estate.house.sources.calls.slice(looks)).toEqual(['look']);
  });
});

describe('a source that fails', () => {
  test('is told, tried again later and later, and changes nothing', async () => {
    await using estate = await Estate.open();
    const { house } = estate;
    const revision = estate.push({ 'a.yaml': policyYaml('a') });
    await estate.follow({ interval: '1m', jitter: 0 });
    await estate.applied(revision);
    house.sources.fail(new SourceError('Unreachable', 'git.example does not answer.'));
    await estate.look();
    expect(await estate.condition('Fetched')).toBe('False Unreachable: git.example does not answer.');
    expect(await estate.condition('Ready')).toMatch(/^False Unreachable: .*remains applied\.$/);
    const { status } = await estate.sync();
    expect(Date.parse(status?.retryAt ?? '') - house.clock.now()).toBe(5_000);
    house.clock.advance(5_000);
    await estate.until((sync) => sync.status?.failures === 2);
    expect(await names(estate, 'Policy')).toEqual(['a']);
    house.sources.fail();
    house.clock.advance(10_000);
    await estate.until((sync) => sync.status?.failures === undefined);
    expect(await estate.condition('Ready')).toMatch(/^True Synced/);
  });
});

test('fields that the server sets are ignored in a manifest, and told', async () => {
  await using estate = await Estate.open();
  const exported = policyYaml('slow').replace('name: slow', 'name: slow, uid: "0", resourceVersion: "7"');
  const revision = estate.push({ 'a.yaml': exported });
  await estate.follow({ jitter: 0, interval: '10s' });
  await estate.applied(revision);
  const told = /a\.yaml:1: Policy\/slow: metadata\.uid, metadata\.resourceVersion are set by the server/;
  expect(await estate.condition('Ready')).toMatch(told);
  await estate.edit('Policy', 'slow', { spec: { priority: 5 } });
  await estate.look();
  expect(await estate.house.user.get('Policy', { namespace: 'default', name: 'slow' })).toMatchObject({
    spec: { priority: 0 },
  });
  expect(await estate.condition('Ready')).toMatch(told);
  estate.push({ 'a.yaml': policyYaml('slow', 1) });
  await estate.look();
  expect((await estate.sync()).status?.warnings).toBeUndefined();
});
