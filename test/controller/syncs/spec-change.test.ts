import { expect, test } from 'vitest';
import { agentYaml, Estate, policyYaml } from './estate.ts';

/** A revision that is applied already, by a spec that is another. */

const git = { url: 'https://git.example/fleet.git', branch: 'main' };

const interval = async (estate: Estate): Promise<void> => {
  const looks = estate.house.sources.calls.length;
  estate.house.clock.advance(10_000);
  await estate.house.until(() => estate.house.sources.calls.length > looks);
  await estate.house.rest();
};

test('a list that the spec begins to name is that list, without the one that was filled in before', async () => {
  await using estate = await Estate.open();
  await estate.follow();
  await estate.follow({ allowedKinds: ['Policy'], source: { git: { ...git, include: ['a.yaml'] } } });
  const { spec } = await estate.sync();
  expect(spec.allowedKinds).toEqual(['Policy']);
  expect(spec.source.git?.include).toEqual(['a.yaml']);
});

test('a revision that the new spec does not allow stays refused at the next looks', async () => {
  await using estate = await Estate.open();
  const timing = { interval: '10s', jitter: 0 };
  const revision = estate.push({ 'a.yaml': policyYaml('a'), 'b.yaml': agentYaml('b') });
  await estate.follow(timing);
  await estate.applied(revision);
  await estate.follow({ ...timing, allowedKinds: ['Policy'] });
  await estate.until(({ status }) => status?.observedGeneration === 2);
  expect(await estate.condition('Ready')).toMatch(/^False NotAllowed/);
  await interval(estate);
  expect(await estate.condition('Ready')).toMatch(/^False NotAllowed/);
  await estate.follow(timing);
  await estate.until(({ status }) => status?.observedGeneration === 3);
  expect(await estate.condition('Ready')).toMatch(/^True Synced/);
});

test('what only the new spec would delete waits for approval at the next looks too', async () => {
  await using estate = await Estate.open();
  const timing = { interval: '10s', jitter: 0 };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } } as const;
  await estate.house.user.create('Namespace', namespace);
  const revision = estate.push({ 'a.yaml': agentYaml('a') });
  await estate.follow(timing);
  await estate.applied(revision);
  await estate.follow({ ...timing, targetNamespace: 'other' });
  await estate.until(({ status }) => status?.observedGeneration === 2);
  expect(await estate.condition('Ready')).toMatch(/^False ApprovalRequired/);
  await interval(estate);
  expect(await estate.condition('Ready')).toMatch(/^False ApprovalRequired/);
  expect((await estate.sync()).status?.pendingApproval).toMatchObject({ revision, deletes: 1 });
});
