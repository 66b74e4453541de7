import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ready } from './questions.ts';
import { Session } from './support.ts';
import { configMaps, Followed, settingOf } from './sync-followed.ts';
import { settings, web } from './sync-manifests.ts';
import { conditionOf, fleetOf } from './sync-support.ts';

/** What may stand in a repository. A commit that is wrong anywhere changes nothing anywhere. */

let session: Session;
beforeAll(() => {
  session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
});
afterAll(() => session.end());

const message = (sync: Parameters<typeof conditionOf>[0]): string =>
  conditionOf(sync, 'Ready')?.message ?? '';

test('only the files below the path that are included and not ignored are read', async () => {
  await using story = await Followed.begin(
    session,
    'parts',
    {
      'other.yaml': 'kind: [',
      'prod/a.yaml': settings('parts-a', 'one'),
      'prod/deep/b.yml': settings('parts-b', 'one'),
      'prod/c.conf': settings('parts-c', 'one'),
      'prod/drafts/d.yaml': 'kind: [',
      'prod/notes.md': '# Notes',
      'prod/.hidden/e.yaml': 'kind: [',
    },
    { git: { path: 'prod', ignore: ['drafts/**'] } },
  );
  expect(await configMaps(session, 'parts-')).toEqual(['parts-a', 'parts-b']);
  await story.follow({
    git: { path: 'prod', include: ['**/*.conf', 'a.yaml'] },
    spec: { maxPrunePercent: 100 },
  });
  await story.synced();
  expect(await configMaps(session, 'parts-')).toEqual(['parts-a', 'parts-c']);
  await story.follow({ git: { path: 'prd' } });
  const missing = await story.says({ Fetched: 'PathMissing' });
  expect(message(missing)).toContain('did you mean prod?');
  expect(await configMaps(session, 'parts-')).toEqual(['parts-a', 'parts-c']);
});

test('a bad commit changes nothing and is told by file, line, column and commit, until a good one comes', async () => {
  await using story = await Followed.begin(session, 'bad', {
    'web.yaml': web('bad-web'),
    'settings.yaml': settings('bad', 'one'),
  });
  const good = await story.repository.head();
  await ready(session, 'bad-web');
  const before = await fleetOf(session);
  const bad = await story.repository.publish({
    'settings.yaml': settings('bad', 'two'),
    'new.yaml': settings('bad-new', 'two'),
    'web.yaml': `# The first line\n${web('bad-web', 'two').replace('minReady:', 'minReddy:').trimStart()}`,
  });
  const refused = await story.says({ Ready: 'InvalidManifests', Fetched: 'Fetched' });
  expect(refused.status).toMatchObject({ revision: good, attempted: { revision: bad } });
  for (const text of [message(refused), await story.events(), await session.ok('describe sync bad')]) {
    expect(text).toContain('web.yaml:7:3');
    expect(text).toContain('minReady');
    expect(text).toContain(`main@${bad.slice(0, 12)}`);
  }
  expect(await settingOf(session, 'bad')).toBe('one');
  expect(await configMaps(session, 'bad-')).toEqual([]);
  expect(await fleetOf(session)).toEqual(before);
  await story.publish({ 'web.yaml': web('bad-web') });
  expect(await settingOf(session, 'bad')).toBe('two');
  expect(await settingOf(session, 'bad-new')).toBe('two');
  expect(await fleetOf(session)).toEqual(before);
});

test('what only the server can refuse is told in the same way', async () => {
  const fixed = (value: string): string =>
    settings('fixed', value).replace('}, data', '}, immutable: true, data');
  await using story = await Followed.begin(session, 'refused', {
    'a.yaml': settings('refused', 'one'),
    'fixed.yaml': fixed('one'),
  });
  await story.repository.publish({ 'a.yaml': settings('refused', 'two'), 'fixed.yaml': fixed('two') });
  const refused = await story.says({ Ready: 'Refused' });
  expect(message(refused)).toMatch(/fixed\.yaml:1:\d+: ConfigMap\/fixed: .*immutable/);
  expect(await settingOf(session, 'refused')).toBe('one');
});

test('rubbish that is named as a manifest is told, and harms nothing', async () => {
  await using story = await Followed.begin(session, 'rubbish', { 'a.yaml': settings('rubbish', 'one') });
  const shapes: Record<string, Uint8Array> = {
    random: randomBytes(100_000),
    zeros: new Uint8Array(100_000),
    program: await readFile(process.execPath).then((bytes) => bytes.subarray(0, 1_000_000)),
    deep: Buffer.from('['.repeat(50_000)),
    bomb: Buffer.from(
      `a: &a [x]\n${[...'bcdefghijk'].map((c, n) => `${c}: &${c} [${Array(9).fill(`*${'abcdefghij'[n]}`)}]\n`).join('')}`,
    ),
  };
  for (const [name, bytes] of Object.entries(shapes)) {
    await story.repository.publish({ 'a.yaml': settings('rubbish', name), 'rubbish.yaml': bytes });
    const commit = (await story.repository.head()).slice(0, 12);
    await expect
      .poll(async () => message(await story.get()), { timeout: 60_000, message: name })
      .toMatch(new RegExp(`^main@${commit}: rubbish.yaml:\\d+:\\d+`));
    expect(message(await story.get()).length).toBeLessThan(5000);
    expect(await settingOf(session, 'rubbish')).toBe('one');
  }
  await story.publish({ 'rubbish.yaml': null });
  expect(await settingOf(session, 'rubbish')).toBe('bomb');
});

test('500 documents in one file are applied, and one of them that changes alone is written', async () => {
  const all = (changed: string): string =>
    Array.from({ length: 500 }, (_, at) => settings(`many-${at}`, at === 250 ? changed : 'one')).join('');
  await using story = await Followed.begin(session, 'many', { 'all.yaml': all('one') });
  expect((await story.get()).status).toMatchObject({ objects: 500 });
  const { status } = await story.publish({ 'all.yaml': all('two') });
  expect(status?.changes).toEqual([
    {
      kind: 'ConfigMap',
      namespace: 'default',
      name: 'many-250',
      change: 'Configured',
      fields: [expect.stringContaining('"one" -> "two"')],
    },
  ]);
  await story.follow({ spec: { maxPrunePercent: 100 } });
  await story.publish({ 'all.yaml': settings('many-0', 'one') });
  expect(await configMaps(session, 'many-')).toEqual(['many-0']);
});

test('a huge file beside the manifests is no hindrance; one that is selected is refused', async () => {
  await using story = await Followed.begin(
    session,
    'huge',
    { 'a.yaml': settings('huge', 'one') },
    { over: 'https' },
  );
  await story.repository.git(['config', 'core.compression', '0']);
  await story.publish({ 'a.yaml': settings('huge', 'two'), 'weights.bin': randomBytes(80 * 1024 * 1024) });
  expect(await settingOf(session, 'huge')).toBe('two');
  await story.publish({ 'a.yaml': settings('huge', 'three') });
  await story.repository.publish({
    'a.yaml': settings('huge', 'four'),
    'b.yaml': Buffer.alloc(17 * 1024 * 1024, '#'),
  });
  const refused = await story.says({ Fetched: 'TooLarge' });
  expect(message(refused)).toContain('b.yaml');
  expect(await settingOf(session, 'huge')).toBe('three');
  await story.publish({ 'b.yaml': null });
  expect(await settingOf(session, 'huge')).toBe('four');
});

test('a repository without manifests is followed until there are some', async () => {
  await using story = await Followed.begin(session, 'nothing', { 'README.md': '# Nothing' });
  expect((await story.get()).status).toMatchObject({ objects: 0 });
  await story.publish({ 'README.md': null, 'a.yaml': settings('nothing', 'one') });
  expect(await settingOf(session, 'nothing')).toBe('one');
});

/** Each of them would let whoever may push do more than the Sync's owner meant. */
const outOfBounds: Record<string, { manifest: string; says: string }> = {
  'a Runtime': {
    manifest:
      '{ apiVersion: agentctl.dev/v1, kind: Runtime, metadata: { name: pushed }, spec: { driver: process } }',
    says: 'Runtime is not allowed by spec.allowedKinds',
  },
  'a Namespace': {
    manifest: '{ apiVersion: v1, kind: Namespace, metadata: { name: pushed } }',
    says: 'Namespace is not allowed by spec.allowedKinds',
  },
  'a Sync': {
    manifest:
      '{ apiVersion: agentctl.dev/v1, kind: Sync, metadata: { name: pushed }, spec: { source: { directory: { path: /etc } } } }',
    says: 'Sync is not allowed by spec.allowedKinds',
  },
  'another namespace': {
    manifest: settings('pushed', 'one', 'namespace: kube-system'),
    says: 'default, the namespace of the Sync',
  },
  'a host path': {
    manifest: web('pushed').replace(
      '  template:',
      '  template:\n    volumes: [{ name: host, hostPath: { path: /etc } }]\n    volumeMounts: [{ name: host, mountPath: /host }]',
    ),
    says: 'web.yaml',
  },
  'an approval': {
    manifest: settings('pushed', 'one', 'annotations: { agentctl.dev/approved-revision: all }'),
    says: 'is set by agentctl: remove it',
  },
};

test('a push can do no more than the bounds of its Sync allow', async () => {
  await using story = await Followed.begin(session, 'bounds', { 'a.yaml': settings('bounds', 'one') });
  for (const [what, { manifest, says }] of Object.entries(outOfBounds)) {
    const commit = await story.repository.publish({
      'a.yaml': settings('bounds', what),
      'web.yaml': manifest,
    });
    await expect
      .poll(async () => message(await story.get()), { timeout: 60_000, message: what })
      .toMatch(new RegExp(`^main@${commit.slice(0, 12)}: web.yaml:\\d+:\\d+`));
    expect(message(await story.get()), what).toContain(says);
    expect(conditionOf(await story.get(), 'Ready')?.reason, what).toBe('NotAllowed');
  }
  expect(await settingOf(session, 'bounds')).toBe('one');
  for (const kind of ['runtime', 'namespace', 'sync', 'configmap', 'agent'])
    expect((await session.run(['get', kind, 'pushed'])).code).toBe(1);
});
