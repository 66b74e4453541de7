/** What is deleted when its manifest goes, and what is not. */
import { describe, expect, test } from 'vitest';
import type { Sync } from '../../../src/api/objects.ts';
import { agentYaml, Estate, policyYaml } from './estate.ts';

const all = (names: string): Record<string, string> =>
  Object.fromEntries([...names].map((name) => [`${name}.yaml`, policyYaml(name)]));

const applied = (names: string, spec: Parameters<typeof Estate.applying>[1] = {}): Promise<Estate> =>
  Estate.applying(all(names), spec);

const inventory = ({ status }: Sync): string[] => (status?.inventory ?? []).map(({ name }) => name).sort();
const approve = (estate: Estate, revision: string) =>
  estate.edit('Sync', 'fleet', { metadata: { annotations: { 'agentctl.dev/approved-revision': revision } } });

describe('kept is', () => {
  test('all, where the Sync does not prune; it is let go of once, and told once', async () => {
    await using estate = await applied('abcd', { prune: false });
    estate.push(all('a'));
    const { status } = await estate.look();
    expect(await estate.names('Policy')).toEqual(['a', 'b', 'c', 'd']);
    expect(status?.changes).toEqual(
      ['b', 'c', 'd'].map((name) => ({
        kind: 'Policy',
        namespace: 'default',
        name,
        change: 'Kept',
        fields: ['spec.prune of the Sync is false'],
      })),
    );
    expect(inventory(await estate.sync())).toEqual(['a']);
    estate.wrote();
    await estate.pass(60_000, 10_000);
    expect(estate.wrote()).toEqual([]);
  });

  test('what carries the annotation', async () => {
    await using estate = await applied('abc');
    await estate.edit('Policy', 'b', { metadata: { annotations: { 'agentctl.dev/prune': 'disabled' } } });
    estate.push(all('ac'));
    await estate.look();
    expect(await estate.names('Policy')).toEqual(['a', 'b', 'c']);
    expect((await estate.sync()).status?.changes).toMatchObject([{ name: 'b', change: 'Kept' }]);
  });

  test('what somebody else applies too: their fields stay, and are theirs alone from then on', async () => {
    await using estate = await applied('abc');
    await estate.apply('Policy', 'b', { spec: { priority: 0, mode: 'OnDemand' } }, 'kubectl');
    estate.push(all('ac'));
    await estate.look();
    const policy = await estate.house.user.get('Policy', { namespace: 'default', name: 'b' });
    expect(policy.spec).toMatchObject({ priority: 0, mode: 'OnDemand' });
    expect(policy.metadata.managedFields?.map(({ manager }) => manager)).toEqual(['kubectl']);
    expect(policy.metadata.annotations ?? {}).not.toHaveProperty(['agentctl.dev/sync']);
    await estate.apply('Policy', 'b', { spec: { priority: 8 } }, 'kubectl');
    estate.wrote();
    await estate.pass(60_000, 10_000);
    expect(estate.wrote()).toEqual([]);
    expect(inventory(await estate.sync())).toEqual(['a', 'c']);
  });

  test('what somebody else applies a part of, though that part alone would be no such object', async () => {
    await using estate = await applied('a');
    estate.push({ ...all('a'), 'web.yaml': agentYaml('web') });
    await estate.look();
    await estate.apply(
      'Agent',
      'web',
      { metadata: { namespace: 'default', name: 'web', labels: { team: 'blue' } } },
      'kubectl',
    );
    const revision = estate.push(all('a'));
    await estate.look();
    expect((await estate.sync()).status?.revision).toBe(revision);
    expect(await estate.names('Agent')).toEqual(['web']);
    expect(await estate.condition('Ready')).toMatch(/^True Synced/);
  });

  test('what was deleted and made again by hand', async () => {
    await using estate = await applied('abc');
    const { house } = estate;
    await estate.follow({ jitter: 0, interval: '10s', suspend: true });
    await estate.until(({ status }) => status?.observedGeneration === 2);
    await house.user.delete('Policy', { namespace: 'default', name: 'b' });
    await house.user.create('Policy', {
      apiVersion: 'agentctl.dev/v1',
      kind: 'Policy',
      metadata: { name: 'b' },
      spec: {},
    });
    const revision = estate.push(all('ac'));
    await estate.follow({ jitter: 0, interval: '10s', suspend: false });
    await estate.applied(revision);
    expect(await estate.names('Policy')).toEqual(['a', 'b', 'c']);
    expect(inventory(await estate.sync())).toEqual(['a', 'c']);
  });

  test('a Namespace that holds what the Sync does not apply', async () => {
    await using estate = await Estate.open();
    const space = (name: string) => `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name} }\n`;
    estate.push({ 'n.yaml': space('full'), 'm.yaml': space('empty'), ...all('abc') });
    await estate.follow({
      jitter: 0,
      allowedKinds: ['Namespace', 'Policy'],
      interval: '10s',
    });
    await estate.applied(estate.house.sources.revision);
    await estate.house.user.create('ConfigMap', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'mine', namespace: 'full' },
    });
    estate.push(all('abc'));
    const { status } = await estate.look();
    expect(status?.changes).toEqual(
      [
        {
          kind: 'Namespace',
          name: 'full',
          change: 'Kept',
          fields: ['it contains 1 objects that this Sync does not apply'],
        },
        { kind: 'Namespace', name: 'empty', change: 'Pruned' },
      ]
        .sort((one, other) => (one.name < other.name ? -1 : 1))
        .map((change) => expect.objectContaining(change)),
    );
    await estate.quiet();
    expect(await estate.names('Namespace')).toEqual(['default', 'full']);
    expect(await estate.names('ConfigMap')).toEqual(['full/mine']);
  });
});

describe('an approval', () => {
  test('is not needed for exactly the share, and is for one more', async () => {
    await using estate = await applied('abcd');
    estate.push(all('ab'));
    await estate.look();
    expect(await estate.names('Policy')).toEqual(['a', 'b']);
    const revision = estate.push(all('e'));
    const { status } = await estate.look();
    expect(status?.pendingApproval).toEqual({
      revision,
      deletes: 2,
      of: 2,
      objects: ['policy/b', 'policy/a'].sort(),
    });
    expect(await estate.condition('Ready')).toMatch(
      /^False ApprovalRequired: .* would delete 2 of 2 objects\. To allow it, run agentctl approve sync\/fleet\./,
    );
    expect(await estate.names('Policy')).toEqual(['a', 'b']); // what is new waits too
    estate.wrote();
    await estate.pass(60_000, 10_000);
    expect(estate.wrote()).toEqual([]);
    await approve(estate, revision);
    await estate.applied(revision);
    expect(await estate.names('Policy')).toEqual(['e']);
    expect((await estate.sync()).status?.pendingApproval).toBeUndefined();
  });

  test('does not count for a newer revision', async () => {
    await using estate = await applied('abcd');
    const seen = estate.push({ 'a.yaml': policyYaml('a') });
    await estate.look();
    estate.push({});
    await approve(estate, seen);
    await estate.pass(20_000, 10_000);
    expect(await estate.names('Policy')).toEqual(['a', 'b', 'c', 'd']);
    expect((await estate.sync()).status?.pendingApproval).toMatchObject({
      revision: estate.house.sources.revision,
    });
  });

  test('is for once: the same revision is pending again when it comes back', async () => {
    await using estate = await applied('abcd');
    const few = estate.push(all('a'));
    await estate.look();
    await approve(estate, few);
    await estate.applied(few);
    estate.push(all('abcd'));
    await estate.look();
    estate.push(all('a'));
    await estate.look();
    expect(await estate.names('Policy')).toEqual(['a', 'b', 'c', 'd']);
    expect(await estate.condition('Ready')).toMatch(/^False ApprovalRequired/);
  });

  test('that is no longer needed is no longer asked for', async () => {
    await using estate = await applied('abcd');
    estate.push(all('a'));
    await estate.look();
    estate.push(all('abc'));
    await estate.look();
    expect((await estate.sync()).status?.pendingApproval).toBeUndefined();
    expect(await estate.names('Policy')).toEqual(['a', 'b', 'c']);
  });

  test('is waited for though the source is out of reach meanwhile, and the controller starts anew', async () => {
    await using estate = await applied('abcd');
    const revision = estate.push(all('a'));
    await estate.look();
    await estate.house.restart();
    await estate.quiet();
    expect(await estate.names('Policy')).toEqual(['a', 'b', 'c', 'd']);
    await approve(estate, revision);
    await estate.applied(revision);
    expect(await estate.names('Policy')).toEqual(['a']);
  });

  test('of an empty folder is always needed', async () => {
    await using estate = await applied('abcd', {
      source: { directory: { path: '/fleet' } },
      maxPrunePercent: 100,
    });
    estate.push(all('a'));
    estate.house.sources.changed();
    await estate.applied(estate.house.sources.revision);
    expect(await estate.names('Policy')).toEqual(['a']);
    const revision = estate.push({});
    estate.house.sources.changed();
    await estate.until(({ status }) => status?.pendingApproval?.revision === revision);
    expect(await estate.names('Policy')).toEqual(['a']);
    await approve(estate, revision);
    await estate.applied(revision);
    expect(await estate.names('Policy')).toEqual([]);
  });
});

describe('another targetNamespace', () => {
  test('moves the objects: those in the old one are pruned, if that may be', async () => {
    await using estate = await applied('ab');
    await estate.house.user.create('Namespace', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'prod' },
    });
    await estate.follow({ jitter: 0, interval: '10s', targetNamespace: 'prod' });
    await estate.until(({ status }) => status?.pendingApproval !== undefined);
    await estate.pass(60_000, 10_000);
    expect(await estate.condition('Ready')).toMatch(/^False ApprovalRequired/);
    expect(await estate.names('Policy')).toEqual(['a', 'b']);
    await approve(estate, estate.house.sources.revision);
    await estate.pass(10_000);
    expect(await estate.names('Policy')).toEqual(['prod/a', 'prod/b']);
    expect((await estate.sync()).status?.inventory).toMatchObject([
      { namespace: 'prod' },
      { namespace: 'prod' },
    ]);
    expect(await estate.condition('Ready')).toMatch(/^True Synced/);
  });

  test('that is not there is told, and moves nothing', async () => {
    await using estate = await applied('ab', { maxPrunePercent: 100 });
    await estate.follow({ jitter: 0, interval: '10s', maxPrunePercent: 100, targetNamespace: 'prod' });
    await estate.pass(60_000, 10_000);
    expect(await estate.condition('Ready')).toMatch(
      /^False Refused: .*a\.yaml:1:1: Policy\/a: .*"prod" not found/,
    );
    expect(await estate.names('Policy')).toEqual(['a', 'b']);
    await estate.house.user.create('Namespace', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'prod' },
    });
    await estate.pass(10_000);
    expect(await estate.names('Policy')).toEqual(['prod/a', 'prod/b']);
  });
});
