import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { lacks } from '../needs.ts';
import { Session } from './support.ts';
import { Followed, settingOf } from './sync-followed.ts';
import { settings } from './sync-manifests.ts';
import { conditionOf } from './sync-support.ts';

/** A repository with a kustomization.yaml is rendered by the kustomize or kubectl that is there. */

const find = (program: string): string | undefined =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find(existsSync);

const sessions: Session[] = [];
function open(environment: Record<string, string> = {}): Session {
  const session = new Session({ DOCKER_HOST: 'unix:///nowhere', ...environment });
  sessions.push(session);
  return session;
}
afterAll(async () => {
  for (const session of sessions) await session.end();
});

const overlay = (value: string): Record<string, string> => ({
  'base/kustomization.yaml': 'resources: [settings.yaml]\n',
  'base/settings.yaml': settings('rendered', 'base'),
  'prod/kustomization.yaml': `resources: [../base]\nnamePrefix: prod-\npatches:\n- patch: |\n    { apiVersion: v1, kind: ConfigMap, metadata: { name: rendered }, data: { value: ${value} } }\n`,
});

describe.skipIf(lacks('kustomize'))('with kustomize or kubectl', () => {
  const session = open();

  test('an overlay is rendered and followed', async () => {
    await using story = await Followed.begin(session, 'overlay', overlay('one'), { git: { path: 'prod' } });
    expect(await settingOf(session, 'prod-rendered')).toBe('one');
    await story.publish(overlay('two'));
    expect(await settingOf(session, 'prod-rendered')).toBe('two');
  });

  test('one that cannot be rendered, or wants what is outside of the repository, is told and changes nothing', async () => {
    await using story = await Followed.begin(session, 'wrong', overlay('three'), { git: { path: 'prod' } });
    for (const content of [
      'resources: [../missing]\n',
      'resources: [https://127.0.0.1:1/x.yaml]\n',
      'resources: [/etc/passwd]\n',
    ]) {
      await story.repository.publish({ 'prod/kustomization.yaml': content });
      await session.run(['sync', 'wrong']);
      const refused = await story.get();
      expect(conditionOf(refused, 'Ready')?.status, content).toBe('False');
      expect(conditionOf(refused, 'Fetched')?.reason, content).toMatch(
        /^(RenderFailed|OutsideTree|PathMissing)$/,
      );
    }
    expect(await settingOf(session, 'prod-rendered')).toBe('three');
  });
});

test('where neither is in the PATH it is told which to install', async () => {
  const session = open();
  const programs = join(session.folder, 'bin');
  await mkdir(programs);
  for (const program of ['git', 'node', 'sh', 'cat'])
    await symlink(find(program) ?? process.execPath, join(programs, program));
  const bare = open({ PATH: programs });
  await using story = await Followed.begin(bare, 'bare', overlay('one'), {
    git: { path: 'prod' },
    waits: false,
  });
  const told = conditionOf(await story.says({ Fetched: 'ProgramMissing' }), 'Fetched')?.message;
  expect(told).toMatch(/kustomize/);
  expect(told).toMatch(/kubectl/);
  await story.publish({ 'prod/kustomization.yaml': null, 'prod/a.yaml': settings('plain', 'one') });
  expect(await settingOf(bare, 'plain')).toBe('one');
});
