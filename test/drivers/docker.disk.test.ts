import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDockerDriver } from '../../src/drivers/docker.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { runSpec } from '../contracts/spec.ts';
import { buildTestImage, testImage } from '../engines/image.ts';
import { type OwnEngine, startOwnDocker } from '../engines/own.ts';
import { lacks } from '../needs.ts';

describe.skipIf(lacks('dockerd'))('a full disk of the engine', () => {
  let engine: OwnEngine;
  const secretsDir = mkdtempSync('/dev/shm/agentctl-test-');

  beforeAll(async () => {
    engine = await startOwnDocker({ diskMegabytes: 64 });
    await buildTestImage(engine);
  }, 120_000);

  afterAll(async () => {
    await engine?.remove();
    rmSync(secretsDir, { recursive: true, force: true });
  }, 60_000);

  test('is told, leaves nothing behind, and is over when there is room', async () => {
    const storeId = 'disk-store';
    const driver = createDockerDriver({
      endpoint: engine.endpoint,
      storeId,
      secretsDir,
      log: silentLog,
      clock: systemClock,
    });
    const spec = { ...runSpec(storeId, 'a-0'), image: testImage, command: ['sleep', '600'] };
    const { bavail, bsize } = statfsSync(engine.data);
    const ballast = join(engine.data, 'ballast');
    writeFileSync(ballast, Buffer.alloc(bavail * bsize));
    await expect(driver.create(spec)).rejects.toMatchObject({
      kind: 'Retryable',
      code: 'DiskFull',
      message: expect.stringContaining('docker system df'),
    });
    rmSync(ballast);
    expect(await driver.list()).toEqual([]);
    expect(await driver.create(spec)).toMatchObject({ state: 'Running' });
    await driver.close();
  }, 60_000);
});
