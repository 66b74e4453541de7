import { expect, vi } from 'vitest';
import type { Capabilities } from '../../../src/api/capabilities.ts';
import {
  type Driver,
  DriverError,
  type DriverFeatures,
  type LogLine,
  type LogOptions,
  type RunSpec,
} from '../../../src/drivers/driver.ts';
import type { Observed } from '../../../src/plan/world.ts';
import type { Program } from '../program.ts';
import { runSpec } from '../spec.ts';

/** One driver at one real Runtime, or the fake. */
export interface DriverHarness {
  /** A driver of a controller with this store, at the Runtime that all the others speak to too. */
  driver(store: string): Driver;
  /** How the Runtime runs the program; `marker` finds what it leaves. */
  run(program: Program, marker: string): Pick<RunSpec, 'image' | 'command' | 'args'>;
  /** Where a file of the instance can stand, as `files` and the program name it. */
  filePath: string;
  /** How many processes with the marker live, wherever they fled to. */
  left(marker: string): Promise<number>;
  /** Makes a container that bears no label of ours; the result removes it. */
  stranger?(name: string): Promise<() => Promise<void>>;
  pause?(ref: string): Promise<void>;
  close(): Promise<void>;
}

/** A row of the matrix: what is not declared is not tested. */
export interface DriverTraits {
  capabilities: Capabilities;
  parts: readonly (keyof DriverFeatures)[];
  /** A name can be held by something that is not ours. */
  names: boolean;
  pause: boolean;
  /** Instances join networks by name. */
  networks: boolean;
}

/** What the tests of the contract share. The drivers are there once the hooks have run. */
export interface DriverContext {
  readonly traits: DriverTraits;
  has(part: keyof DriverFeatures): boolean;
  readonly harness: DriverHarness;
  /** The driver that is tested, and one of another controller at the same Runtime. A test of a part asks `has` first. */
  readonly driver: Driver & DriverFeatures;
  readonly other: Driver;
  readonly unique: string;
  specOf(program: Program, rest?: Partial<RunSpec>): RunSpec & { marker: string };
  inspected(ref: string): Promise<Observed>;
  ended(ref: string): Promise<Observed>;
  /** Starts what has ended again: in place, or by a replacement. */
  startAgain(ref: string, spec: RunSpec): Promise<Observed>;
  linesOf(ref: string, options?: Partial<LogOptions>): Promise<LogLine[]>;
  textsOf(ref: string, options?: Partial<LogOptions>): Promise<string[]>;
  printed(ref: string, text: string): Promise<void>;
  refusal(attempt: Promise<unknown>): Promise<DriverError>;
}

export function createContext(traits: DriverTraits): {
  context: DriverContext;
  opened(harness: DriverHarness): void;
} {
  const unique = `${Date.now() % 1_000_000}${process.pid}`;
  const store = `store-${unique}`;
  let made = 0;
  let open: { harness: DriverHarness; driver: Driver & DriverFeatures; other: Driver } | undefined;
  const has = (part: keyof DriverFeatures): boolean => traits.parts.includes(part);
  const need = () => {
    if (open === undefined) throw new Error('the Runtime of this contract has not been opened');
    return open;
  };

  function specOf(program: Program, rest: Partial<RunSpec> = {}): RunSpec & { marker: string } {
    made += 1;
    const marker = `${1_000_000 + made}${process.pid}`;
    return {
      ...runSpec(store, `a${unique}-${made}`),
      ...need().harness.run(program, marker),
      ...rest,
      marker,
    };
  }

  const inspected = async (ref: string): Promise<Observed> => {
    const observed = await need().driver.inspect(ref);
    if (observed === undefined) throw new Error(`${ref} is gone`);
    return observed;
  };

  const ended = async (ref: string): Promise<Observed> =>
    vi.waitFor(
      async () => {
        const observed = await inspected(ref);
        expect(observed.state).toBe('Exited');
        return observed;
      },
      { timeout: 40_000, interval: 20 },
    );

  const startAgain = async (ref: string, spec: RunSpec): Promise<Observed> => {
    const { driver } = need();
    if (has('restart')) return driver.restart(ref, spec);
    await driver.remove(ref, { volumes: false });
    return driver.create(spec);
  };

  const linesOf = async (ref: string, options: Partial<LogOptions> = {}): Promise<LogLine[]> => {
    const lines: LogLine[] = [];
    const signal = AbortSignal.timeout(40_000);
    for await (const line of need().driver.logs(ref, { follow: false, signal, ...options })) lines.push(line);
    return lines;
  };

  const textsOf = async (ref: string, options: Partial<LogOptions> = {}): Promise<string[]> =>
    (await linesOf(ref, options)).map((line) => line.text);

  const printed = (ref: string, text: string): Promise<void> =>
    vi.waitFor(
      async () => {
        if (has('logs')) expect(await textsOf(ref)).toContain(text);
        else expect(await inspected(ref)).not.toMatchObject({ state: 'Created' });
      },
      { timeout: 40_000, interval: 20 },
    );

  const refusal = async (attempt: Promise<unknown>): Promise<DriverError> => {
    const error = await attempt.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(DriverError);
    if (!(error instanceof DriverError)) throw new Error('not a DriverError');
    return error;
  };

  const context: DriverContext = {
    traits,
    has,
    get harness() {
      return need().harness;
    },
    get driver() {
      return need().driver;
    },
    get other() {
      return need().other;
    },
    unique,
    specOf,
    inspected,
    ended,
    startAgain,
    linesOf,
    textsOf,
    printed,
    refusal,
  };
  return {
    context,
    opened(harness) {
      // Parts that it lacks are not asked for; see `has`.
      const driver = harness.driver(store) as Driver & DriverFeatures;
      open = { harness, driver, other: harness.driver(`other-${unique}`) };
    },
  };
}
