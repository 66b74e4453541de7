import { beforeEach, expect, test } from 'vitest';
import { Session } from '../../src/controller/session.ts';
import { type Driver, DriverError } from '../../src/drivers/driver.ts';
import type { Observed } from '../../src/plan/world.ts';
import { silentLog } from '../../src/platform/log.ts';
import { ManualClock } from '../fakes/clock.ts';
import { createFakeDriver } from '../fakes/driver.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { runtimeOf } from '../plan/worlds.ts';

const runtime = runtimeOf({ default: true }, 'engine');
const running: Observed = {
  ref: 'c1',
  instanceUid: 'u',
  namespace: 'default',
  instance: 'web-0',
  agent: 'web',
  run: 1,
  revision: 'web-1',
  state: 'Running',
  startId: 's1',
  startedAt: 1_000,
};
const exited: Observed = {
  ...running,
  state: 'Exited',
  exit: { code: 1, finishedAt: 2_000, cause: 'Agent' },
};

let clock: ManualClock;
let engine: FakeEngine;
let changed: string[];

beforeEach(() => {
  clock = new ManualClock('2026-03-02T10:00:00Z');
  engine = new FakeEngine({ clock });
  changed = [];
});

function open(change: Partial<Driver> = {}): Session {
  const driver = { ...createFakeDriver(engine, 'store'), ...change };
  const events = { changed: ({ ref }: Observed) => changed.push(ref), listed: () => {} };
  return new Session(runtime, driver, events, clock, silentLog);
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2_000 && !condition(); turn += 1)
    await new Promise((resolve) => setImmediate(resolve));
  expect(condition()).toBe(true);
}

/** Moves the clock in small steps until the condition holds: 30 s at most. */
async function within(condition: () => boolean): Promise<void> {
  for (let passed = 0; passed < 30_000 && !condition(); passed += 500) {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    if (!condition()) clock.advance(500);
  }
  expect(condition()).toBe(true);
}

test('nothing is known of its instances before the first list', async () => {
  const session = open();
  expect(session.observed('u')).toBe('Unknown');
  session.start();
  await until(() => session.health.state === 'Online');
  expect(session.observed('u')).toEqual([]);
  await session.stop();
});

test('a list that was asked for before a start was answered does not take the container away', async () => {
  let answer: (found: Observed[]) => void = () => {};
  const session = open({ list: () => new Promise((resolve) => (answer = resolve)) });
  session.health = { state: 'Online' };
  const asked = session.ask();
  const listing = session.list();
  session.note('c1', running, asked);
  answer([]);
  await listing;
  expect(session.observed('u')).toEqual([running]);
});

test('of answers that cross, the later one in the life of the container counts', () => {
  const session = open();
  session.health = { state: 'Online' };
  const [started, looked] = [session.ask(), session.ask()];
  session.note('c1', exited, looked);
  session.note('c1', running, started);
  expect(session.observed('u')).toEqual([exited]);
  const [first, second] = [session.ask(), session.ask()];
  const again = { ...running, startId: 's2', startedAt: 3_000 };
  session.note('c1', again, second);
  session.note('c1', exited, first);
  expect(session.observed('u')).toEqual([again]);
});

test('a change is told once, and not when nothing has changed', () => {
  const session = open();
  session.note('c1', running);
  session.note('c1', { ...running });
  session.note('c1', exited);
  expect(changed).toEqual(['c1', 'c1']);
});

test('an answer that shows a run counts as a look at its start, by the earlier of the two clocks', () => {
  const session = open();
  session.note('c1', running);
  expect(session.lookedAt('c1')).toBe(1_000);
  session.note('c2', { ...running, ref: 'c2', startedAt: clock.now() + 60_000 });
  expect(session.lookedAt('c2')).toBe(clock.now());
});

test('an end that a hint tells is not looked at', async () => {
  let hint: Parameters<Driver['watch']>[0] = () => {};
  const looked: string[] = [];
  const session = open({
    list: async () => [running],
    inspect: async (ref) => void looked.push(ref),
    watch: (onHint, signal) => {
      hint = onHint;
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    },
  });
  session.start();
  await until(() => session.health.state === 'Online');
  hint('c1', exited);
  expect(session.observed('u')).toEqual([exited]);
  expect(looked).toEqual([]);
  await session.stop();
});

test('a look that failed is made again soon, so that no exit is missed', async () => {
  let failures = 2;
  const session = open({
    list: async () => [running],
    async inspect() {
      failures -= 1;
      if (failures >= 0) throw new DriverError('Retryable', 'Broken', 'no answer this time');
      return exited;
    },
  });
  session.start();
  await until(() => session.health.state === 'Online');
  await session.look('c1');
  expect(session.observed('u')).toEqual([running]);
  const before = clock.now();
  await within(() => session.all()[0]?.state === 'Exited');
  expect(clock.now() - before).toBe(2_000);
  await session.stop();
});

test('a lost stream is followed by a list, and an engine out of reach by Offline until it answers again', async () => {
  const session = open();
  session.start();
  await until(() => session.health.state === 'Online');
  const { lists } = session;
  engine.loseStreams();
  await within(() => session.lists > lists);
  engine.offline = true;
  await within(() => session.health.state === 'Offline');
  expect(session.observed('u')).toBe('Unknown');
  engine.offline = false;
  await within(() => session.health.state === 'Online');
  await session.stop();
});

test('an action that met a dead engine makes it Offline at once, and it comes back though its stream never broke', async () => {
  const session = open();
  session.start();
  await until(() => session.health.state === 'Online');
  session.offline(new DriverError('Offline', 'EngineUnreachable', 'connection reset'));
  expect(session.health).toMatchObject({ state: 'Offline', message: 'connection reset' });
  await within(() => session.health.state === 'Online');
  await session.stop();
});

test('a stop does not wait for an engine that never answers', async () => {
  let closed = false;
  const session = open({
    ping: () => new Promise(() => {}),
    close: async () => {
      closed = true;
    },
  });
  session.start();
  let stopped = false;
  void session.stop().then(() => {
    stopped = true;
  });
  await within(() => stopped);
  expect(closed).toBe(true);
});

test('an event stream that breaks while the first list is under way is opened anew', async () => {
  let broken = 0;
  const fake = createFakeDriver(engine, 'store');
  const session = open({
    watch: (onHint, signal) =>
      ++broken === 1 ? Promise.reject(new Error('connection reset')) : fake.watch(onHint, signal),
    list: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return fake.list();
    },
  });
  session.start();
  await within(() => broken === 2 && session.health.state === 'Online');
  await session.stop();
});
