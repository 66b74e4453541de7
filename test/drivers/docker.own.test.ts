/** What an agent has for itself at an engine, and what it cannot have of others. */

import { mkdtempSync, rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { labels } from '../../src/api/annotations.ts';
import { createDockerDriver, type DockerDriver } from '../../src/drivers/docker.ts';
import { DriverError, type Mount, type RunSpec } from '../../src/drivers/driver.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { runSpec } from '../contracts/spec.ts';
import { type TestEngine, withEngine } from '../engines/engine.ts';
import { buildTestImage, testImage } from '../engines/image.ts';

for (const name of ['docker', 'podman'] as const) {
  await withEngine(name, (engine) => suite(name, engine));
}

function suite(name: string, engine: TestEngine): void {
  describe(`at ${name}`, { timeout: 60_000 }, () => {
    const unique = `own${process.pid}`;
    const store = `store-${unique}`;
    const secretsDir = mkdtempSync('/dev/shm/agentctl-test-');
    const made = new Set<string>();
    let driver: DockerDriver;

    beforeAll(async () => {
      await buildTestImage(engine);
      driver = createDockerDriver({
        endpoint: engine.endpoint,
        storeId: store,
        secretsDir,
        log: silentLog,
        clock: systemClock,
      });
    }, 120_000);

    afterEach(async () => {
      for (const { ref } of await driver.list()) await driver.remove(ref, { volumes: false });
      for (const volume of made) await engine.call('DELETE', `/volumes/${volume}`);
      made.clear();
    });

    afterAll(async () => {
      await driver.close();
      rmSync(secretsDir, { recursive: true, force: true });
    });

    /** As src/controller/runspec.ts names it. */
    const own = (namespace: string, agent: string): Mount => {
      const mount = { name: `${namespace}_${agent}_data`, formerName: `${namespace}-${agent}-data` };
      made.add(mount.name).add(mount.formerName);
      return { type: 'Volume', ...mount, mountPath: '/data', readOnly: false };
    };
    const shared = (volume: string): Mount => {
      made.add(volume);
      return { type: 'Volume', name: volume, mountPath: '/data', readOnly: false };
    };
    const specOf = (namespace: string, agent: string, mount: Mount, rest: Partial<RunSpec> = {}): RunSpec => {
      const spec = runSpec(store, `${agent}-0`);
      const identity = { ...spec.identity, namespace, agent, uid: `uid-${namespace}-${agent}` };
      return { ...spec, identity, image: testImage, command: ['sleep', '600'], mounts: [mount], ...rest };
    };
    const labelled = (namespace: string, agent: string, by = store): Record<string, string> => ({
      [labels.store]: by,
      [labels.namespace]: namespace,
      [labels.agent]: agent,
    });
    const makeVolume = async (volume: string, by: Record<string, string>): Promise<void> => {
      made.add(volume);
      const { status } = await engine.call('POST', '/volumes/create', { Name: volume, Labels: by });
      expect(status).toBe(201);
    };
    const inside = async (ref: string, script: string): Promise<string> =>
      (await driver.exec(ref, ['sh', '-c', script], { timeout: 40_000 })).output.trim();
    const volumeOf = async (ref: string): Promise<string> => {
      const { text } = await engine.call('GET', `/containers/${ref}/json`);
      return JSON.parse(text).Mounts.find(({ Destination: at }: { Destination: string }) => at === '/data')
        .Name;
    };
    const refused = async (attempt: Promise<unknown>): Promise<DriverError> => {
      const error: unknown = await attempt.catch((cause: unknown) => cause);
      if (!(error instanceof DriverError)) throw new Error(`not refused: ${String(error)}`);
      return error;
    };
    const [first, second] = [`${unique}-b`, unique];

    test('two agents whose names look the same joined by "-" have volumes of their own', async () => {
      const one = await driver.create(specOf(first, 'c', own(first, 'c')));
      const other = await driver.create(specOf(second, 'b-c', own(second, 'b-c')));
      await inside(one.ref, 'echo private > /data/s');
      expect(await inside(other.ref, 'ls /data')).toBe('');
      expect([await volumeOf(one.ref), await volumeOf(other.ref)]).toEqual([
        `${first}_c_data`,
        `${second}_b-c_data`,
      ]);
      expect(await driver.volumes.list(first, 'c')).toEqual([`${first}_c_data`]);
    });

    test('data in a volume of the former name is kept, and is taken by nobody whose name looks the same', async () => {
      await makeVolume(`${first}-c-data`, labelled(first, 'c'));
      const before = await driver.create(specOf(first, 'c', shared(`${first}-c-data`)));
      await inside(before.ref, 'echo kept > /data/s');
      await driver.kill(before.ref);
      await driver.remove(before.ref, { volumes: false });

      const after = await driver.create(specOf(first, 'c', own(first, 'c')));
      expect(await inside(after.ref, 'cat /data/s')).toBe('kept');
      const other = await driver.create(specOf(second, 'b-c', own(second, 'b-c')));
      expect(await inside(other.ref, 'ls /data')).toBe('');
      expect(await volumeOf(other.ref)).toBe(`${second}_b-c_data`);
      // Listed and removed as any other.
      expect(await driver.volumes.list(first, 'c')).toEqual([`${first}-c-data`]);
      await driver.kill(after.ref);
      await driver.remove(after.ref, { volumes: true });
      expect(await driver.volumes.list(first, 'c')).toEqual([]);
    });

    test('a volume of the former name without the labels of the agent is left alone', async () => {
      await makeVolume(`${first}-c-data`, labelled(first, 'c', 'another-store'));
      const { ref } = await driver.create(specOf(first, 'c', own(first, 'c')));
      expect(await volumeOf(ref)).toBe(`${first}_c_data`);
    });

    test.each<[string, Record<string, string>]>([
      ['of another namespace', labelled('other', 'c')],
      ['of another agent', labelled(first, 'd')],
      ['of another store', labelled(first, 'c', 'another-store')],
      ['without labels', {}],
    ])('a volume of its own name %s is not mounted, and the remedy is told', async (_, by) => {
      const volume = `${first}_c_data`;
      await makeVolume(volume, by);
      const error = await refused(driver.create(specOf(first, 'c', own(first, 'c'))));
      expect(error).toMatchObject({ kind: 'NotStartable', code: 'VolumeTaken' });
      expect(error.message).toContain(`docker volume rm ${volume}`);
      expect(await driver.list()).toEqual([]);
      // As the message says.
      await engine.call('DELETE', `/volumes/${volume}`);
      await driver.create(specOf(first, 'c', own(first, 'c')));
    });

    test('a container of before that has the volume of another agent is not started again', async () => {
      await makeVolume(`${first}-c-data`, labelled(first, 'c'));
      const before = await driver.create(specOf(second, 'b-c', shared(`${first}-c-data`)));
      await driver.kill(before.ref);
      const spec = specOf(second, 'b-c', own(second, 'b-c'));
      const error = await refused(driver.restart(before.ref, spec));
      expect(error).toMatchObject({ kind: 'NotStartable', code: 'VolumeTaken' });
      const anew = await driver.create({ ...spec, identity: { ...spec.identity, run: 2 } });
      expect(await volumeOf(anew.ref)).toBe(`${second}_b-c_data`);
      await driver.kill(anew.ref);
      await driver.restart(anew.ref, { ...spec, identity: { ...spec.identity, run: 3 } });
    });

    test('a volume that agents share by its name goes with none but the one that made it', async () => {
      const volume = `${unique}-shared`;
      const maker = await driver.create(specOf(first, 'maker', shared(volume)));
      const user = await driver.create(specOf(first, 'user', shared(volume)));
      for (const { ref } of [maker, user]) await driver.kill(ref);
      await driver.remove(maker.ref, { volumes: false });
      await driver.remove(user.ref, { volumes: true });
      expect(await driver.volumes.list(first, 'maker')).toEqual([volume]);
    });

    test('no mode of the network is taken for a name', async () => {
      const { ref } = await driver.create(specOf(first, 'victim', own(first, 'victim')));
      const modes = [
        'host',
        'none',
        'default',
        'private',
        'slirp4netns',
        'pasta',
        'ns:/proc/1/ns/net',
        `container:${ref}`,
      ];
      for (const mode of modes) {
        const network = { mode: 'Bridge' as const, name: mode, ports: [] };
        const error = await refused(driver.create(specOf(first, 'thief', own(first, 'thief'), { network })));
        expect([mode, error.kind, error.code]).toEqual([mode, 'Terminal', 'InvalidSpec']);
      }
    });

    test('an agent can join a network by its name', async () => {
      const lan = `${unique}-lan`;
      await engine.call('POST', '/networks/create', { Name: lan, Driver: 'bridge' });
      const network = { mode: 'Bridge' as const, name: lan, ports: [] };
      const { ref } = await driver.create(specOf(first, 'joining', own(first, 'joining'), { network }));
      const { text } = await engine.call('GET', `/containers/${ref}/json`);
      expect(Object.keys(JSON.parse(text).NetworkSettings.Networks)).toEqual([lan]);
      await driver.remove(ref, { volumes: true });
      await engine.call('DELETE', `/networks/${lan}`);
    });
  });
}
