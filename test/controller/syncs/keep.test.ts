/** While the newest revision cannot be applied, the one that is applied is kept so. */
import { describe, expect, test } from 'vitest';
import { ApiError } from '../../../src/api/errors.ts';
import type { Resources } from '../../../src/client/resources.ts';
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

describe.each([
  ['the newest revision is the one that is applied', false],
  ['the newest revision is wrong', true],
])('a change that cannot be set back, where %s', (_, wrong) => {
  test('is told with its cause, and tried again by time', async () => {
    const refusing = { on: false, tries: 0 };
    await using estate = await Estate.open({
      client: (resources) =>
        new Proxy(resources, {
          get: (object, name) => {
            const value: unknown = Reflect.get(object, name, object);
            if (typeof value !== 'function') return value;
            return (...args: unknown[]) => {
              const [kind, , , options = {}] = args as Parameters<Resources['patch']>; // where it is one
              if (!refusing.on || name !== 'patch' || kind !== 'Policy' || options.dryRun)
                return value.apply(object, args);
              refusing.tries += 1;
              return Promise.reject(new ApiError('Forbidden', 'policies are frozen today'));
            };
          },
        }),
    });
    const revision = estate.push({ 'a.yaml': policyYaml('a', 1), 'b.yaml': policyYaml('b') });
    await estate.follow({ jitter: 0, interval: '10m' });
    await estate.applied(revision);
    await estate.quiet();
    if (wrong) {
      estate.push({ 'a.yaml': 'kind: ?' });
      await estate.pass(600_000, 60_000);
      expect(await estate.condition('Ready')).toMatch('False InvalidManifests');
    }
    refusing.on = true;
    await estate.edit('Policy', 'a', { spec: { priority: 7 } });
    await estate.pass(1_000, 100);
    expect(await estate.condition('InSync')).toMatch(/^False RepairFailed: .*policies are frozen today/);
    const { tries } = refusing;
    expect(tries).toBeGreaterThan(0);
    await estate.pass(60_000, 1_000);
    expect(refusing.tries).toBeGreaterThan(tries + 2);
    expect(refusing.tries).toBeLessThan(tries + 12);
    refusing.on = false;
    await estate.pass(120_000, 1_000);
    expect(await priority(estate)).toBe(1);
    expect(await estate.condition('InSync')).toMatch(/^True/);
  });
});
