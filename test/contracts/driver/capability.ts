import { describe, expect, test, vi } from 'vitest';
import type { DriverFeatures } from '../../../src/drivers/driver.ts';
import type { DriverContext } from './context.ts';

/** Each part of a driver, with whether its capabilities promise it; undefined: they say nothing of it. */
const promised = ({
  traits: { capabilities },
}: DriverContext): Record<keyof DriverFeatures, boolean | undefined> => ({
  restart: capabilities.restartInPlace !== false,
  stdio: capabilities.stdio !== 'None',
  images: capabilities.imageRequired,
  logs: undefined,
  exec: undefined,
  address: undefined,
  hostAddress: undefined,
  volumes: undefined,
  conditions: undefined,
});

/** What a driver promises of its capabilities. */
export function capabilityTests(t: DriverContext): void {
  describe('the capabilities', () => {
    test('are those that are tested, and the parts are those that they promise', () => {
      expect(t.driver.capabilities).toEqual(t.traits.capabilities);
      const parts = Object.entries(promised(t));
      for (const [part, isPromised] of parts) {
        const has = part in t.driver;
        expect(has, part).toBe(t.traits.parts.some((one) => one === part));
        if (isPromised !== undefined) expect(has, part).toBe(isPromised);
      }
    });

    test.skipIf(!t.traits.capabilities.nativeProbes)('show whether a run is ready and alive', async () => {
      const probe = { exec: { command: ['true'] }, period: '1s', timeout: '1s' };
      const probes = { readiness: probe, liveness: probe } as never; // the schema fills in the rest
      const { ref } = await t.driver.create(t.specOf({}, { probes }));
      await vi.waitFor(
        async () => expect(await t.inspected(ref)).toMatchObject({ ready: { ok: true }, live: { ok: true } }),
        { timeout: 40_000, interval: 20 },
      );
    });

    test.skipIf(t.traits.capabilities.nativeProbes)('leave the checks to the controller', async () => {
      const observed = await t.driver.create(t.specOf({}));
      expect([observed.ready, observed.live]).toEqual([undefined, undefined]);
    });
  });
}
