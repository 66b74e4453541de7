import type { Attachment } from '../../src/drivers/attachment.ts';
import type { HouseOptions } from '../controller/house.ts';

/** The pipes of one agent's run: how far its output was taken, and whether it reads its input. */
export function outputOf(agent: string): {
  wrap: NonNullable<HouseOptions['wrap']>;
  /** Lines that were taken in so far. */
  taken(): number;
  block(): void;
  unblock(): void;
} {
  let free = Promise.resolve();
  let unblock = (): void => {};
  let taken = 0;
  return {
    wrap: (driver) => ({
      ...driver,
      stdio: {
        async attach(ref, options) {
          const attachment = await driver.stdio.attach(ref, options);
          const observed = await driver.inspect(ref);
          return observed?.instance?.startsWith(agent) === false ? attachment : watched(attachment);
        },
      },
    }),
    taken: () => taken,
    block() {
      const { promise, resolve } = Promise.withResolvers<void>();
      free = promise;
      unblock = resolve;
    },
    unblock: () => unblock(),
  };

  function watched({ lines, write, ...rest }: Attachment): Attachment {
    return {
      ...rest,
      lines: (async function* () {
        // One at a time, so that it is seen how many were asked for.
        for await (const batch of lines)
          for (const line of batch) {
            taken += 1;
            yield [line];
          }
      })(),
      async write(text) {
        await free;
        await write(text);
      },
    };
  }
}
