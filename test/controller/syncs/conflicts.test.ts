/** Two that want the same field: told with both names, and never a fight. */
import { describe, expect, test } from 'vitest';
import { Estate, policyYaml } from './estate.ts';

const priority = async ({ house }: Estate, name = 'a'): Promise<number | undefined> =>
  (await house.user.get('Policy', { namespace: 'default', name })).spec.priority;

const applied = (spec: Parameters<typeof Estate.applying>[1] = {}): Promise<Estate> =>
  Estate.applying({ 'a.yaml': policyYaml('a', 1), 'b.yaml': policyYaml('b') }, spec);

describe('with an apply of a person', () => {
  test('that took a field: it is told, and stays theirs, however long', async () => {
    await using estate = await applied();
    await estate.apply('Policy', 'a', { spec: { priority: 9 } }, 'kubectl', true);
    await estate.pass(10_000);
    expect(await estate.condition('InSync')).toBe(
      'False Conflict: Policy/a: spec.priority is also applied by "kubectl", with another value than "sync/default/fleet". Remove it from one of the two, or take it over with agentctl sync fleet --force-conflicts.',
    );
    expect(await estate.condition('Ready')).toMatch(/^True Synced/);
    expect((await estate.sync()).status?.drift).toEqual([
      { kind: 'Policy', namespace: 'default', name: 'a', fields: [expect.stringContaining('"kubectl"')] },
    ]);
    const events = await estate.told();
    estate.wrote();
    await estate.pass(600_000, 10_000);
    expect(estate.wrote()).toEqual([]);
    expect(await priority(estate)).toBe(9);
    expect(await estate.told()).toEqual(events);
    expect(events.filter((text) => text.startsWith('Conflict'))).toHaveLength(1);
  });

  test('ends when they let go of it', async () => {
    await using estate = await applied();
    await estate.apply('Policy', 'a', { spec: { priority: 9 } }, 'kubectl', true);
    await estate.pass(10_000);
    await estate.apply('Policy', 'a', {}, 'kubectl');
    await estate.pass(20_000);
    expect(await priority(estate)).toBe(1);
    expect(await estate.condition('InSync')).toMatch(/^True InSync/);
  });

  test('that came before: the revision is not applied at all, until one of the two gives way', async () => {
    await using estate = await Estate.open();
    await estate.apply('Policy', 'a', { spec: { priority: 9 } }, 'agentctl');
    const revision = estate.push({ 'a.yaml': policyYaml('a', 1), 'b.yaml': policyYaml('b') });
    await estate.follow({ jitter: 0, interval: '10s' });
    await estate.until(({ status }) => status?.observedGeneration === 1);
    expect(await estate.condition('Ready')).toMatch(
      /^False Conflict: .*Policy\/a: spec\.priority is also applied by "agentctl".*Nothing has been applied yet\.$/,
    );
    await estate.pass(300_000, 10_000);
    expect(await estate.names('Policy')).toEqual(['a']);
    expect(await priority(estate)).toBe(9);
    expect(estate.wrote()).toEqual(['status fleet']);
    await estate.apply('Policy', 'a', { spec: { priority: 1 } }, 'agentctl');
    await estate.pass(10_000);
    expect((await estate.sync()).status?.revision).toBe(revision);
  });

  test('who wants the same value is none', async () => {
    await using estate = await applied();
    await estate.apply('Policy', 'a', { spec: { priority: 1 } }, 'kubectl');
    await estate.pass(30_000);
    expect(await estate.condition('InSync')).toMatch(/^True InSync/);
    expect(estate.wrote()).toEqual([]);
  });

  test('goes away with a revision that no longer names the field', async () => {
    await using estate = await applied();
    await estate.apply('Policy', 'a', { spec: { priority: 9 } }, 'kubectl', true);
    await estate.pass(10_000);
    const yaml = 'apiVersion: agentctl.dev/v1\nkind: Policy\nmetadata: { name: a }\nspec: {}\n';
    const revision = estate.push({ 'a.yaml': yaml, 'b.yaml': policyYaml('b') });
    await estate.pass(10_000);
    expect((await estate.sync()).status?.revision).toBe(revision);
    expect(await estate.condition('InSync')).toMatch(/^True InSync/);
    expect(await priority(estate)).toBe(9);
  });
});

describe('with another Sync', () => {
  test('the second is told of the first, and neither writes any more', async () => {
    await using estate = await applied();
    await estate.follow({ jitter: 0, interval: '10s' }, 'other');
    await estate.until(({ status }) => status?.observedGeneration === 1, 'other');
    expect(await estate.condition('Ready', 'other')).toMatch(
      /^False Conflict: .*is applied by "sync\/default\/fleet" as well as by "sync\/default\/other"/,
    );
    expect((await estate.sync('other')).status?.inventory ?? []).toEqual([]);
    estate.wrote();
    await estate.pass(300_000, 10_000);
    expect(estate.wrote()).toEqual([]);
    expect(await estate.condition('Ready')).toMatch(/^True Synced/);
  });

  test('that is gone there is none: what it left behind is taken over, and pruned later', async () => {
    await using estate = await applied();
    await estate.house.user.delete('Sync', { namespace: 'default', name: 'fleet' });
    await estate.quiet();
    expect(await estate.names('Policy')).toEqual(['a', 'b']);
    await estate.follow({ jitter: 0, interval: '10s' }, 'other');
    await estate.applied(estate.house.sources.revision, 'other');
    const { metadata } = await estate.house.user.get('Policy', { namespace: 'default', name: 'a' });
    expect(metadata.annotations?.['agentctl.dev/sync']).toBe('default/other');
    estate.push({ 'b.yaml': policyYaml('b') });
    await estate.pass(10_000);
    expect(await estate.names('Policy')).toEqual(['b']);
  });
});

test('notes that somebody wrote over do not stand in the way of the next revision', async () => {
  await using estate = await applied();
  const annotations = { 'agentctl.dev/sync-revision': 'abc' };
  const body = { metadata: { annotations } };
  await estate.house.user.patch('Policy', { namespace: 'default', name: 'a' }, { type: 'merge', body });
  const revision = estate.push({ 'a.yaml': policyYaml('a', 5), 'b.yaml': policyYaml('b') });
  const sync = await estate.look();
  expect(sync.status?.revision).toBe(revision);
  expect(await priority(estate)).toBe(5);
});

describe('a request to take over', () => {
  const request = async ({ house }: Estate, text: string): Promise<void> => {
    const body = { metadata: { annotations: { 'agentctl.dev/sync-requested': text } } };
    await house.user.patch('Sync', { namespace: 'default', name: 'fleet' }, { type: 'merge', body });
  };

  test('ends a conflict with a person, who is told of one from then on', async () => {
    await using estate = await applied();
    await estate.apply('Policy', 'a', { spec: { priority: 9 } }, 'kubectl', true);
    await estate.pass(10_000);
    await request(estate, 'now force-conflicts');
    await estate.until(({ status }) => status?.lastHandledRequest === 'now force-conflicts');
    expect(await priority(estate)).toBe(1);
    expect(await estate.condition('InSync')).toMatch(/^True/);
    await expect(estate.apply('Policy', 'a', { spec: { priority: 9 } }, 'kubectl')).rejects.toThrow(
      'conflict with "sync/default/fleet"',
    );
  });

  test('of objects that were applied by hand before: nobody else applies them any more', async () => {
    await using estate = await Estate.open();
    await estate.apply('Policy', 'a', { spec: { priority: 1, update: { strategy: 'WhenIdle' } } });
    const first = estate.push({ 'a.yaml': policyYaml('a', 1) });
    await estate.follow();
    await estate.applied(first);
    await request(estate, 'now force-conflicts');
    await estate.until(({ status }) => status?.lastHandledRequest === 'now force-conflicts');
    estate.push({ 'a.yaml': policyYaml('a', 2) });
    await estate.look();
    const { spec, metadata } = await estate.house.user.get('Policy', { namespace: 'default', name: 'a' });
    expect(spec).toMatchObject({ priority: 2, update: { strategy: 'WhenIdle' } });
    const appliers = metadata.managedFields?.filter(({ operation }) => operation === 'Apply');
    expect(appliers?.map(({ manager }) => manager)).toEqual(['sync/default/fleet']);
  });

  test('can be seen before: what it would change', async () => {
    await using estate = await applied();
    await estate.apply('Policy', 'a', { spec: { priority: 9 } }, 'kubectl', true);
    const diff = (force?: boolean) =>
      estate.house.controller.syncs.diffSync({ namespace: 'default', name: 'fleet' }, { force });
    expect((await diff()).errors).toEqual([expect.stringContaining('"kubectl"')]);
    expect(await diff(true)).toMatchObject({
      errors: [],
      changes: [
        { name: 'a', change: 'Configured', fields: [{ path: 'spec.priority', before: 9, after: 1 }] },
      ],
    });
    expect(await priority(estate)).toBe(9);
  });

  test('holds for that look alone', async () => {
    await using estate = await applied();
    await request(estate, 'now force-conflicts');
    await estate.until(({ status }) => status?.lastHandledRequest === 'now force-conflicts');
    await estate.apply('Policy', 'a', { spec: { priority: 9 } }, 'kubectl', true);
    await estate.pass(60_000, 10_000);
    expect(await priority(estate)).toBe(9);
    expect(await estate.condition('InSync')).toMatch(/^False Conflict/);
  });
});
