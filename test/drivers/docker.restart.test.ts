import { mkdtempSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createDockerDriver, type DockerDriver } from '../../src/drivers/docker.ts';
import { DriverError } from '../../src/drivers/driver.ts';
import type { Observed } from '../../src/plan/world.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { type Program, script } from '../contracts/program.ts';
import { runSpec } from '../contracts/spec.ts';
import { buildTestImage, testImage } from '../engines/image.ts';
import { type OwnEngine, startOwnDocker } from '../engines/own.ts';
import { lacks } from '../needs.ts';

const store = 'restart-store';

describe.skipIf(lacks('dockerd'))('a restart of dockerd', () => {
  let engine: OwnEngine;
  let secretsDir: string;
  let ordinal = 0;

  beforeAll(async () => {
    engine = await startOwnDocker();
    await buildTestImage(engine);
    secretsDir = mkdtempSync('/dev/shm/agentctl-test-');
  }, 120_000);

  afterAll(async () => {
    await engine?.remove();
    rmSync(secretsDir, { recursive: true, force: true });
  }, 60_000);

  const makeDriver = (): DockerDriver =>
    createDockerDriver({
      endpoint: engine.endpoint,
      storeId: store,
      secretsDir,
      log: silentLog,
      clock: systemClock,
    });

  const create = async (driver: DockerDriver, program: Program): Promise<string> => {
    ordinal += 1;
    const observed = await driver.create({
      ...runSpec(store, `a-${ordinal}`),
      image: testImage,
      command: ['sh', '-c', script(program, '1')],
      network: { mode: 'None', ports: [] },
    });
    return observed.ref;
  };

  const ended = (driver: DockerDriver, ref: string): Promise<Observed> =>
    vi.waitFor(
      async () => {
        const observed = await driver.inspect(ref);
        expect(observed?.state).toBe('Exited');
        if (observed === undefined) throw new Error('gone');
        return observed;
      },
      { timeout: 40_000, interval: 50 },
    );

  const cause = async (driver: DockerDriver, ref: string) => (await ended(driver, ref)).exit?.cause;

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`by ${signal} is the cause of the exits that it brings, and of no other`, {
      timeout: 120_000,
    }, async () => {
      const driver = makeDriver();
      const stop = new AbortController();
      const opened = Promise.withResolvers<void>();
      const blamed: string[] = [];
      // As the controller does: each hint is looked at once more. During a shutdown that must say nothing.
      const looks: Promise<void>[] = [];
      const look = async (ref: string): Promise<void> => {
        const observed = await driver.inspect(ref).catch(() => undefined);
        if (observed?.exit?.cause === 'Agent') blamed.push(ref);
      };
      const watching = driver.watch((ref) => {
        opened.resolve();
        if (ref !== undefined) looks.push(look(ref));
      }, stop.signal);
      await opened.promise;

      const graceful = await create(driver, { onTerm: 0 });
      const stubborn = await create(driver, { onTerm: 'Ignore' });
      const before = await create(driver, { ends: 3 });
      expect(await cause(driver, before)).toBe('Agent');
      await vi.waitFor(() => expect(blamed).toContain(before), { timeout: 20_000, interval: 20 });

      await engine.stop(signal);
      // The stream is lost, and says no more than that.
      await watching;
      await Promise.all(looks);
      expect([...new Set(blamed)]).toEqual([before]);
      const error: unknown = await driver.list().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DriverError);
      expect(error).toMatchObject({ kind: 'Offline' });

      await engine.start();
      expect(await cause(driver, graceful)).toBe('Runtime');
      expect(await cause(driver, stubborn)).toBe('Runtime');
      expect(await cause(driver, before)).toBe('Agent');

      const after = await create(driver, { ends: 4 });
      expect(await cause(driver, after)).toBe('Agent');
      await driver.close();

      // A controller that was away meanwhile believes the codes of a shutdown.
      const newcomer = makeDriver();
      expect(await cause(newcomer, stubborn)).toBe('Runtime');
      expect(await cause(newcomer, before)).toBe('Agent');
      expect(await cause(newcomer, after)).toBe('Agent');
      await newcomer.close();
    });
  }
});
