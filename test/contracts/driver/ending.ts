import { describe, expect, test, vi } from 'vitest';
import type { DriverContext } from './context.ts';

/** What a driver promises of signal and kill. */
export function endingTests(t: DriverContext): void {
  const { specOf, inspected, ended, printed } = t;

  describe('signal and kill', () => {
    test('signal reaches the main process', async () => {
      const { ref } = await t.driver.create(specOf({ prints: ['up'], onTerm: 7 }));
      await printed(ref, 'up');
      await t.driver.signal(ref, 'SIGTERM');
      expect((await ended(ref)).exit).toMatchObject({ code: 7, cause: 'Agent' });
    });

    test('without a name the signal is SIGTERM', async () => {
      const { ref } = await t.driver.create(specOf({ prints: ['up'], onTerm: 7 }));
      await printed(ref, 'up');
      await t.driver.signal(ref, undefined);
      expect((await ended(ref)).exit).toMatchObject({ code: 7 });
    });

    test('kill ends what ignores SIGTERM, and the exit says 137', async () => {
      const { ref } = await t.driver.create(specOf({ prints: ['up'], onTerm: 'Ignore' }));
      await printed(ref, 'up');
      await t.driver.signal(ref, 'SIGTERM');
      await t.driver.kill(ref);
      expect((await ended(ref)).exit).toMatchObject({ code: 137, cause: 'Agent' });
    });

    test('succeed on what has ended, and on what is gone', async () => {
      const { ref } = await t.driver.create(specOf({ ends: 0 }));
      await ended(ref);
      await t.driver.signal(ref, 'SIGTERM');
      await t.driver.kill(ref);
      await t.driver.remove(ref, { volumes: false });
      await t.driver.signal(ref, 'SIGTERM');
      await t.driver.kill(ref);
      await t.driver.remove(ref, { volumes: false });
    });

    for (const leaves of ['Child', 'Session', 'Daemon'] as const) {
      const none = (marker: string): Promise<void> =>
        vi.waitFor(async () => expect(await t.harness.left(marker)).toBe(0), { timeout: 40_000 });
      const one = (marker: string): Promise<void> =>
        vi.waitFor(async () => expect(await t.harness.left(marker)).toBe(1), { timeout: 40_000 });

      test(`kill leaves no process behind: ${leaves}`, async () => {
        const spec = specOf({ leaves, onTerm: 'Ignore' });
        const { ref } = await t.driver.create(spec);
        await one(spec.marker);
        await t.driver.kill(ref);
        await none(spec.marker);
      });

      test(`a program that ended leaves none after its removal: ${leaves}`, async () => {
        const spec = specOf({ leaves, prints: ['up'], onTerm: 0 });
        const { ref } = await t.driver.create(spec);
        await printed(ref, 'up');
        await one(spec.marker);
        await t.driver.signal(ref, 'SIGTERM');
        await ended(ref);
        await t.driver.kill(ref);
        await t.driver.remove(ref, { volumes: false });
        await none(spec.marker);
      });
    }

    test.skipIf(!t.traits.pause)('a paused one goes on to obey a signal', async () => {
      const { ref } = await t.driver.create(specOf({ prints: ['up'], onTerm: 7 }));
      await printed(ref, 'up');
      await t.harness.pause?.(ref);
      await t.driver.signal(ref, 'SIGTERM');
      expect((await ended(ref)).exit).toMatchObject({ code: 7 });
    });

    test.skipIf(!t.traits.pause)('a paused one shows as Paused, and kill ends it', async () => {
      const { ref } = await t.driver.create(specOf({}));
      await t.harness.pause?.(ref);
      expect(await inspected(ref)).toMatchObject({ state: 'Paused' });
      await t.driver.kill(ref);
      expect((await ended(ref)).exit).toMatchObject({ code: 137 });
    });
  });
}
