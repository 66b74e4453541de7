import { systemClock } from '../../src/platform/clock.ts';
import { dockerTraits, podTraits } from '../contracts/driver/traits.ts';
import { driverContract } from '../contracts/driver.ts';
import { createFakeDriver } from '../fakes/driver.ts';
import { FakeEngine, fakeCommand } from '../fakes/engine.ts';

for (const [name, traits] of Object.entries({ fake: dockerTraits, 'fake pod': podTraits })) {
  driverContract(name, traits, async () => {
    const engine = new FakeEngine({ clock: systemClock });
    return {
      driver: (store) => createFakeDriver(engine, store, traits.capabilities),
      run: (program, marker) => ({ image: 'test-image:1', command: fakeCommand(program, marker) }),
      filePath: '/etc/agent/file.txt',
      left: async (marker) => engine.left(marker),
      async stranger(name) {
        const remove = engine.stranger(name);
        return async () => remove();
      },
      pause: async (ref) => engine.pause(ref),
      close: async () => {},
    };
  });
}
