import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { attachTests } from './driver/attach.ts';
import { capabilityTests } from './driver/capability.ts';
import { createContext, type DriverHarness, type DriverTraits } from './driver/context.ts';
import { endingTests } from './driver/ending.ts';
import { outputTests } from './driver/output.ts';
import { startingTests } from './driver/starting.ts';
import { surroundingsTests } from './driver/surroundings.ts';

export type { DriverHarness, DriverTraits } from './driver/context.ts';

/** What every Driver promises, and what it promises by its capabilities and parts. */
export function driverContract(name: string, traits: DriverTraits, open: () => Promise<DriverHarness>): void {
  describe(`the ${name} driver`, { timeout: 60_000 }, () => {
    const { context, opened } = createContext(traits);
    let isOpen = false;

    beforeAll(async () => {
      opened(await open());
      isOpen = true;
    }, 120_000);

    afterEach(async () => {
      for (const driver of [context.driver, context.other]) {
        for (const { ref } of await driver.list()) {
          await driver.kill(ref);
          await driver.remove(ref, { volumes: true });
        }
      }
    });

    afterAll(async () => {
      if (!isOpen) return;
      await context.driver.close();
      await context.other.close();
      await context.harness.close();
    });

    capabilityTests(context);
    startingTests(context);
    endingTests(context);
    outputTests(context);
    attachTests(context);
    surroundingsTests(context);
  });
}
