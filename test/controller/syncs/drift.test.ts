/** What becomes of objects that somebody changes after they were applied. */
import { describe, expect, test } from 'vitest';
import { fakeCommand } from '../../fakes/engine.ts';
import { agentYaml, Estate, policyYaml } from './estate.ts';

const applied = (spec: Parameters<typeof Estate.applying>[1] = {}): Promise<Estate> =>
  Estate.applying(
    {
      'a.yaml': policyYaml('a', 1),
      'b.yaml': policyYaml('b'),
      'web.yaml': agentYaml('web', '  replicas: 2\n'),
    },
    { interval: '1h', ...spec },
  );

const agent = ({ house }: Estate) => house.user.get('Agent', { namespace: 'default', name: 'web' });

describe('a field that was changed', () => {
  test('is set back soon, it alone, and told with what it was', async () => {
    await using estate = await applied();
    await estate.edit('Agent', 'web', { spec: { replicas: 5, startDeadline: '90s' } });
    await estate.pass(1_000, 100);
    const { spec } = await agent(estate);
    expect(spec).toMatchObject({ replicas: 2, startDeadline: '90s' });
    expect(estate.wrote().filter((line) => line.startsWith('apply'))).toEqual(['apply Agent/web']);
    expect(await estate.told()).toContainEqual(
      expect.stringMatching(
        /^DriftRepaired: agent\/web was set back to main@[0-9a-f]{12}: ~ spec\.replicas: 5 -> 2\.$/,
      ),
    );
    expect(estate.reads).toBe(2);
    expect(estate.looks).toBe(2); // one within the first read: what is at hand is not looked for
  });

  test('keeps the revision that it came with', async () => {
    await using estate = await applied();
    const first = (await estate.sync()).status?.revision;
    const second = estate.push({
      'a.yaml': policyYaml('a', 2),
      'b.yaml': policyYaml('b'),
      'web.yaml': agentYaml('web', '  replicas: 2\n'),
    });
    await estate.look();
    expect((await estate.sync()).status?.revision).toBe(second);
    await estate.edit('Agent', 'web', { spec: { replicas: 5 } });
    await estate.pass(1_000, 100);
    const { metadata, spec } = await agent(estate);
    expect(spec.replicas).toBe(2);
    expect(metadata.annotations?.['agentctl.dev/sync-revision']).toBe(first);
  });

  test('that no manifest names stays, and is no reason to write', async () => {
    await using estate = await applied();
    await estate.edit('Policy', 'b', { metadata: { labels: { team: 'blue' } }, spec: { mode: 'OnDemand' } });
    await estate.pass(2_000, 100);
    const policy = await estate.house.user.get('Policy', { namespace: 'default', name: 'b' });
    expect(policy).toMatchObject({ metadata: { labels: { team: 'blue' } }, spec: { mode: 'OnDemand' } });
    expect(estate.wrote()).toEqual([]);
    expect(await estate.told()).not.toContainEqual(expect.stringContaining('DriftRepaired'));
  });

  test('and changed back by hand is told as no drift of any field', async () => {
    await using estate = await applied({ selfHeal: false, interval: '10s' });
    await estate.edit('Policy', 'a', { spec: { priority: 5 } });
    await estate.pass(1_000, 100);
    expect(await estate.condition('InSync')).toMatch(/^False Drifted: 1 object differs/);
    await estate.edit('Policy', 'a', { spec: { priority: 1 } });
    await estate.pass(20_000, 1_000);
    expect(await estate.condition('InSync')).toMatch(/^True InSync/);
    expect((await estate.sync()).status?.drift).toEqual([]);
  });

  test('of an agent whose status changes all the time is no reason for look after look', async () => {
    await using estate = await applied({ selfHeal: false });
    await estate.edit('Agent', 'web', { spec: { replicas: 3 } });
    await estate.pass(5_000, 100);
    const { reads } = estate;
    for (let turn = 0; turn < 20; turn += 1) {
      await estate.house.user.patch(
        'Agent',
        { namespace: 'default', name: 'web' },
        { type: 'merge', body: { status: { conditions: [] } } },
        { subresource: 'status' },
      );
      await estate.pass(1_000, 500);
    }
    expect(estate.reads - reads).toBeLessThanOrEqual(2);
  });
});

describe('an agent that autoRevert set back', () => {
  const web = (image: string): string =>
    agentYaml('web', '  policy: { update: { progressDeadline: 10s, autoRevert: true } }\n').replace(
      'command: [run]',
      `command: [${image}]`,
    );

  test('stays so and is told, until a new revision or a person asks for more', async () => {
    await using estate = await Estate.applying({ 'web.yaml': web('run') }, { interval: '1h' });
    await estate.house.ready('web-0');
    const failing = JSON.stringify(fakeCommand({ ends: 1 })).slice(1, -1);
    estate.push({ 'web.yaml': web(failing) });
    await estate.look();
    const command = async () => (await agent(estate)).spec.template.command;
    await estate.pass(120_000, 1_000);
    expect(await command()).toEqual(['run']);
    expect(await estate.condition('InSync')).toMatch(
      /^False Reverted: Agent\/web: autoRevert went back to an earlier spec. Push a corrected spec/,
    );
    const times = (await estate.told()).filter((text) => text.startsWith('Reverted'));
    expect(times).toHaveLength(1);
    await estate.look();
    expect(await command()).toEqual(fakeCommand({ ends: 1 }));
    estate.push({ 'web.yaml': web('other') });
    await estate.look();
    await estate.pass(5_000, 1_000);
    expect(await command()).toEqual(['other']);
    expect(await estate.condition('InSync')).toMatch(/^True InSync/);
  });
});

describe('without selfHeal', () => {
  test('a change is told and stays; a sync that is asked for sets it back', async () => {
    await using estate = await applied({ selfHeal: false });
    await estate.edit('Agent', 'web', { spec: { replicas: 5 } });
    await estate.house.user.delete('Policy', { namespace: 'default', name: 'b' });
    await estate.pass(2_000, 100);
    expect((await agent(estate)).spec.replicas).toBe(5);
    expect(await estate.condition('InSync')).toMatch(
      /^False Drifted: 2 objects differ.*repair them with agentctl sync fleet\./,
    );
    expect(await estate.condition('Ready')).toMatch(/^True Synced/);
    expect((await estate.sync()).status?.drift).toEqual([
      { kind: 'Policy', namespace: 'default', name: 'b', fields: ['it is gone'] },
      { kind: 'Agent', namespace: 'default', name: 'web', fields: ['~ spec.replicas: 2 -> 5'] },
    ]);
    estate.wrote();
    await estate.pass(7_200_000, 600_000);
    expect(estate.wrote()).toEqual([]);
    const { status } = await estate.look();
    expect(status?.drift).toEqual([]);
    expect((await agent(estate)).spec.replicas).toBe(2);
    expect(await estate.names('Policy')).toEqual(['a', 'b']);
    expect(await estate.condition('InSync')).toMatch(/^True InSync/);
  });

  test('drift outlives the controller as drift', async () => {
    await using estate = await applied({ selfHeal: false });
    await estate.edit('Agent', 'web', { spec: { replicas: 5 } });
    await estate.pass(2_000, 100);
    await estate.house.restart();
    await estate.quiet();
    expect((await agent(estate)).spec.replicas).toBe(5);
    expect(await estate.condition('InSync')).toMatch(/^False Drifted/);
  });

  test('a new revision is applied all the same', async () => {
    await using estate = await applied({ selfHeal: false });
    await estate.edit('Agent', 'web', { spec: { replicas: 5 } });
    await estate.pass(2_000, 100);
    estate.push({
      'a.yaml': policyYaml('a', 2),
      'b.yaml': policyYaml('b'),
      'web.yaml': agentYaml('web', '  replicas: 3\n'),
    });
    await estate.look();
    expect((await agent(estate)).spec.replicas).toBe(3);
  });
});

describe('an object that was deleted', () => {
  test('is made again, and told', async () => {
    await using estate = await applied();
    await estate.house.user.delete('Policy', { namespace: 'default', name: 'b' });
    await estate.pass(1_000, 100);
    expect(await estate.names('Policy')).toEqual(['a', 'b']);
    expect(await estate.told()).toContainEqual('DriftRepaired: policy/b was deleted and is created again.');
    expect(await estate.condition('InSync')).toMatch(/^True InSync/);
  });

  test('is made again once its finalizers let it go', async () => {
    await using estate = await applied();
    const { metadata } = await agent(estate);
    await estate.house.user.delete('Agent', { namespace: 'default', name: 'web' });
    await estate.pass(30_000, 500);
    const again = await agent(estate);
    expect(again.metadata.uid).not.toBe(metadata.uid);
    expect(again.metadata.deletionTimestamp).toBeUndefined();
  });

  test('and is held by a finalizer is no success of a new revision, until it is made again', async () => {
    await using estate = await applied();
    const { house } = estate;
    const key = { namespace: 'default', name: 'a' };
    await estate.edit('Policy', 'a', { metadata: { finalizers: ['test.dev/hold'] } });
    await house.user.delete('Policy', key);
    const revision = estate.push({ 'a.yaml': policyYaml('a', 2), 'b.yaml': policyYaml('b') });
    await estate.look();
    expect(await estate.condition('Ready')).toMatch(/^False ApplyFailed: .*"a" is being deleted/);
    expect((await estate.sync()).status?.revision).not.toBe(revision);
    await estate.edit('Policy', 'a', { metadata: { finalizers: null } });
    await estate.pass(120_000, 1_000);
    expect((await estate.sync()).status?.revision).toBe(revision);
    expect(await house.user.get('Policy', key)).toMatchObject({ spec: { priority: 2 } });
  });

  test('and made anew by hand is set as the manifests say, and no more', async () => {
    await using estate = await applied();
    const { house } = estate;
    await house.user.delete('Policy', { namespace: 'default', name: 'a' });
    await house.user.create('Policy', {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Policy',
      metadata: { name: 'a', labels: { mine: 'yes' } },
      spec: { priority: 7 },
    });
    await estate.pass(1_000, 100);
    const policy = await house.user.get('Policy', { namespace: 'default', name: 'a' });
    expect(policy).toMatchObject({ metadata: { labels: { mine: 'yes' } }, spec: { priority: 1 } });
  });
});
