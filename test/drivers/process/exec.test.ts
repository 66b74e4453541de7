import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DriverError } from '../../../src/drivers/driver.ts';
import { execute } from '../../../src/drivers/process/process-exec.ts';
import { type Clock, systemClock } from '../../../src/platform/clock.ts';
import { eventually, openDriver, printed, processesWith, refusal, specOf } from './harness.ts';

let made = 0;
/** A command that nothing else on this host runs. */
const sleeper = (): string => `sleep 7${process.pid}${++made}`;

const sh = (script: string): string[] => ['/bin/sh', '-c', script];

/** Executes a script in an instance that does nothing; answers what is left of the marked command at once after it. */
async function run(script: string, marker: string, options: { timeout?: number; signal?: AbortSignal } = {}) {
  const { driver } = await openDriver();
  const { ref } = await driver.create(specOf('sleep 1000'));
  const { timeout = 10_000, signal } = options;
  const ending = driver.exec(ref, sh(script), { timeout, signal }).then(
    ({ code }) => code,
    (error: unknown) => (error instanceof DriverError ? error.code : String(error)),
  );
  return { ending, left: async () => [await ending, processesWith(marker)] as const };
}

describe('what a command starts is gone when the check is over', () => {
  const cases: [string, (marker: string) => string][] = [
    ['in its group', (marker) => `${marker} &`],
    ['in a session of its own', (marker) => `setsid ${marker} &`],
    ['in a session of its own, with its output elsewhere', (marker) => `setsid ${marker} >/dev/null 2>&1 &`],
    ['in a group of its own', (marker) => `set -m; ${marker} >/dev/null 2>&1 &`],
    ['by something that lives on itself', (marker) => `setsid sh -c '${marker} & wait' &`],
  ];

  test.each(cases)('%s: one that ends by itself', async (_, script) => {
    const marker = sleeper();
    const { left } = await run(`${script(marker)} sleep 0.1; exit 3`, marker);
    expect(await left()).toEqual([3, []]);
  });

  test.each(cases)('%s: one that takes too long', async (_, script) => {
    const marker = sleeper();
    const { left } = await run(`${script(marker)} sleep 1000`, marker, { timeout: 500 });
    expect(await left()).toEqual(['ExecTimeout', []]);
  });

  test('one that is cut short', async () => {
    const marker = sleeper();
    const cut = new AbortController();
    const { left } = await run(`setsid ${marker} & sleep 1000`, marker, { signal: cut.signal });
    await eventually(() => expect(processesWith(marker)).toHaveLength(1));
    cut.abort();
    expect(await left()).toEqual(['ExecAborted', []]);
  });

  test('what a controller before this one left is ended by the next', async () => {
    const marker = sleeper();
    const { driver, stateDir } = await openDriver();
    const { ref } = await driver.create(specOf('sleep 1000'));
    const env = { AGENTCTL_PROBE: `${join(stateDir, 'instances')}:of-another-controller` };
    const theirs = { AGENTCTL_PROBE: '/another/state/instances:theirs' };
    const other = sleeper();
    const start = (command: string, environment: Record<string, string>) =>
      execute(systemClock, {
        command: sh(`exec ${command}`),
        env: { PATH: '/usr/bin:/bin', ...environment },
        workingDir: '/',
        timeout: 30_000,
      }).catch(() => {});
    const running = [start(marker, env), start(other, theirs)];
    await eventually(() => expect([...processesWith(marker), ...processesWith(other)]).toHaveLength(2));
    const { driver: later } = await openDriver({ stateDir });
    await later.list();
    await eventually(() => expect(processesWith(marker)).toEqual([]));
    expect(processesWith(other)).toHaveLength(1);
    expect(await later.inspect(ref)).toMatchObject({ state: 'Running' });
    for (const pid of processesWith(other)) process.kill(pid);
    await Promise.all(running);
  });
});

test('output that is held open is waited for within the time limit', async () => {
  const waits: number[] = [];
  const clock: Clock = {
    now: () => (waits.length === 0 ? 0 : 9_950), // it takes that long to end
    after: (milliseconds, callback) => {
      waits.push(milliseconds);
      return systemClock.after(milliseconds, callback);
    },
  };
  let killed = 0;
  const marker = sleeper();
  const { code, output } = await execute(clock, {
    command: sh(`setsid ${marker} & sleep 0.2; echo out; exit 4`),
    env: { PATH: '/usr/bin:/bin' },
    workingDir: '/',
    timeout: 10_000,
    killLeft: async () => {
      for (const pid of processesWith(marker)) process.kill(pid, 'SIGKILL');
      killed += 1;
    },
  });
  expect({ code, output, killed, waits }).toEqual({
    code: 4,
    output: 'out\n',
    killed: 1,
    waits: [10_000, 50],
  });
});

test('a command that this host cannot start says nothing about the command', async () => {
  const execution = {
    command: sh('exit 0'),
    env: { BIG: 'x'.repeat(4 * 1024 * 1024) },
    workingDir: '/',
    timeout: 1_000,
  };
  expect(await refusal(execute(systemClock, execution))).toMatchObject({
    kind: 'Retryable',
    code: 'ExecFailed',
  });
});

describe('a command has the environment that its run was given', () => {
  // A long title is written over the environment that /proc shows.
  const titled = [
    'perl',
    '-e',
    '$| = 1; $0 = "worker: " . ("idle " x 400); print "up\\n"; sleep 600 while 1;',
  ];
  const command = sh('echo $PORT');

  test('though the program wrote over its own', async () => {
    const { driver } = await openDriver();
    const { ref } = await driver.create(specOf('', { command: titled, env: { PORT: '4711' } }));
    await printed(driver, ref, 'up');
    expect(await driver.exec(ref, command, { timeout: 40_000 })).toEqual({ code: 0, output: '4711\n' });
  });

  test('though the controller was started anew meanwhile: by the spec that it is asked with', async () => {
    const { driver, stateDir } = await openDriver();
    const spec = specOf('', { command: titled, env: { PORT: '4711' } });
    const { ref } = await driver.create(spec);
    await printed(driver, ref, 'up');
    await driver.close();
    const { driver: back } = await openDriver({ stateDir });
    expect(await refusal(back.exec(ref, command, { timeout: 40_000 }))).toMatchObject({
      kind: 'Retryable',
      code: 'EnvironmentUnknown',
    });
    const options = { timeout: 40_000, spec: async () => spec };
    expect(await back.exec(ref, command, options)).toEqual({ code: 0, output: '4711\n' });
  });
});
