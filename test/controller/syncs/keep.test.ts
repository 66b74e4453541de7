/** While the newest revision cannot be applied, the one that is applied is kept so. */
import { describe, expect, test } from 'vitest';
import { SourceError } from '../../../src/sources/source.ts';
import { Estate, policyYaml } from './estate.ts';

const priority = async ({ house }: Estate): Promise<number | undefined> =>
  (await house.user.get('Policy', { namespace: 'default', name: 'a' })).spec.priority;

const applied = (spec: Parameters<typeof Estate.applying>[1] = {}): Promise<Estate> =>
  Estate.applying({ 'a.yaml': policyYaml('a', 1), 'b.yaml': policyYaml('b') }, spec);

const heads: [string, (estate: Estate) => void, string][] = [
  ['is wrong', (estate) => estate.push({ 'a.yaml': 'kind: ?' }), 'InvalidManifests'],
  ['waits for approval', (estate) => estate.push({ 'a.yaml': '# none' }), 'ApprovalRequired'],
  [
    'cannot be reached',
    ({ house }) => house.sources.fail(new SourceError('Unreachable', 'no answer')),
    'Unreachable',
  ],
];

describe.each(heads)('where the newest revision %s', (_, make, reason) => {
  test('what is changed by hand is set back all the same, and told', async () => {
    await using estate = await applied();
    make(estate);
    await estate.look();
    await estate.edit('Policy', 'a', { spec: { priority: 7 } });
    await estate.house.user.delete('Policy', { namespace: 'default', name: 'b' });
    await estate.pass(2_000, 100);
    expect(await priority(estate)).toBe(1);
    await estate.house.user.get('Policy', { namespace: 'default', name: 'b' });
    expect(await estate.told()).toEqual(
      expect.arrayContaining([expect.stringMatching(/^DriftRepaired: policy\/a .*7 -> 1/)]),
    );
    expect(await estate.condition('Ready')).toMatch(`False ${reason}`);
    expect(await estate.condition('InSync')).toMatch(/^True/);
  });

  test('without selfHeal it is told, and stays', async () => {
    await using estate = await applied({ selfHeal: false });
    make(estate);
    await estate.house.clock.advance(10_000);
    await estate.edit('Policy', 'a', { spec: { priority: 7 } });
    await estate.pass(20_000, 1_000);
    expect(await priority(estate)).toBe(7);
    expect(await estate.condition('InSync')).toMatch(/^False Drifted/);
    expect((await estate.sync()).status?.drift).toMatchObject([{ name: 'a' }]);
  });

  test('where the source has it no more, it is told that nobody knows; the next good revision mends it', async () => {
    await using estate = await applied();
    estate.house.sources.keepsOld = false;
    make(estate);
    await estate.look();
    await estate.edit('Policy', 'a', { spec: { priority: 7 } });
    await estate.pass(20_000, 1_000);
    expect(await priority(estate)).toBe(7);
    expect(await estate.condition('InSync')).toMatch(/^Unknown/);
    expect(await estate.condition('Ready')).toMatch(`False ${reason}`);
    estate.house.sources.fail();
    estate.push({ 'a.yaml': policyYaml('a', 3), 'b.yaml': policyYaml('b') });
    await estate.look();
    expect(await priority(estate)).toBe(3);
    expect(await estate.condition('InSync')).toMatch(/^True/);
  });
});

test('a change of the spec that has nothing to do with the manifests sets nothing back', async () => {
  await using estate = await applied({ selfHeal: false });
  await estate.edit('Policy', 'a', { spec: { priority: 7 } });
  await estate.pass(20_000, 1_000);
  await estate.follow({ jitter: 0, interval: '2m', selfHeal: false });
  await estate.pass(5_000, 1_000);
  expect(await priority(estate)).toBe(7);
  expect(await estate.condition('InSync')).toMatch(/^False Drifted/);
  expect((await estate.sync()).status?.observedGeneration).toBe(2);
});
