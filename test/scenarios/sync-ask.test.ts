import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConfigMap } from '../../src/api/objects.ts';
import { ready } from './questions.ts';
import { eventually, Session } from './support.ts';
import { Followed, settingOf } from './sync-followed.ts';
import { settings, web } from './sync-manifests.ts';
import { conditionOf, tellOfPush } from './sync-support.ts';

/** What people and Git hosts ask of a Sync. None of these stories waits for an interval. */

const interval = '10m';
const port = await freePort();
let session: Session;
beforeAll(async () => {
  session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  await session.ok(`controller start --listen 127.0.0.1:${port}`);
});
afterAll(() => session.end());

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}

describe('suspend, sync, wait and diff', () => {
  let story: Followed;
  beforeAll(async () => {
    const files = {
      'a.yaml': settings('asked', 'one'),
      'web.yaml': web('asked-web'),
      'b.yaml': settings('asked-b', 'one'),
    };
    story = await Followed.begin(session, 'asked', files, { spec: { interval } });
    await ready(session, 'asked-web');
  });
  afterAll(() => story[Symbol.asyncDispose]());

  test('describe agent says which Sync and commit it comes from', async () => {
    const text = await session.ok('describe agent asked-web');
    for (const part of ['asked', 'web.yaml', (await story.repository.head()).slice(0, 12)])
      expect(text).toContain(part);
  });

  test('diff ends with 0 where nothing would change, with 1 and each change where it would, and changes nothing', async () => {
    expect(await session.run(['diff', '--sync', 'asked'])).toMatchObject({ code: 0, stdout: '' });
    await story.repository.publish({
      'a.yaml': settings('asked', 'two'),
      'web.yaml': web('asked-web', 'good-bye'),
      'b.yaml': null,
      'c.yaml': settings('asked-c', 'two'),
    });
    const before = await story.get();
    const { code, stdout } = await session.run(['diff', '--sync', 'asked']);
    expect(code).toBe(1);
    expect(stdout).toContain(`main@${(await story.repository.head()).slice(0, 12)}`);
    expect(stdout).toMatch(/configmap\/asked[^-].*\n.*data\.value: "one" -> "two"/);
    expect(stdout).toMatch(/GREETING.*"hello" -> "good-bye".*restart/);
    expect(stdout).toMatch(/configmap\/asked-b: .*would be pruned/);
    expect(stdout).toMatch(/configmap\/asked-c.*created/);
    expect((await story.get()).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
    expect(await settingOf(session, 'asked')).toBe('one');
  });

  test('a sync that is asked for applies it now, and says what it did', async () => {
    expect(await session.ok('sync asked')).toMatch(/main@\w{12} applied: 1 created, 2 configured, 1 pruned/);
    expect(await settingOf(session, 'asked')).toBe('two');
    expect(await session.ok('sync asked')).toContain('is up to date');
    expect(await session.run(['diff', '--sync', 'asked'])).toMatchObject({ code: 0 });
  });

  test('while suspended nothing is applied, but for one sync that is asked for', async () => {
    await session.ok('suspend sync/asked');
    await story.says({ Ready: 'Suspended' });
    await story.repository.publish({ 'a.yaml': settings('asked', 'three') });
    await session.ok('patch configmap asked -p {"data":{"value":"drifted"}}');
    const head = await story.repository.head();
    const waited = await session.run(['wait', 'sync/asked', `--for=revision=${head}`, '--timeout=90s']);
    expect(waited).toMatchObject({ code: 2, stderr: expect.stringContaining('agentctl resume sync/asked') });
    expect(await settingOf(session, 'asked')).toBe('drifted');
    expect(await session.ok('sync asked')).toContain('applied');
    expect(await settingOf(session, 'asked')).toBe('three');
    expect(conditionOf(await story.get(), 'Ready')?.message).toContain(
      'The Sync is suspended. To continue, run agentctl resume sync/asked',
    );
    await session.ok(`wait sync/asked --for=revision=${head.slice(0, 10)} --timeout=90s`);
    await story.repository.publish({ 'a.yaml': settings('asked', 'four') });
    await session.ok('resume sync/asked');
    await story.synced();
    expect(await settingOf(session, 'asked')).toBe('four');
  });

  test('wait ends when the revision is applied, and at once where it never will be', async () => {
    const good = await story.repository.publish({ 'a.yaml': settings('asked', 'five') });
    const waiting = session.run(['wait', 'sync/asked', `--for=revision=${good}`, '--timeout=90s']);
    await session.ok('sync asked');
    expect((await waiting).code).toBe(0);
    const bad = await story.repository.publish({ 'a.yaml': 'kind: [' });
    const asked = await session.run(['sync', 'asked']);
    expect(asked).toMatchObject({ code: 1, stderr: expect.stringContaining('a.yaml:1:8') });
    const never = await session.run(['wait', 'sync/asked', `--for=revision=${bad}`, '--timeout=90s']);
    expect(never).toMatchObject({ code: 2, stderr: expect.stringContaining('InvalidManifests') });
    const refused = await session.run(['diff', '--sync', 'asked']);
    expect(refused.code).toBeGreaterThan(1);
    expect(refused.stderr).toContain('a.yaml:1:8');
  });

  test('a rollback is a git revert', async () => {
    const revision = await story.repository.revertLast();
    await session.ok('sync asked');
    expect((await story.get()).status?.revision).toBe(revision);
    expect(await settingOf(session, 'asked')).toBe('five');
  });
});

describe('a webhook', () => {
  const token = 'the token of the webhook';

  /** As GitHub does it, over TLS. */
  async function overTls(path: string, signedWith: string): Promise<number> {
    const [, ca = ''] = /certificate-authority-data: (\S+)/.exec(await session.ok('kubeconfig')) ?? [];
    const body = JSON.stringify({ ref: 'refs/heads/main' });
    const outgoing = request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      path,
      ca: Buffer.from(ca, 'base64'),
      headers: {
        'Content-Type': 'application/json',
        'X-GitHub-Event': 'push',
        'X-Hub-Signature-256': `sha256=${createHmac('sha256', signedWith).update(body).digest('hex')}`,
      },
    });
    outgoing.end(body);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]; // as node:http has it
    answer.resume();
    return answer.statusCode ?? 0;
  }

  test('of a push shortens the wait, over the socket and over TLS; one that is forged does not', async () => {
    await using story = await Followed.begin(
      session,
      'hooked',
      { 'a.yaml': settings('hooked', 'one') },
      {
        spec: { interval },
        webhookToken: token,
      },
    );
    await story.repository.publish({ 'a.yaml': settings('hooked', 'two') });
    expect(await tellOfPush(session, 'another token', { name: 'hooked' })).toBe(401);
    expect(await overTls('/webhooks/syncs/default/hooked', 'another token')).toBe(401);
    expect((await story.get()).metadata.annotations ?? {}).not.toHaveProperty(
      'agentctl.dev/webhook-received',
    );
    expect(await settingOf(session, 'hooked')).toBe('one');
    expect(await tellOfPush(session, token, { name: 'hooked' })).toBe(202);
    await story.synced(10_000);
    expect(await settingOf(session, 'hooked')).toBe('two');
    await story.repository.publish({ 'a.yaml': settings('hooked', 'three') });
    expect(await overTls('/webhooks/syncs/default/hooked', token)).toBe(202);
    await story.synced(10_000);
    expect(await settingOf(session, 'hooked')).toBe('three');
  });

  test('that comes while a sync is under way is not lost', async () => {
    await using story = await Followed.begin(
      session,
      'burst',
      { 'a.yaml': settings('burst', 'push-0') },
      {
        spec: { interval },
        webhookToken: token,
      },
    );
    for (let push = 1; push <= 5; push += 1) {
      await story.repository.publish({ 'a.yaml': settings('burst', `push-${push}`) });
      expect(await tellOfPush(session, token, { name: 'burst' })).toBe(202);
    }
    await story.synced(10_000);
    await eventually(
      async () => (await session.json<ConfigMap>('get configmap burst')).data?.value,
      (value) => value === 'push-5',
    );
  });

  test('for a Sync that is not there, or has none, tells nobody which', async () => {
    await using story = await Followed.begin(session, 'deaf', { 'a.yaml': settings('deaf', 'one') });
    const answers = [
      await overTls('/webhooks/syncs/default/deaf', token),
      await overTls('/webhooks/syncs/default/nobody', token),
      await overTls('/webhooks/syncs/nowhere/deaf', token),
    ];
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toBeGreaterThanOrEqual(400);
    await story.synced();
  });
});
