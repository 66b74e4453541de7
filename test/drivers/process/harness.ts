import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, vi } from 'vitest';
import { DriverError, type LogOptions, type RunSpec } from '../../../src/drivers/driver.ts';
import { isDead, living, readEnvironment, readStat } from '../../../src/drivers/proc.ts';
import { newestRun, readMarks } from '../../../src/drivers/process/layout.ts';
import {
  createProcessDriver,
  type ProcessDriver,
  type ProcessDriverOptions,
} from '../../../src/drivers/process.ts';
import type { Observed } from '../../../src/plan/world.ts';
import { type Clock, systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { collector } from '../../collector.ts';

const opened: { driver: ProcessDriver; stateDir: string }[] = [];

afterEach(async () => {
  const all = opened.splice(0);
  for (const { driver } of all) {
    const left = await driver.list();
    await Promise.all(left.map(({ ref }) => driver.remove(ref, { volumes: true })));
    await driver.close();
  }
  // What its collector is just writing goes too.
  for (const { stateDir } of all)
    await rm(stateDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
});

/** A driver whose processes and folder go after the test. */
export async function openDriver(
  options: Partial<ProcessDriverOptions> & { version?: string } = {},
): Promise<{ driver: ProcessDriver; stateDir: string }> {
  const stateDir = options.stateDir ?? (await mkdtemp(join(tmpdir(), 'agentctl-process-')));
  const { version = collector.version, ...rest } = options;
  const parts = { storeId: 'store', clock: systemClock, log: silentLog };
  const driver = createProcessDriver({ ...parts, ...rest, collector: { ...collector, version }, stateDir });
  opened.push({ driver, stateDir });
  return { driver, stateDir };
}

let made = 0;

/** A run of a shell script. */
export function specOf(script: string, rest: Partial<RunSpec> = {}, run = 1): RunSpec {
  made += 1;
  return {
    identity: {
      store: 'store',
      namespace: 'default',
      agent: 'a',
      instance: `a-${made}`,
      uid: crypto.randomUUID(),
      ordinal: made,
      run,
      revision: 'r1',
      controllerVersion: '1.2.3',
    },
    command: ['/bin/sh', '-c', script],
    env: {},
    files: [],
    mounts: [],
    limits: {},
    readOnlyRootFilesystem: false,
    security: { capabilities: [], allowPrivilegeEscalation: false, privileged: false },
    network: { mode: 'Bridge', ports: [] },
    talks: false,
    stdin: true,
    logs: { maxSize: 10 * 1024 * 1024, maxFiles: 3 },
    stop: { signal: 'SIGTERM', gracePeriodMs: 1000 },
    ...rest,
  };
}

export const withRun = (spec: RunSpec, run: number): RunSpec => ({
  ...spec,
  identity: { ...spec.identity, run },
});

export const eventually = <T>(check: () => Promise<T> | T): Promise<T> =>
  vi.waitFor(check, { timeout: 40_000, interval: 5 });

export const ended = (driver: ProcessDriver, ref: string): Promise<Observed> =>
  eventually(async () => {
    const observed = await driver.inspect(ref);
    expect(observed?.state).toBe('Exited');
    if (observed === undefined) throw new Error(`${ref} is gone`);
    return observed;
  });

export async function textOf(
  driver: ProcessDriver,
  ref: string,
  options: Partial<LogOptions> = {},
): Promise<string[]> {
  const texts: string[] = [];
  const signal = AbortSignal.timeout(40_000);
  for await (const line of driver.logs(ref, { follow: false, signal, ...options })) texts.push(line.text);
  return texts;
}

export const printed = (driver: ProcessDriver, ref: string, text: string): Promise<void> =>
  eventually(async () => expect(await textOf(driver, ref)).toContain(text));

/** The error of what must fail. */
export const refusal = async (attempt: Promise<unknown>): Promise<DriverError> => {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof DriverError)) throw new Error(`no DriverError: ${String(error)}`);
  return error;
};

/** The pids of the newest run of a ref. */
export async function pidsOf(ref: string): Promise<{ shim: number; main: number }> {
  const run = newestRun(ref);
  const { shim, main } = run === undefined ? {} : readMarks(run.folder);
  if (shim === undefined || main === undefined) throw new Error(`${ref} was not started`);
  return { shim: shim.pid, main: main.pid };
}

export function isRunning(pid: number): boolean {
  const stat = readStat(pid);
  return stat !== undefined && living(stat) !== undefined && !isDead(stat);
}

/** Stops the main process as a debugger would, and waits until it has stopped. */
export async function pause(ref: string): Promise<void> {
  const { main } = await pidsOf(ref);
  process.kill(main, 'SIGSTOP');
  await eventually(() => expect(readStat(main)?.state).toBe('T'));
}

/** Pids of the living processes with exactly this command line. */
export function processesWith(commandLine: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && commandLineOf(name) === commandLine)
    .map(Number)
    .filter(isRunning);
}

/** The system's clock, which a test can also move on: what is due by then is called at once. */
export function movableClock(): Clock & {
  advance(milliseconds: number): void;
  waits(milliseconds: number): boolean;
} {
  let ahead = 0;
  const timers = new Set<{ length: number; at: number; callback: () => void; cancel: () => void }>();
  const now = (): number => Date.now() + ahead;
  return {
    now,
    after(milliseconds, callback) {
      const call = (): void => {
        if (timers.delete(timer)) callback();
      };
      const timer = {
        length: milliseconds,
        at: now() + milliseconds,
        callback: call,
        cancel: systemClock.after(milliseconds, call),
      };
      timers.add(timer);
      return () => {
        timer.cancel();
        timers.delete(timer);
      };
    },
    waits: (milliseconds) => [...timers].some(({ length }) => length === milliseconds),
    advance(milliseconds) {
      ahead += milliseconds;
      for (const { at, callback } of [...timers]) if (at <= now()) callback();
    },
  };
}

/** The shell by which the newest driver of this process starts others. */
export async function launcherPid(): Promise<number> {
  return eventually(() => {
    const launchers = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => readStat(Number(name)))
      .filter((stat) => stat?.parent === process.pid && isRunning(stat.pid))
      .filter((stat) => readEnvironment(stat?.pid ?? 0)?.AGENTCTL_LAUNCHER === '1')
      .toSorted((a, b) => (b?.start ?? 0) - (a?.start ?? 0));
    const [newest] = launchers;
    if (newest === undefined) throw new Error('no launcher has been opened');
    return newest.pid;
  });
}

function commandLineOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1).join(' ');
  } catch {
    // Gone since it was listed.
    return undefined;
  }
}
