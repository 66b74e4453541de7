import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SyncSpec } from '../../src/api/objects.ts';
import { ready } from './questions.ts';
import { eventually, Session } from './support.ts';
import { configMaps, settingOf } from './sync-followed.ts';
import { settings, web } from './sync-manifests.ts';
import { conditionOf, fleetOf, says, syncOf } from './sync-support.ts';

/** Folders, as editors, people and mounts change them. Nobody waits for an interval: it is watched. */

let session: Session;
let root: string;
beforeAll(async () => {
  session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  root = await mkdtemp(join(tmpdir(), 'agentctl-folder-'));
});
afterAll(async () => {
  await session.end();
  await rm(root, { recursive: true, force: true });
});

const followFolder = (name: string, path: string, spec: Partial<SyncSpec> = {}): Promise<string> =>
  session.apply(
    JSON.stringify({
      apiVersion: 'agentctl.dev/v1',
      kind: 'Sync',
      metadata: { name },
      spec: { interval: '10m', jitter: 0, ...spec, source: { directory: { path } } },
    }),
  );

const becomes = (name: string, value: string): Promise<string | undefined> =>
  eventually(
    () => settingOf(session, name).catch(() => undefined),
    (found) => found === value,
    10_000,
  );

const message = async (name: string): Promise<string> =>
  conditionOf(await syncOf(session, name), 'Ready')?.message ?? '';

describe('a folder', () => {
  let folder: string;
  const file = (name: string): string => join(folder, name);
  beforeAll(async () => {
    folder = join(root, 'fleet');
    await mkdir(join(folder, 'deep'), { recursive: true });
    await writeFile(file('web.yaml'), web('local'));
    await writeFile(file('deep/a.yaml'), settings('local-a', 'one'));
    await writeFile(file('b.yaml'), settings('local-b', 'one'));
    await followFolder('local', folder);
    await ready(session, 'local');
    await says(session, { Ready: 'Synced' }, 'local');
  });

  test.each<[string, (value: string) => Promise<void>]>([
    ['in place', (value) => writeFile(file('b.yaml'), settings('local-b', value))],
    [
      'by a new file that takes its name, as vim and most others do',
      async (value) => {
        await writeFile(file('.b.yaml.swp'), 'rubbish: [');
        await writeFile(file('b.yaml~'), settings('local-b', 'older'));
        await writeFile(file('4913'), '');
        await rm(file('4913'));
        await writeFile(file('.b.yaml.new'), settings('local-b', value));
        await rename(file('.b.yaml.new'), file('b.yaml'));
        await rm(file('.b.yaml.swp'));
      },
    ],
    [
      'by moving the old one away first',
      async (value) => {
        await rename(file('b.yaml'), file('b.yaml~'));
        await writeFile(file('b.yaml'), settings('local-b', value));
      },
    ],
    [
      'in halves',
      async (value) => {
        const text = settings('local-b', value);
        await writeFile(file('b.yaml'), text.slice(0, 30));
        await writeFile(file('b.yaml'), text);
      },
    ],
    [
      'and renamed',
      async (value) => {
        await writeFile(file('b.yaml'), settings('local-b', value));
        await rename(file('b.yaml'), file('c.yaml'));
        await rename(file('c.yaml'), file('b.yaml'));
      },
    ],
  ])('whose file is saved %s is applied, and nothing is made anew', async (how, save) => {
    const before = await fleetOf(session);
    const { uid } = (await session.json<{ metadata: { uid: string } }>('get configmap local-b')).metadata;
    const value = how.replace(/\W/g, '-').slice(0, 12);
    await save(value);
    await becomes('local-b', value);
    const after = await session.json<{ metadata: { uid: string } }>('get configmap local-b');
    expect(after.metadata.uid).toBe(uid);
    expect(await fleetOf(session)).toEqual(before);
  });

  test('with a broken file is told by its place, and changes nothing until it is mended', async () => {
    await writeFile(file('b.yaml'), '{ apiVersion: v1,\n  kind: ConfigMop }');
    await says(session, { Ready: 'InvalidManifests' }, 'local');
    expect(await message('local')).toMatch(/b\.yaml:2:9: .*ConfigMap/);
    expect(await configMaps(session, 'local-')).toEqual(['local-a', 'local-b']);
    await writeFile(file('b.yaml'), settings('local-b', 'mended'));
    await becomes('local-b', 'mended');
  });

  test('that gains and loses files gains and loses objects', async () => {
    await writeFile(file('deep/d.yaml'), settings('local-d', 'one'));
    await becomes('local-d', 'one');
    await rm(file('deep/d.yaml'));
    await eventually(
      () => configMaps(session, 'local-'),
      (names) => !names.includes('local-d'),
      10_000,
    );
  });

  test('that is renamed away takes nothing with it, and is followed again once it is back', async () => {
    const before = await fleetOf(session);
    const away = `${folder}.away`;
    await rename(folder, away);
    await says(session, { Fetched: 'PathMissing' }, 'local');
    await session.run(['sync', 'local']);
    expect(await fleetOf(session)).toEqual(before);
    expect(await configMaps(session, 'local-')).toEqual(['local-a', 'local-b']);
    await writeFile(join(away, 'b.yaml'), settings('local-b', 'back'));
    await rename(away, folder);
    await becomes('local-b', 'back');
    await writeFile(file('b.yaml'), settings('local-b', 'watched'));
    await becomes('local-b', 'watched');
    expect(await fleetOf(session)).toEqual(before);
  });

  test('that is empty, as a mount point without its mount is, waits for approval', async () => {
    const before = await fleetOf(session);
    await followFolder('local', folder, { maxPrunePercent: 100 });
    await says(session, { Ready: 'Synced' }, 'local');
    const away = `${folder}.away`;
    await rename(folder, away);
    await mkdir(folder);
    const waiting = await says(session, { Ready: 'ApprovalRequired' }, 'local');
    expect(waiting.status?.pendingApproval).toMatchObject({ deletes: 3, of: 3 });
    expect(await fleetOf(session)).toEqual(before);
    await rm(folder, { recursive: true });
    await rename(away, folder);
    await says(session, { Ready: 'Synced' }, 'local');
    expect(await fleetOf(session)).toEqual(before);
    expect(await configMaps(session, 'local-')).toEqual(['local-a', 'local-b']);
  });
});

test('a link that leads out of the folder is refused', async () => {
  const folder = join(root, 'linked');
  await mkdir(folder);
  await writeFile(join(root, 'outside.yaml'), settings('outside', 'one'));
  await symlink('../outside.yaml', join(folder, 'a.yaml'));
  await followFolder('linked', folder);
  await says(session, { Fetched: 'OutsideTree' }, 'linked');
  expect(await configMaps(session, 'outside')).toEqual([]);
});

test('a folder that is not there yet is waited for', async () => {
  const folder = join(root, 'later');
  await followFolder('later', folder);
  await says(session, { Fetched: 'PathMissing' }, 'later');
  await mkdir(folder);
  await writeFile(join(folder, 'a.yaml'), settings('later', 'one'));
  await becomes('later', 'one');
});
