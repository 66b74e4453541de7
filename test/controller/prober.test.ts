import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Probe } from '../../src/api/objects.ts';
import { Prober, type ProbeSession, type ProbeTarget } from '../../src/controller/prober.ts';
import { type Driver, DriverError, type LogOptions } from '../../src/drivers/driver.ts';
import { ManualClock } from '../fakes/clock.ts';
import { createFakeDriver } from '../fakes/driver.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { until } from '../until.ts';

const base = { initialDelay: '0s', period: '10s', timeout: '1s', successThreshold: 1, failureThreshold: 3 };

let clock: ManualClock;
let driver: Driver;
let prober: Prober;
let changes: string[];
/** Whether the Runtime is reached, and whether it answers when it is asked whether the run is still up. */
let online: boolean;
let sees: boolean;

beforeEach(() => {
  online = true;
  sees = true;
  clock = new ManualClock('2026-03-02T10:00:00Z');
  driver = createFakeDriver(new FakeEngine({ clock }), 'store');
  changes = [];
  prober = new Prober(clock, (uid) => changes.push(uid));
});
afterEach(() => prober.stop());

function watch(
  { readiness, liveness }: { readiness?: Probe; liveness?: Probe },
  startId = 's1',
  readySince?: number,
  more: Partial<ProbeTarget> = {},
): void {
  const session = { driver, sees: async () => sees };
  prober.watch({
    uid: 'u',
    ref: 'c1',
    startId,
    run: 1,
    startedAt: clock.now(),
    readySince,
    wasReady: readySince !== undefined,
    startDeadline: clock.now() + 60_000,
    session: () => (online ? session : undefined),
    readiness,
    liveness,
    ...more,
  });
}

/** The prober has looked and waits for its next turn. */
const waits = (): Promise<unknown> => until(() => clock.waiting > 0);

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

  test('says just the exit code if the command has no output', async () => {
    driver = { ...driver, exec: async () => ({ code: 1, output: '\n' }) };
    watch({ readiness: exec });
    await until(() => prober.view('u').ready?.ok === false);
    expect(prober.view('u').ready?.message).toBe('check ended with 1.');
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

/** Each second, so often, what is due comes, and is waited for. */
async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    await waits();
    clock.advance(1_000);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

const every: Probe = { ...exec, period: '1s' };
const ready = { wasReady: true };

describe('a check that could not be made says nothing', () => {
  const refusals: [string, DriverError | Error][] = [
    ['the engine is offline', new DriverError('Offline', 'EngineUnreachable', 'connection refused')],
    ['nothing can be run in it', new DriverError('Retryable', 'NotRunning', 'it is paused')],
    ['it is gone', new DriverError('Retryable', 'Gone', 'no such container')],
    ['the driver was closed', new Error('socket hang up')],
  ];

  test.each(refusals)('exec: %s', async (_, error) => {
    let checks = 0;
    const refuse = async (): Promise<never> => {
      checks += 1;
      throw error;
    };
    driver = { ...driver, exec: refuse };
    watch({ readiness: every, liveness: every }, 's1', clock.now(), ready);
    await pass(10);
    expect(checks).toBeGreaterThan(10);
    expect(prober.view('u')).toMatchObject({ ready: { ok: true }, unknown: error.message });
    expect(prober.view('u').live).toBeUndefined();
  });

  test('it leaves the row of failures as it is', async () => {
    const played = [1, 'Unknown', 1, 'Unknown', 'Unknown', 1] as const;
    let checks = 0;
    const exec = async (): Promise<{ code: number; output: string }> => {
      const code = played[checks++] ?? 0;
      if (code === 'Unknown') throw new DriverError('Offline', 'EngineUnreachable', 'no answer');
      return { code, output: '' };
    };
    driver = { ...driver, exec };
    watch({ liveness: every }, 's1', clock.now(), ready);
    for (const count of [1, 2, 3, 4, 5]) {
      await until(() => checks === count);
      await waits();
      expect(prober.view('u').live).toBeUndefined();
      clock.advance(1_000);
    }
    await until(() => prober.view('u').live?.ok === false);
  });

  test.each([
    ['httpGet', { httpGet: { path: '/', port: 1, scheme: 'HTTP' as const } }],
    ['tcpSocket', { tcpSocket: { port: 1 } }],
  ])('%s: its address cannot be found out', async (_, probe) => {
    const address = async (): Promise<never> => {
      throw new DriverError('Offline', 'EngineUnreachable', 'no answer');
    };
    driver = { ...driver, address };
    watch({ liveness: { ...base, period: '1s', ...probe } }, 's1', clock.now(), ready);
    await pass(6);
    expect(prober.view('u').live).toBeUndefined();
  });

  test('tcpSocket: the address is none that this host knows a way to', async () => {
    driver = { ...driver, address: async () => ({ host: 'no-such-host.invalid', port: 1 }) };
    watch({ readiness: { ...base, tcpSocket: { port: 1 } } });
    await until(() => prober.view('u').unknown !== undefined);
    expect(prober.view('u').ready).toBeUndefined();
  });

  test('log: the output cannot be read', async () => {
    driver = {
      ...driver,
      // biome-ignore lint/correctness/useYield: it ends before the first line
      async *logs() {
        throw new DriverError('Offline', 'EngineUnreachable', 'no answer');
      },
    };
    watch({ liveness: { ...base, period: '1s', log: { pattern: 'up' } } }, 's1', clock.now(), {
      wasReady: true,
    });
    await pass(6);
    expect(prober.view('u').live?.ok).toBeUndefined();
  });

  test('the Runtime does not take up the check in time, and nothing waits for it any longer', async () => {
    driver = { ...driver, exec: () => new Promise(() => {}) };
    watch({ readiness: exec });
    await waits();
    clock.advance(11_000);
    await until(() => prober.view('u').unknown === 'The Runtime did not answer in time.');
    expect(prober.view('u').ready).toBeUndefined();
  });
});

describe('while the Runtime cannot be reached', () => {
  test('nothing is asked', async () => {
    const asked = answers(0);
    watch({ readiness: every, liveness: every }, 's1', clock.now(), ready);
    await until(() => asked.count === 2);
    online = false;
    await pass(30);
    expect(asked.count).toBe(2);
    expect(prober.view('u')).toMatchObject({ ready: { ok: true }, live: { ok: true } });
    online = true;
    await pass(1);
    await until(() => asked.count === 4);
  });

  test('a failure of before it was known decides nothing: a check after it has to say so too', async () => {
    const asked = answers(1);
    watch({ liveness: every }, 's1', clock.now(), ready);
    await pass(3);
    await until(() => prober.view('u').live?.ok === false);
    online = false;
    await pass(1);
    expect(prober.view('u').live).toBeUndefined();
    online = true;
    const { count } = asked;
    await pass(1);
    await until(() => prober.view('u').live?.ok === false);
    expect(asked.count).toBe(count + 1);
  });

  test('a failure that would decide counts only if the Runtime answers after it', async () => {
    answers(1);
    sees = false;
    watch({ liveness: every }, 's1', clock.now(), ready);
    await pass(10);
    expect(prober.view('u').live).toBeUndefined();
    sees = true;
    await pass(1);
    await until(() => prober.view('u').live?.ok === false);
  });
});

test('a check asks the driver of the current session, and one that began with another counts for nothing', async () => {
  const asked: string[] = [];
  const named = (name: string, code: Promise<number>): ProbeSession => ({
    driver: {
      ...driver,
      async exec() {
        asked.push(name);
        return { code: await code, output: '' };
      },
    },
    sees: async () => true,
  });
  const end = Promise.withResolvers<number>();
  let current = named('old', end.promise);
  watch({ readiness: every }, 's1', undefined, { session: () => current });
  await until(() => asked.length === 1);
  current = named('new', Promise.resolve(0));
  end.resolve(1);
  await until(() => prober.view('u').unknown === 'The Runtime was lost during the check.');
  expect(prober.view('u').ready).toBeUndefined();
  await pass(1);
  await until(() => prober.view('u').ready?.ok === true);
  expect(asked).toEqual(['old', 'new']);
});

describe('liveness begins', () => {
  const liveness: Probe = { ...every, failureThreshold: 1 };

  test('once the run has been Ready', async () => {
    const asked = answers(1);
    watch({ liveness });
    await pass(15);
    expect(asked.count).toBe(0);
    watch({ liveness }, 's1', clock.now());
    await until(() => prober.view('u').live?.ok === false);
  });

  test('when startDeadline has passed', async () => {
    const asked = answers(1);
    watch({ liveness });
    await pass(59);
    expect(asked.count).toBe(0);
    await pass(1);
    await until(() => asked.count === 1);
  });

  test('not before its initial delay', async () => {
    const asked = answers(0);
    watch({ liveness: { ...liveness, initialDelay: '5s' } }, 's1', clock.now());
    await pass(4);
    expect(asked.count).toBe(0);
    await pass(1);
    await until(() => asked.count === 1);
  });
});

test('the end of probing cuts off what is under way, and resolves when it has ended', async () => {
  let ended = false;
  const exec = (_: string, __: readonly string[], { signal }: { signal?: AbortSignal | undefined }) =>
    new Promise<never>((___, reject) =>
      signal?.addEventListener('abort', () =>
        setImmediate(() => {
          ended = true;
          reject(new Error('cut off'));
        }),
      ),
    );
  driver = { ...driver, exec };
  watch({ readiness: every });
  await waits();
  await prober.stop();
  expect(ended).toBe(true);
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

  test('a request that cannot be sent says nothing, and ends nothing', async () => {
    watch({ readiness: httpGet('/a b') });
    await until(() => prober.view('u').unknown !== undefined);
    expect(prober.view('u')).toMatchObject({ unknown: expect.stringContaining('unescaped') });
    expect(prober.view('u').ready).toBeUndefined();
    await pass(3); // the timeout of that check passes
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
    await until(() => open === 1);
    clock.advance(50);
    await until(() => prober.view('u').ready !== undefined);
    expect(prober.view('u').ready?.message).toContain('no answer within 50 ms');
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
      yield { stream: 'stdout' as const, at: 0, text: `${'a'.repeat(10_000)}!` };
    },
  };
  watch({ readiness: { ...base, log: { pattern: '^(a+)+$' } } });
  await until(() => prober.view('u').ready?.ok === false);
  await waits();
});

test('each line of the output is read once, and one that matches is seen at once', async () => {
  const reads: string[] = [];
  const more = Promise.withResolvers<void>();
  driver = {
    ...driver,
    async *logs() {
      reads.push('opened');
      yield { stream: 'stdout' as const, at: 0, text: 'starting' };
      await more.promise;
      yield { stream: 'stdout' as const, at: 0, text: 'up' };
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

test('a line that was found before a restart of the controller need not be there any more', async () => {
  let reads = 0;
  driver = {
    ...driver,
    async *logs() {
      reads += 1;
      yield { stream: 'stdout' as const, at: clock.now(), text: 'a later line' };
    },
  };
  watch({ readiness: { ...base, period: '1s', log: { pattern: 'up' } } }, 's1', clock.now() - 60_000);
  await pass(10);
  expect(prober.view('u').ready).toMatchObject({ ok: true, since: clock.now() - 70_000 });
  expect(reads).toBe(0);
});

test('the output of the run is read from its first line on, and a stream that was lost from the last line', async () => {
  const asked: Pick<LogOptions, 'run' | 'since'>[] = [];
  const at = clock.now() + 5_000;
  driver = {
    ...driver,
    async *logs(_, { run, since }) {
      asked.push({ run, since });
      if (asked.length === 1) yield { stream: 'stdout' as const, text: 'starting', at };
      else yield { stream: 'stdout' as const, text: 'up', at: at + 1 };
    },
  };
  watch({ readiness: { ...base, log: { pattern: 'up' } } });
  await pass(2);
  await until(() => prober.view('u').ready?.ok === true);
  const run = { number: 1, startedAt: clock.now() - 2_000 };
  // By the time of its start a line that came before the engine noted that would be missed.
  expect(asked).toEqual([
    { run, since: undefined },
    { run, since: at },
  ]);
});

test('a line of the output makes it ready', async () => {
  const lines = ['starting', 'listening on 80'];
  driver = {
    ...driver,
    async *logs() {
      for (const text of lines) yield { stream: 'stdout' as const, at: 0, text };
    },
  };
  watch({ readiness: { ...base, log: { pattern: '^listening on \\d+$' } } });
  await until(() => prober.view('u').ready?.ok === true);
  watch({ readiness: { ...base, log: { pattern: 'never' } } }, 's2');
  await until(() => prober.view('u').ready?.ok === false);
});
