import { beforeEach, expect, test } from 'vitest';
import type { Runtime } from '../../src/api/objects.ts';
import { Images } from '../../src/controller/image-updates.ts';
import { Manager } from '../../src/controller/manager.ts';
import { Session } from '../../src/controller/session.ts';
import { DriverError } from '../../src/drivers/driver.ts';
import { silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../fakes/clock.ts';
import { createFakeDriver } from '../fakes/driver.ts';
import { FakeEngine } from '../fakes/engine.ts';

const minute = 60_000;
const image = 'test-image:1';

let clock: ManualClock;
let engine: FakeEngine;
let session: Session;
let images: Images;
let changes: number;
let asked: string[];

beforeEach(() => {
  clock = new ManualClock('2026-03-02T10:00:00Z');
  engine = new FakeEngine({ clock });
  changes = 0;
  asked = [];
  const driver = createFakeDriver(engine, 's');
  const watched: typeof driver = {
    ...driver,
    images: {
      id: (name, options) => {
        asked.push(`${options.pull ? 'pull' : 'look'} ${name}`);
        return driver.images.id(name, options);
      },
    },
  };
  const runtime = { metadata: { name: 'engine' } } as Runtime; // no more of it is read
  session = new Session(runtime, watched, { changed: () => {}, listed: () => {} }, clock, silentLog);
  const manager = new Manager({ clock, log: silentLog, workers: 2, spread: () => 0 });
  images = new Images(clock, manager.keys('images'), () => {
    changes += 1;
  });
  manager.register(images);
  manager.start();
});

/** Asks for the newest id, gives the answer time, and asks again. */
async function newest(interval = 5 * minute): Promise<string | undefined> {
  images.newest(session, image, interval);
  await new Promise((resolve) => setImmediate(resolve));
  return images.newest(session, image, interval);
}

/** Moves the clock minute by minute, with an observe in each. */
async function pass(minutes: number): Promise<void> {
  for (let passed = 0; passed < minutes; passed += 1) {
    clock.advance(minute);
    await newest();
  }
}

test('the first look takes what the Runtime has, and pulls nothing', async () => {
  engine.registry.set(image, 'sha256:2');
  expect(await newest()).toBe('sha256:1');
  expect(asked).toEqual([`look ${image}`]);
});

test('a look that failed is made again soon, and not only at the next interval', async () => {
  engine.failNext('imageId', new DriverError('Retryable', 'EngineError', 'the registry does not answer'));
  expect(await newest(60 * minute)).toBeUndefined();
  clock.advance(10_000);
  expect(await newest(60 * minute)).toBe('sha256:1');
  clock.advance(2 * minute);
  await newest(60 * minute);
  expect(asked).toEqual([`look ${image}`, `look ${image}`]);
});

test('at each interval it asks the registry, and tells when there is a newer one', async () => {
  await newest();
  await pass(5);
  expect(changes).toBe(1);
  engine.registry.set(image, 'sha256:2');
  await pass(5);
  expect(await newest()).toBe('sha256:2');
  expect(changes).toBe(2);
  expect(asked).toEqual([`look ${image}`, `pull ${image}`, `pull ${image}`]);
});

test('the shortest interval that any policy asks for counts', async () => {
  await newest(10 * minute);
  await newest(minute);
  await newest(10 * minute);
  asked.length = 0;
  await pass(2);
  expect(asked).toEqual([`pull ${image}`, `pull ${image}`]);
});

test('an engine that cannot be asked is asked again at the next interval', async () => {
  await newest();
  engine.offline = true;
  await pass(5);
  engine.offline = false;
  engine.registry.set(image, 'sha256:2');
  await pass(5);
  expect(await newest()).toBe('sha256:2');
});

test('an image that no agent asks for any more is pulled no more', async () => {
  await newest();
  for (let passed = 0; passed < 30; passed += 1) {
    clock.advance(minute);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(asked).toEqual([`look ${image}`]);
  expect(clock.waiting).toBe(0);
});

test('of a session that has ended nothing is asked', async () => {
  await newest();
  images.forget(session);
  clock.advance(60 * minute);
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toEqual([`look ${image}`]);
  expect(clock.waiting).toBe(0);
});
