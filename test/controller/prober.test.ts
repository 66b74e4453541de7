import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Probe } from '../../src/api/objects.ts';
import { Prober } from '../../src/controller/prober.ts';
import type { Driver } from '../../src/drivers/driver.ts';
import { ManualClock } from '../fakes/clock.ts';
import { createFakeDriver } from '../fakes/driver.ts';
import { FakeEngine } from '../fakes/engine.ts';

const base = { initialDelay: '0s', period: '10s', timeout: '1s', successThreshold: 1, failureThreshold: 3 };

let clock: ManualClock;
let driver: Driver;
let prober: Prober;
let changes: string[];

beforeEach(() => {
  clock = new ManualClock('2026-03-02T10:00:00Z');
  driver = createFakeDriver(new FakeEngine({ clock }), 'store');
  changes = [];
  prober = new Prober(clock, (uid) => changes.push(uid));
});
afterEach(() => prober.stop());

function watch(probes: { readiness?: Probe; liveness?: Probe }, startId = 's1', readySince?: number): void {
  const { readiness, liveness } = probes;
  const run = { uid: 'u', ref: 'c1', startId, startedAt: clock.now(), readySince };
  prober.watch({ ...run, driver, readiness, liveness });
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 5_000 && !condition(); turn += 1)
    await new Promise((resolve) => setImmediate(resolve));
  expect(condition()).toBe(true);
}

/** The prober has looked and waits for its next turn. */
const waits = (): Promise<void> => until(() => clock.waiting > 0);

/** Plays the answers to an exec probe, one a check; the last repeats. */
function answers(...codes: number[]): { count: number } {
  const asked = { count: 0 };
  driver = {
    ...driver,
    async exec() {
      const code = codes[Math.min(asked.count, codes.length - 1)] ?? 0;
      asked.count += 1;
      return { code, output: 'because' };
    },
  };
  return asked;
}

const exec: Probe = { ...base, exec: { command: ['check'] } };

describe('readiness', () => {
  test('of what is known to be Ready holds until it has failed often enough', async () => {
    const asked = answers(1);
    watch({ readiness: exec }, 's1', clock.now() - 60_000);
    for (const failures of [1, 2]) {
      await until(() => asked.count === failures);
      await waits();
      expect(prober.view('u').ready).toEqual({
        ok: true,
        since: clock.now() - failures * 10_000 - 50_000,
        message: '',
      });
      clock.advance(10_000);
    }
    await until(() => prober.view('u').ready?.ok === false);
  });

  test('is asked for each second until it holds, whatever its period', async () => {
    const asked = answers(1, 1, 0);
    watch({ readiness: exec });
    await until(() => prober.view('u').ready?.ok === false);
    for (let second = 0; second < 2; second += 1) {
      await waits();
      clock.advance(1_000);
    }
    await until(() => prober.view('u').ready?.ok === true);
    expect(asked.count).toBe(3);
    expect(prober.view('u').ready?.since).toBe(clock.now());
  });

  test('is lost after failureThreshold failures in a row, and says why', async () => {
    answers(0, 1, 1, 0, 1, 1, 1);
    watch({ readiness: exec });
    await until(() => prober.view('u').ready?.ok === true);
    for (let check = 0; check < 6; check += 1) {
      expect(prober.view('u').ready?.ok).toBe(true);
      await waits();
      clock.advance(10_000);
      await waits();
    }
    await until(() => prober.view('u').ready?.ok === false);
    expect(prober.view('u').ready?.message).toBe('check ended with 1: because');
    expect(changes).toHaveLength(2);
  });

  test('waits for the initial delay', async () => {
    const asked = answers(0);
    watch({ readiness: { ...exec, initialDelay: '5s' } });
    await waits();
    clock.advance(4_000);
    expect(asked.count).toBe(0);
    clock.advance(1_000);
    await until(() => prober.view('u').ready?.ok === true);
  });
});

test('a new run is probed anew, and nothing of the old one counts', async () => {
  answers(0);
  watch({ readiness: exec });
  await until(() => prober.view('u').ready?.ok === true);
  answers(1);
  watch({ readiness: exec }, 's2');
  expect(prober.view('u').ready).toBeUndefined();
  await until(() => prober.view('u').ready?.ok === false);
});

test('the same run is not probed twice', async () => {
  const asked = answers(0);
  watch({ readiness: exec });
  watch({ readiness: exec });
  await until(() => prober.view('u').ready?.ok === true);
  await waits();
  expect(asked.count).toBe(1);
});

describe('over the network', () => {
  let open = 0;
  const server = createServer((request, response) => {
    open += 1;
    request.socket.on('close', () => {
      open -= 1;
    });
    if (request.url === '/endless') {
      response.writeHead(200);
      response.write('more');
      return;
    }
    if (request.url === '/slow') return;
    response.statusCode = request.url === '/ok' ? 204 : 503;
    response.end();
  });
  let port: number;
  beforeEach(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port; // it listens on TCP
    driver = { ...driver, address: async (_ref, at) => ({ host: '127.0.0.1', port: at }) };
  });
  afterEach(() => new Promise<void>((resolve) => server.close(() => resolve())));

  const httpGet = (path: string): Probe => ({ ...base, httpGet: { path, port, scheme: 'HTTP' } });

  test.each([
    ['/ok', true, ''],
    ['/bad', false, 'answered 503'],
  ])('a GET of %s makes it ready: %s', async (path, ok, message) => {
    watch({ readiness: httpGet(path) });
    await until(() => prober.view('u').ready !== undefined);
    expect(prober.view('u').ready).toMatchObject({ ok, message: expect.stringContaining(message) });
  });

  test('an answer that never ends is read no further than its status', async () => {
    watch({ readiness: httpGet('/endless') });
    await until(() => prober.view('u').ready?.ok === true);
    for (let round = 0; round < 3; round += 1) {
      await waits();
      clock.advance(10_000);
    }
    await until(() => open === 0);
  });

  test('an answer whose beginning does not come in time is waited for no longer', async () => {
    const readiness = { ...httpGet('/slow'), timeout: '50ms' };
    watch({ readiness });
    await expect.poll(() => prober.view('u').ready?.message).toContain('no answer within 50 ms');
    await expect.poll(() => open).toBe(0);
  });

  test('a port that takes connections is ready, one that does not is not', async () => {
    watch({ readiness: { ...base, tcpSocket: { port } } });
    await until(() => prober.view('u').ready?.ok === true);
    watch({ readiness: { ...base, tcpSocket: { port: 1 } } }, 's2');
    await until(() => prober.view('u').ready?.ok === false);
  });
});

test('a pattern and a line that a backtracking engine never ends with hold nothing up', async () => {
  driver = {
    ...driver,
    async *logs() {
      yield { stream: 'stdout' as const, text: `${'a'.repeat(10_000)}!` };
    },
  };
  const begin = performance.now();
  watch({ readiness: { ...base, log: { pattern: '^(a+)+$' } } });
  await until(() => prober.view('u').ready?.ok === false);
  await waits();
  expect(performance.now() - begin).toBeLessThan(1_000);
});

test('each line of the output is read once, and one that matches is seen at once', async () => {
  const reads: string[] = [];
  const more = Promise.withResolvers<void>();
  driver = {
    ...driver,
    async *logs() {
      reads.push('opened');
      yield { stream: 'stdout' as const, text: 'starting' };
      await more.promise;
      yield { stream: 'stdout' as const, text: 'up' };
    },
  };
  watch({ readiness: { ...base, log: { pattern: 'up' } } });
  for (let second = 0; second < 5; second += 1) {
    await waits();
    clock.advance(1_000);
  }
  more.resolve();
  await until(() => prober.view('u').ready?.ok === true);
  expect(reads).toEqual(['opened']);
});

test('a line of the output makes it ready', async () => {
  const lines = ['starting', 'listening on 80'];
  driver = {
    ...driver,
    async *logs() {
      for (const text of lines) yield { stream: 'stdout' as const, text };
    },
  };
  watch({ readiness: { ...base, log: { pattern: '^listening on \\d+$' } } });
  await until(() => prober.view('u').ready?.ok === true);
  watch({ readiness: { ...base, log: { pattern: 'never' } } }, 's2');
  await until(() => prober.view('u').ready?.ok === false);
});
