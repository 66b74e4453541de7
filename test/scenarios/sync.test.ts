import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Agent, ConfigMap } from '../../src/api/objects.ts';
import { type GitHost, gitHosts } from '../git/hosts.ts';
import { Repository } from '../git/repository.ts';
import { ready } from './questions.ts';
import { Session } from './support.ts';
import { settings, web } from './sync-manifests.ts';
import {
  conditionOf,
  eventsOf,
  type Following,
  fleetOf,
  follow,
  originOf,
  says,
  synced,
  syncManifest,
} from './sync-support.ts';

/** What happens to a repository while it is followed, over each protocol. The fleet never stops for any of it. */

let session: Session;
beforeAll(() => {
  session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
});
afterAll(() => session.end());

for (const kind of gitHosts()) {
  describe(`a repository that is followed over ${kind.name}`, () => {
    const name = `by-${kind.name}`;
    const [changing, steady] = [`web-${kind.name}`, `api-${kind.name}`];
    let repository: Repository;
    let host: GitHost;
    beforeAll(async () => {
      repository = await Repository.with({ 'web.yaml': web(changing), 'fleet/api.yaml': web(steady) });
      host = await kind.open(repository);
    });
    afterAll(async () => {
      await session.ok(`delete sync ${name}`);
      await session.ok(`delete agent ${changing} ${steady}`);
      await host[Symbol.asyncDispose]();
      await repository[Symbol.asyncDispose]();
    });

    const following = (more: Following = {}): Promise<string> => follow(session, host, { name, ...more });
    const agentOf = (agent: string): Promise<Agent> => session.json<Agent>(`get agent ${agent}`);
    const value = async (): Promise<string | undefined> =>
      (await session.json<ConfigMap>(`get configmap ${name}`)).data?.value;

    test('the first sync makes what stands there, and each object says where it comes from', async () => {
      await following();
      const revision = await repository.head();
      const { status } = await synced(session, revision, name);
      expect(status).toMatchObject({ revision, reference: 'refs/heads/main', objects: 2 });
      const origin = { sync: `default/${name}`, revision };
      expect(originOf(await agentOf(changing))).toEqual({ ...origin, path: 'web.yaml' });
      expect(originOf(await agentOf(steady))).toEqual({ ...origin, path: 'fleet/api.yaml' });
      await ready(session, changing);
      await ready(session, steady);
    });

    test('a push changes what it changes, and touches nothing else', async () => {
      const before = await fleetOf(session);
      const revision = await repository.publish({ 'web.yaml': web(changing, 'good-bye') });
      await synced(session, revision, name);
      await ready(session, changing, 2);
      const after = await fleetOf(session);
      expect(after[`Instance/${steady}-0`]).toBe(before[`Instance/${steady}-0`]);
      expect(after[`Agent/${steady}`]).toBe(before[`Agent/${steady}`]);
      expect(originOf(await agentOf(changing)).revision).toBe(revision);
      expect(originOf(await agentOf(steady)).revision).not.toBe(revision);
    });

    test('a push by force is followed', async () => {
      const before = await repository.head();
      const revision = await repository.replaceLast({ 'settings.yaml': settings(name, 'forced') });
      expect(revision).not.toBe(before);
      await synced(session, revision, name);
      expect(await value()).toBe('forced');
    });

    test('history that begins anew is followed', async () => {
      const before = await fleetOf(session);
      const revision = await repository.rewriteHistory({ 'settings.yaml': settings(name, 'anew') });
      await synced(session, revision, name);
      expect(await value()).toBe('anew');
      expect(await fleetOf(session)).toEqual(before);
    });

    test('of a branch that is deleted it is told, the fleet stays, and it goes on once there is one again', async () => {
      const before = await fleetOf(session);
      await following({ git: { branch: 'main' } });
      await synced(session, await repository.head(), name);
      await repository.deleteBranch('main');
      const { status } = await says(session, { Fetched: 'RevisionMissing', Ready: 'RevisionMissing' }, name);
      expect(status?.revision).toBe(await repository.head());
      expect((await eventsOf(session, name)).join()).toMatch(/RevisionMissing: .*main/);
      expect(await fleetOf(session)).toEqual(before);
      const revision = await repository.publish({ 'settings.yaml': settings(name, 'back') });
      await synced(session, revision, name);
      expect(await fleetOf(session)).toEqual(before);
      expect(await value()).toBe('back');
    });

    test('a tag that is moved is followed, and an Event says from where to where', async () => {
      await repository.tag('stable');
      await following({ git: { tag: 'stable' } });
      const first = await repository.head();
      expect((await synced(session, first, name)).status?.reference).toBe('refs/tags/stable');
      const next = await repository.publish({ 'settings.yaml': settings(name, 'tagged') });
      await repository.tag('stable', { message: 'With a message of its own' });
      await synced(session, next, name);
      expect(await value()).toBe('tagged');
      expect((await eventsOf(session, name)).join('\n')).toContain(
        `TagMoved: The tag stable was moved from ${first.slice(0, 12)} to ${next.slice(0, 12)}`,
      );
    });

    test('a commit that is pinned stays, whatever is pushed', async () => {
      const pinned = await repository.head();
      await following({ git: { commit: pinned } });
      await synced(session, pinned, name);
      await repository.publish({ 'settings.yaml': settings(name, 'unseen') });
      expect(await session.ok(`sync ${name}`)).toContain('is up to date');
      expect(await value()).toBe('tagged');
      await following();
      await synced(session, await repository.head(), name);
      expect(await value()).toBe('unseen');
    });

    test('a host that is out of reach is told, and tried again until it is there', async () => {
      const before = await fleetOf(session);
      await host.stop();
      // A repository that is not there is all that a file has for a host that does not answer.
      const away = kind.name === 'file' ? 'PathMissing' : 'Unreachable';
      const { status } = await says(session, { Fetched: away, Ready: away }, name);
      expect(status?.retryAt).toBeDefined();
      expect(await fleetOf(session)).toEqual(before);
      await host.start();
      await says(session, { Fetched: 'Fetched', Ready: 'Synced' }, name);
      expect(await fleetOf(session)).toEqual(before);
    });

    test.skipIf(kind.name === 'file')(
      'credentials that have expired are told, and new ones are taken at once',
      async () => {
        await following({ spec: { interval: '10m' } });
        await synced(session, await repository.head(), name);
        await host.expire?.();
        const revision = await repository.publish({ 'settings.yaml': settings(name, 'let in again') });
        const refused = await session.run(['sync', name]);
        expect(refused).toMatchObject({
          code: 1,
          stderr: expect.stringContaining('rejects the credentials'),
        });
        await session.run(['sync', name]);
        const { status } = await says(session, { Fetched: 'AuthenticationFailed' }, name);
        const manifest = await syncManifest(host, { name });
        const [secret = ''] = manifest.split('\n---\n');
        await session.apply(secret);
        const mended = await synced(session, revision, name);
        expect(conditionOf(mended, 'Fetched')?.lastTransitionTime.localeCompare(status?.retryAt ?? '')).toBe(
          -1,
        );
      },
    );

    test('what is deleted from the repository goes from the fleet', async () => {
      const revision = await repository.publish({ 'settings.yaml': null });
      await following();
      await synced(session, revision, name);
      await expect(value()).rejects.toThrow('not found');
    });
  });
}

test('the Sync tells what it follows, what it did and how it stands', async () => {
  await using repository = await Repository.with({ 'a.yaml': settings('told', 'one') });
  const revision = await repository.head();
  const host = await gitHosts()[0]?.open(repository);
  if (host === undefined) throw new Error('there is a host by file everywhere');
  await follow(session, host, { name: 'told' });
  await synced(session, revision, 'told');
  const [head, row] = (await session.ok('get syncs')).split('\n');
  expect(head).toMatch(/^NAME +READY +REVISION +SYNCED +MESSAGE +AGE$/);
  expect(row).toContain(`${revision.slice(0, 7)}`);
  const text = await session.ok('describe sync told');
  for (const part of [repository.url, `main@${revision.slice(0, 12)}`, 'configmap/told', 'Created'])
    expect(text).toContain(part);
  await session.ok('delete sync told');
  await session.ok('get configmap told');
});
