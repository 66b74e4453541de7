import { afterAll, beforeAll, expect, test } from 'vitest';
import { HttpsHost } from '../git/https.ts';
import { Repository } from '../git/repository.ts';
import { SshHost, sshdIsThere } from '../git/ssh.ts';
import { Session } from './support.ts';
import { settingOf } from './sync-followed.ts';
import { settings } from './sync-manifests.ts';
import { conditionOf, type Following, follow, says, synced, syncManifest } from './sync-support.ts';

/** Hosts that break, or are not the ones that they were. Nothing that runs is touched meanwhile. */

let session: Session;
beforeAll(() => {
  session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
});
afterAll(() => session.end());

/** As a GitHost, of a host whose faults the story chooses. */
const asHost = (url: string, secret: () => Promise<Record<string, string>>) => ({
  url,
  secret,
  stop: async () => {},
  start: async () => {},
  async [Symbol.asyncDispose]() {},
});

async function https(name: string, following: Omit<Following, 'name'> = {}) {
  const repository = await Repository.with({ 'a.yaml': settings(name, 'one') });
  const host = await HttpsHost.of(repository, { credentials: { username: 'reader', password: 'token' } });
  const known = { 'ca.crt': host.ca, ...host.credentials };
  await follow(
    session,
    asHost(host.url, async () => known),
    { name, ...following },
  );
  await synced(session, await repository.head(), name);
  return {
    repository,
    host,
    known,
    says: (reason: string, within?: number) => says(session, { Fetched: reason }, name, within),
    push: (value: string) => repository.publish({ 'a.yaml': settings(name, value) }),
    value: () => settingOf(session, name),
    synced: async () => synced(session, await repository.head(), name),
    /** Puts other credentials into its Secret, and nothing else. */
    async mend(secret: Record<string, string>) {
      const manifest = await syncManifest(
        asHost(host.url, async () => secret),
        { name },
      );
      await session.apply(manifest.split('\n---\n')[0] ?? '');
    },
    async [Symbol.asyncDispose]() {
      await session.ok(`delete sync ${name}`);
      await host[Symbol.asyncDispose]();
      await repository[Symbol.asyncDispose]();
    },
  };
}

test('a fetch that is cut off in the middle is told, and the next one that is not is applied', async () => {
  await using story = await https('cut');
  story.host.faults = { cutAfter: 40 };
  await story.push('two');
  const cut = await story.says('Unreachable');
  expect(conditionOf(cut, 'Fetched')?.message).toContain('was interrupted');
  expect(await story.value()).toBe('one');
  story.host.faults = {};
  await story.synced();
  expect(await story.value()).toBe('two');
});

test('a host that stalls is waited for as long as spec.timeout says, and holds up no other Sync', async () => {
  await using story = await https('stalls', { spec: { timeout: '2s' } });
  await using other = await https('beside');
  story.host.faults = { stallAfter: 40 };
  await story.push('two');
  await other.push('two');
  await other.synced();
  await story.says('Timeout');
  expect(await story.value()).toBe('one');
  story.host.faults = {};
  await story.synced();
  expect(await story.value()).toBe('two');
});

test('an error of the host is told with its number', async () => {
  await using story = await https('error');
  story.host.faults = { status: 503 };
  expect(conditionOf(await story.says('Unreachable'), 'Fetched')?.message).toContain('503');
});

test('a redirect is not followed, and no credentials go there', async () => {
  await using story = await https('redirected');
  await using elsewhere = await HttpsHost.of(story.repository, { certifiedAs: story.host });
  story.host.faults = { redirectTo: elsewhere.url };
  await story.push('two');
  expect(conditionOf(await story.says('Failed'), 'Fetched')?.message).toContain('redirects are not followed');
  expect(elsewhere.requests).toEqual([]);
  expect(await story.value()).toBe('one');
});

test('a host with a certificate of an unknown authority is not trusted, until the Secret has that authority', async () => {
  await using story = await https('unknown', { spec: { interval: '10m' } });
  await using stranger = await HttpsHost.of(story.repository);
  await story.mend({ ...story.known, 'ca.crt': stranger.ca });
  await story.says('HostNotTrusted');
  await story.push('two');
  const refused = await session.run(['sync', 'unknown']);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('ca.crt') });
  await story.mend(story.known);
  await story.synced();
  expect(await story.value()).toBe('two');
});

test('a wrong password shows in no message, and the right one is taken at once', async () => {
  await using story = await https('wrong', { spec: { interval: '10m' } });
  await story.mend({ ...story.known, password: 'not-the-token' });
  await story.says('AuthenticationFailed');
  const told = [await session.ok('describe sync wrong'), await session.ok('get events')].join();
  expect(told).toContain('rejects the credentials');
  expect(told).not.toContain('not-the-token');
  await story.mend(story.known);
  await story.says('Fetched');
});

test('without its Secret a Sync waits, and goes on as soon as there is one', async () => {
  await using story = await https('secret', { spec: { interval: '10m' } });
  await story.push('two');
  await session.ok('delete secret secret-credentials');
  expect(conditionOf(await story.says('SecretMissing'), 'Ready')?.message).toContain(
    'agentctl create secret',
  );
  expect(await story.value()).toBe('one');
  await story.mend(story.known);
  await story.synced();
});

test.skipIf(!sshdIsThere())(
  'a host by ssh with another key is not trusted, until its new key is known',
  async () => {
    await using repository = await Repository.with({ 'a.yaml': settings('keyed', 'one') });
    await using host = await SshHost.begin();
    const known = { identity: await host.identity(), known_hosts: await host.knownHosts() };
    const url = host.urlOf(repository);
    await follow(
      session,
      asHost(url, async () => known),
      { name: 'keyed' },
    );
    await synced(session, await repository.head(), 'keyed');
    await host.changeHostKey();
    await repository.publish({ 'a.yaml': settings('keyed', 'two') });
    const told = await says(session, { Fetched: 'HostNotTrusted' }, 'keyed');
    expect(conditionOf(told, 'Fetched')?.message).toContain('known_hosts');
    expect(await settingOf(session, 'keyed')).toBe('one');
    const now = { ...known, known_hosts: await host.knownHosts() };
    await follow(
      session,
      asHost(url, async () => now),
      { name: 'keyed' },
    );
    await synced(session, await repository.head(), 'keyed');
    await host.makeIdentity();
    await says(session, { Fetched: 'AuthenticationFailed' }, 'keyed');
    await session.ok('delete sync keyed');
  },
);
