import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createDockerDriver } from '../../src/drivers/docker.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { dockerTraits } from '../contracts/driver/traits.ts';
import { type DriverHarness, driverContract } from '../contracts/driver.ts';
import { script } from '../contracts/program.ts';
import { type TestEngine, withEngine } from '../engines/engine.ts';
import { buildTestImage, testImage } from '../engines/image.ts';
import { countProcesses } from '../engines/processes.ts';

async function openHarness(engine: TestEngine): Promise<DriverHarness> {
  await buildTestImage(engine);
  const secretsDir = mkdtempSync('/dev/shm/agentctl-test-');
  return {
    driver: (storeId) =>
      createDockerDriver({
        endpoint: engine.endpoint,
        storeId,
        secretsDir: join(secretsDir, storeId),
        log: silentLog,
        clock: systemClock,
      }),
    run: (program, marker) => ({ image: testImage, command: ['sh', '-c', script(program, marker)] }),
    filePath: '/etc/agent/file.txt',
    left: async (marker) => countProcesses(marker),
    async stranger(name) {
      const body = { Image: testImage, Cmd: ['sleep', '600'] };
      const { status, text } = await engine.call('POST', `/containers/create?name=${name}`, body);
      if (status !== 201) throw new Error(`no stranger: ${status} ${text}`);
      return async () => void (await engine.call('DELETE', `/containers/${name}?force=true`));
    },
    async pause(ref) {
      const { status, text } = await engine.call('POST', `/containers/${ref}/pause`);
      if (status !== 204) throw new Error(`not paused: ${status} ${text}`);
    },
    async close() {
      rmSync(secretsDir, { recursive: true, force: true });
    },
  };
}

for (const name of ['docker', 'podman'] as const) {
  await withEngine(name, (engine) => {
    driverContract(name, dockerTraits, () => openHarness(engine));
  });
}
