import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBody } from '../../../src/drivers/docker/container-body.ts';
import { createNetwork, type Network } from '../../../src/drivers/docker/docker-network.ts';
import { createEngine, type Engine } from '../../../src/drivers/docker/engine.ts';
import { connect } from '../../../src/drivers/docker/engine-connection.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { runSpec } from '../../contracts/spec.ts';
import { type TestEngine, withEngine } from '../../engines/engine.ts';
import { buildTestImage, testImage } from '../../engines/image.ts';

for (const name of ['docker', 'podman'] as const) {
  await withEngine(name, (engine) => suite(name, engine));
}

function suite(engineName: string, engine: TestEngine): void {
  describe(`the network at ${engineName}`, { timeout: 60_000 }, () => {
    const name = `agentctl-test-${process.pid}`;
    const containers: string[] = [];
    const engines: Engine[] = [];

    /** One of another controller each time. */
    const open = (): Network => {
      const on = { lost() {}, accepted() {} };
      const client = createEngine(connect(engine.endpoint), engine.endpoint, on);
      engines.push(client);
      return createNetwork(client, true, silentLog, name);
    };
    const list = async (): Promise<string[]> => {
      const { text } = await engine.call('GET', '/networks');
      const all: { Name: string; Id: string }[] = JSON.parse(text);
      return all.filter((network) => network.Name === name).map(({ Id: id }) => id);
    };
    const make = async (): Promise<string> => {
      const { text } = await engine.call('POST', '/networks/create', { Name: name, Driver: 'bridge' });
      return JSON.parse(text).Id;
    };
    const use = async (network: string): Promise<void> => {
      await buildTestImage(engine);
      const spec = runSpec('s', 'a-0');
      const joined = { ...spec, image: testImage, network: { ...spec.network, name: network } };
      const facts = { podman: engineName === 'podman', version: '', init: false };
      const body = createBody({ ...joined, command: ['sleep', '600'] }, [], facts);
      const { text } = await engine.call('POST', '/containers/create', body);
      const { Id: id } = JSON.parse(text);
      containers.push(id);
      expect((await engine.call('POST', `/containers/${id}/start`)).status).toBe(204);
    };
    const clear = async (): Promise<void> => {
      for (const id of containers.splice(0)) await engine.call('DELETE', `/containers/${id}?force=true`);
      for (const id of await list()) await engine.call('DELETE', `/networks/${id}`);
      for (const client of engines.splice(0)) client.close();
    };
    beforeEach(clear);
    afterEach(clear);

    test('is made once by many starts at the same time', async () => {
      const network = open();
      const names = await Promise.all(Array.from({ length: 8 }, () => network.ensure()));
      expect(new Set(names)).toEqual(new Set([name]));
      expect(await list()).toHaveLength(1);
    });

    test('is there once after several controllers have made it at the same time', async () => {
      const all = Array.from({ length: 4 }, open);
      await Promise.all(all.map((network) => network.ensure()));
      // Each looks again before it uses the network; what was made behind the last look of one goes at the next.
      expect(await all[0]?.ensure()).toBe(name);
      expect(await list()).toHaveLength(1);
    });

    test('has a gateway of this host once a container is in it', async () => {
      const network = open();
      await network.ensure();
      await use(name);
      expect(await network.gateway()).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    });

    // Podman refuses a second network of the same name.
    test.skipIf(engineName === 'podman')('loses the duplicates that nothing uses', async () => {
      const [, used] = [await make(), await make(), await make()];
      await use(used);
      expect(await open().ensure()).toBe(name);
      expect(await list()).toEqual([used]);
    });

    test.skipIf(engineName === 'podman')('is named by its id while containers use several', async () => {
      const [first, second] = [await make(), await make()];
      for (const id of [first, second]) await use(id);
      expect(await open().ensure()).toBe(first);
      await use((await open().ensure()) ?? '');
      for (const id of containers) await engine.call('POST', `/containers/${id}/restart?t=0`);
      for (const id of containers) {
        const { text } = await engine.call('GET', `/containers/${id}/json`);
        expect(JSON.parse(text).State.Status).toBe('running');
      }
      expect(await list()).toHaveLength(2);
    });
  });
}
