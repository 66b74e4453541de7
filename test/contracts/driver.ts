import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import { attachTests } from './driver/attach.ts';
import { createContext, type DriverCapabilities, type DriverHarness } from './driver/context.ts';
import { endingTests } from './driver/ending.ts';
import { outputTests } from './driver/output.ts';
import { startingTests } from './driver/starting.ts';
import { surroundingsTests } from './driver/surroundings.ts';

export type { DriverCapabilities, DriverHarness } from './driver/context.ts';

/** What every Driver promises. */
export function driverContract(
  name: string,
  capabilities: DriverCapabilities,
  open: () => Promise<DriverHarness>,
): void {
  describe(`the ${name} driver`, { timeout: 60_000 }, () => {
    const { context, opened } = createContext(capabilities);
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

    startingTests(context);
    endingTests(context);
    outputTests(context);
    attachTests(context);
    surroundingsTests(context);
  });
}
