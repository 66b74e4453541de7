import { systemClock } from '../../src/platform/clock.ts';
import { driverContract } from '../contracts/driver.ts';
import { createFakeDriver } from '../fakes/driver.ts';
import { FakeEngine, fakeCommand } from '../fakes/engine.ts';

driverContract(
  'fake',
  { images: true, volumes: true, names: true, pause: true, networks: true },
  async () => {
    const engine = new FakeEngine({ clock: systemClock });
    return {
      driver: (store) => createFakeDriver(engine, store),
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
  },
);
