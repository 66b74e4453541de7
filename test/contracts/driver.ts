import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  containerName,
  type Driver,
  DriverError,
  type LogLine,
  type LogOptions,
  type RunSpec,
} from '../../src/drivers/driver.ts';
import type { Observed } from '../../src/plan/world.ts';
import type { Program } from './program.ts';
import { runSpec } from './spec.ts';

/** One driver at one real Runtime, or the fake. */
export interface DriverHarness {
  /** A driver of a controller with this store, at the Runtime that all the others speak to too. */
  driver(store: string): Driver;
  /** How the Runtime runs the program; `marker` finds what it leaves. */
  run(program: Program, marker: string): Pick<RunSpec, 'image' | 'command'>;
  /** Where a file of the instance can stand, as `files` and the program name it. */
  filePath: string;
  /** How many processes with the marker live, wherever they fled to. */
  left(marker: string): Promise<number>;
  /** Makes a container that bears no label of ours; the result removes it. */
  stranger?(name: string): Promise<() => Promise<void>>;
  pause?(ref: string): Promise<void>;
  close(): Promise<void>;
}

/** What the Runtime does not have is left out by declaration. */
export interface DriverCapabilities {
  images: boolean;
  volumes: boolean;
  /** A name can be held by something that is not ours. */
  names: boolean;
  pause: boolean;
  /** Instances join networks by name. */
  networks: boolean;
}

/** What every Driver promises. */
export function driverContract(
  name: string,
  capabilities: DriverCapabilities,
  open: () => Promise<DriverHarness>,
): void {
  describe(`the ${name} driver`, { timeout: 60_000 }, () => {
    let harness: DriverHarness;
    let driver: Driver;
    let other: Driver;
    const unique = `${Date.now() % 1_000_000}${process.pid}`;
    const store = `store-${unique}`;
    let made = 0;

    beforeAll(async () => {
      harness = await open();
      driver = harness.driver(store);
      other = harness.driver(`other-${unique}`);
    }, 120_000);

    afterEach(async () => {
      for (const each of [driver, other]) {
        for (const observed of await each.list()) {
          await each.kill(observed.ref);
          await each.remove(observed.ref, { volumes: true });
        }
      }
    });

    afterAll(async () => {
      await driver?.close();
      await other?.close();
      await harness?.close();
    });

    function specOf(program: Program, rest: Partial<RunSpec> = {}): RunSpec & { marker: string } {
      made += 1;
      const marker = `${1_000_000 + made}${process.pid}`;
      return {
        ...runSpec(store, `a${unique}-${made}`),
        ...harness.run(program, marker),
        ...rest,
        marker,
      };
    }

    const inspected = async (ref: string): Promise<Observed> => {
      const observed = await driver.inspect(ref);
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
        { timeout: 20_000, interval: 20 },
      );

    const linesOf = async (ref: string, options: Partial<LogOptions> = {}): Promise<LogLine[]> => {
      const lines: LogLine[] = [];
      const signal = AbortSignal.timeout(20_000);
      for await (const line of driver.logs(ref, { follow: false, signal, ...options })) lines.push(line);
      return lines;
    };

    const textsOf = async (ref: string, options: Partial<LogOptions> = {}): Promise<string[]> =>
      (await linesOf(ref, options)).map((line) => line.text);

    const printed = (ref: string, text: string): Promise<void> =>
      vi.waitFor(async () => expect(await textsOf(ref)).toContain(text), { timeout: 20_000, interval: 20 });

    const refusal = async (attempt: Promise<unknown>): Promise<DriverError> => {
      const error = await attempt.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(DriverError);
      if (!(error instanceof DriverError)) throw new Error('not a DriverError');
      return error;
    };

    describe('create', () => {
      test('starts the program and tells whose it is', async () => {
        const spec = specOf({ prints: ['up'] });
        const before = Date.now();
        const observed = await driver.create(spec);
        expect(observed).toMatchObject({
          instanceUid: spec.identity.uid,
          namespace: 'default',
          agent: spec.identity.agent,
          instance: spec.identity.instance,
          run: 1,
          revision: 'r1',
          state: 'Running',
          startId: expect.stringMatching(/./),
          controllerVersion: '1.2.3',
        });
        expect(observed.startedAt).toBeGreaterThan(before - 2_000);
        expect(observed.startedAt).toBeLessThan(Date.now() + 2_000);
        expect(observed.exit).toBeUndefined();
        expect(await inspected(observed.ref)).toEqual(observed);
        expect(await driver.list()).toEqual([observed]);
      });

      test('replaces what has its name and is ours', async () => {
        const spec = specOf({ prints: ['first'] });
        const first = await driver.create(spec);
        await printed(first.ref, 'first');
        const again = { ...spec, ...harness.run({ prints: ['second'] }, '999') };
        const second = await driver.create({ ...again, identity: { ...spec.identity, run: 2 } });
        expect(second.startId).not.toBe(first.startId);
        expect(second).toMatchObject({ run: 2, state: 'Running' });
        await printed(second.ref, 'second');
        expect(await driver.list()).toHaveLength(1);
      });

      test('shows an exit that came at once, with its code', async () => {
        const { ref } = await driver.create(specOf({ ends: 3 }));
        const observed = await ended(ref);
        expect(observed.exit).toMatchObject({ code: 3, cause: 'Agent' });
        expect(observed.startId).toMatch(/./);
        expect(observed.exit?.finishedAt).toBeGreaterThanOrEqual(observed.startedAt ?? Infinity);
        expect(observed.exit?.finishedAt).toBeLessThan(Date.now() + 2_000);
      });

      test('hands the environment and the files over', async () => {
        const { ref } = await driver.create(
          specOf(
            { reads: harness.filePath, printsVariable: 'GREETING' },
            {
              env: { GREETING: 'good morning' },
              files: [{ path: harness.filePath, content: Buffer.from('from a file'), mode: 0o444 }],
            },
          ),
        );
        await printed(ref, 'GREETING=good morning');
        expect(await textsOf(ref)).toContain('from a file');
      });

      test('says that a command is missing, and leaves nothing behind', async () => {
        const spec = specOf({}, { command: ['/no/such/program'] });
        expect(await refusal(driver.create(spec))).toMatchObject({
          sort: 'NotStartable',
          reason: 'CommandNotFound',
          message: expect.stringContaining('/no/such/program'),
        });
        expect(await driver.list()).toEqual([]);
      });

      test.skipIf(!capabilities.images)('says that an image is missing, by name', async () => {
        const spec = specOf({}, { image: 'no-such-image:1', pullPolicy: 'Never' });
        expect(await refusal(driver.create(spec))).toMatchObject({
          sort: 'NotStartable',
          reason: 'ImageMissing',
          message: expect.stringContaining('no-such-image:1'),
        });
        expect(await driver.list()).toEqual([]);
      });

      test.skipIf(!capabilities.volumes)('says that a path of the host is missing', async () => {
        const spec = specOf(
          {},
          { mounts: [{ type: 'Host', path: '/no/such/folder', mountPath: '/data', readOnly: false }] },
        );
        expect(await refusal(driver.create(spec))).toMatchObject({
          sort: 'NotStartable',
          reason: 'MountMissing',
          message: expect.stringContaining('/no/such/folder'),
        });
        expect(await driver.list()).toEqual([]);
      });

      test.skipIf(!capabilities.networks)('says that a network is missing, by name', async () => {
        const spec = specOf({}, { network: { mode: 'Bridge', name: 'no-such-network', ports: [] } });
        expect(await refusal(driver.create(spec))).toMatchObject({
          sort: 'NotStartable',
          reason: 'NetworkMissing',
          message: expect.stringContaining('no-such-network'),
        });
        expect(await driver.list()).toEqual([]);
      });

      test.skipIf(!capabilities.names)("leaves a stranger's container of that name alone", async () => {
        const spec = specOf({});
        const taken = containerName(spec.identity);
        const removeStranger = await harness.stranger?.(taken);
        expect(await refusal(driver.create(spec))).toMatchObject({
          sort: 'NotStartable',
          reason: 'NameTaken',
          message: expect.stringContaining(taken),
        });
        await removeStranger?.();
        expect(await driver.create(spec)).toMatchObject({ state: 'Running' });
      });

      test.skipIf(!capabilities.names)(
        "leaves another controller's container of that name alone",
        async () => {
          const spec = specOf({});
          const theirs = await other.create({
            ...spec,
            identity: { ...spec.identity, store: `other-${unique}` },
          });
          expect(await refusal(driver.create(spec))).toMatchObject({ reason: 'NameTaken' });
          expect(await other.inspect(theirs.ref)).toEqual(theirs);
        },
      );
    });

    describe('list and inspect', () => {
      test("show only this store's", async () => {
        const theirs = await other.create({
          ...specOf({}),
          identity: { ...specOf({}).identity, store: `other-${unique}` },
        });
        const mine = await driver.create(specOf({}));
        expect(await driver.list()).toEqual([mine]);
        expect(await driver.inspect(theirs.ref)).toBeUndefined();
        expect(await other.list()).toEqual([theirs]);
      });

      test('agree about what has ended', async () => {
        const { ref } = await driver.create(specOf({ ends: 4 }));
        const observed = await ended(ref);
        expect(await driver.list()).toEqual([observed]);
      });

      test('know nothing of what is gone', async () => {
        const { ref } = await driver.create(specOf({ ends: 0 }));
        await ended(ref);
        await driver.remove(ref, { volumes: true });
        expect(await driver.inspect(ref)).toBeUndefined();
        expect(await driver.list()).toEqual([]);
      });
    });

    describe('restart', () => {
      test('starts it again with its file system and log as they were', async () => {
        const spec = specOf({ countsStarts: true, ends: 1 });
        const first = await driver.create(spec);
        await ended(first.ref);
        const again = await driver.restart(first.ref, {
          ...spec,
          identity: { ...spec.identity, run: 2 },
        });
        expect(again.ref).toBe(first.ref);
        expect(again.startId).not.toBe(first.startId);
        await printed(first.ref, 'start 2');
        expect(await textsOf(first.ref)).toContain('start 1');
      });

      test('of what runs succeeds and changes nothing', async () => {
        const spec = specOf({});
        const first = await driver.create(spec);
        expect(await driver.restart(first.ref, spec)).toEqual(first);
      });

      test('puts the files back', async () => {
        const spec = specOf(
          { reads: harness.filePath, ends: 0 },
          { files: [{ path: harness.filePath, content: Buffer.from('content'), mode: 0o400 }] },
        );
        const { ref } = await driver.create(spec);
        await ended(ref);
        await driver.restart(ref, { ...spec, identity: { ...spec.identity, run: 2 } });
        await vi.waitFor(
          async () =>
            expect((await textsOf(ref)).filter((text) => text === 'content')).toEqual(['content', 'content']),
          { timeout: 20_000, interval: 20 },
        );
      });

      test('of what is gone fails and can be tried otherwise', async () => {
        const spec = specOf({ ends: 0 });
        const { ref } = await driver.create(spec);
        await ended(ref);
        await driver.remove(ref, { volumes: false });
        expect(await refusal(driver.restart(ref, spec))).toMatchObject({ sort: 'Retryable', reason: 'Gone' });
      });
    });

    describe('signal and kill', () => {
      test('signal reaches the main process', async () => {
        const { ref } = await driver.create(specOf({ prints: ['up'], onTerm: 7 }));
        await printed(ref, 'up');
        await driver.signal(ref, 'SIGTERM');
        expect((await ended(ref)).exit).toMatchObject({ code: 7, cause: 'Agent' });
      });

      test('kill ends what ignores SIGTERM, and the exit says 137', async () => {
        const { ref } = await driver.create(specOf({ prints: ['up'], onTerm: 'Ignore' }));
        await printed(ref, 'up');
        await driver.signal(ref, 'SIGTERM');
        await driver.kill(ref);
        expect((await ended(ref)).exit).toMatchObject({ code: 137, cause: 'Agent' });
      });

      test('succeed on what has ended, and on what is gone', async () => {
        const { ref } = await driver.create(specOf({ ends: 0 }));
        await ended(ref);
        await driver.signal(ref, 'SIGTERM');
        await driver.kill(ref);
        await driver.remove(ref, { volumes: false });
        await driver.signal(ref, 'SIGTERM');
        await driver.kill(ref);
        await driver.remove(ref, { volumes: false });
      });

      for (const leaves of ['Child', 'Session', 'Daemon'] as const) {
        const none = (marker: string): Promise<void> =>
          vi.waitFor(async () => expect(await harness.left(marker)).toBe(0), { timeout: 20_000 });
        const one = (marker: string): Promise<void> =>
          vi.waitFor(async () => expect(await harness.left(marker)).toBe(1), { timeout: 20_000 });

        test(`kill leaves no process behind: ${leaves}`, async () => {
          const spec = specOf({ leaves, onTerm: 'Ignore' });
          const { ref } = await driver.create(spec);
          await one(spec.marker);
          await driver.kill(ref);
          await none(spec.marker);
        });

        test(`a program that ended leaves none after its removal: ${leaves}`, async () => {
          const spec = specOf({ leaves, prints: ['up'], onTerm: 0 });
          const { ref } = await driver.create(spec);
          await printed(ref, 'up');
          await one(spec.marker);
          await driver.signal(ref, 'SIGTERM');
          await ended(ref);
          await driver.kill(ref);
          await driver.remove(ref, { volumes: false });
          await none(spec.marker);
        });
      }

      test.skipIf(!capabilities.pause)('a paused one shows as Paused, and kill ends it', async () => {
        const { ref } = await driver.create(specOf({}));
        await harness.pause?.(ref);
        expect(await inspected(ref)).toMatchObject({ state: 'Paused' });
        await driver.kill(ref);
        expect((await ended(ref)).exit).toMatchObject({ code: 137 });
      });
    });

    describe('logs', () => {
      test('give the lines of both streams', async () => {
        const { ref } = await driver.create(
          specOf({ prints: ['one', 'two', ''], complains: ['trouble'], ends: 0 }),
        );
        await ended(ref);
        const lines = await linesOf(ref);
        const of = (stream: LogLine['stream']): string[] =>
          lines.filter((line) => line.stream === stream).map((line) => line.text);
        expect(of('stdout')).toEqual(['one', 'two', '']);
        expect(of('stderr')).toEqual(['trouble']);
      });

      test('join the parts of a long line', async () => {
        const long = 'abcdefghi '.repeat(10_000);
        const { ref } = await driver.create(specOf({ prints: [long, 'äfter €'], ends: 0 }));
        await ended(ref);
        const [first, ...rest] = await textsOf(ref);
        expect(rest).toEqual(['äfter €']);
        expect(first?.length).toBe(long.length);
        expect(first === long).toBe(true);
      });

      test('can be only the last lines', async () => {
        const { ref } = await driver.create(specOf({ prints: ['one', 'two', 'three'], ends: 0 }));
        await ended(ref);
        expect(await textsOf(ref, { tail: 2 })).toEqual(['two', 'three']);
      });

      test('can be only those before the newest start', async () => {
        const spec = specOf({ countsStarts: true, ends: 1 });
        const { ref } = await driver.create(spec);
        await ended(ref);
        expect(await textsOf(ref, { previous: true })).toEqual([]);
        await driver.restart(ref, { ...spec, identity: { ...spec.identity, run: 2 } });
        await printed(ref, 'start 2');
        await ended(ref);
        expect(await textsOf(ref, { previous: true })).toEqual(['start 1']);
      });

      test('followed, go on until the program ends', async () => {
        const { ref } = await driver.create(specOf({ prints: ['up'], onTerm: 0 }));
        const texts: string[] = [];
        for await (const line of driver.logs(ref, { follow: true, signal: AbortSignal.timeout(20_000) })) {
          // A shell whose whole group is signalled says on stderr that its child was terminated.
          if (line.stream === 'stdout') texts.push(line.text);
          await driver.signal(ref, 'SIGTERM');
        }
        expect(texts).toEqual(['up']);
        await ended(ref);
      });

      test('followed, end when the reader gives up', async () => {
        const { ref } = await driver.create(specOf({ prints: ['up'] }));
        const reading = new AbortController();
        const texts: string[] = [];
        for await (const line of driver.logs(ref, { follow: true, signal: reading.signal })) {
          texts.push(line.text);
          reading.abort();
        }
        expect(texts).toEqual(['up']);
        expect(await inspected(ref)).toMatchObject({ state: 'Running' });
      });

      test('of what is gone are refused', async () => {
        const { ref } = await driver.create(specOf({ ends: 0 }));
        await ended(ref);
        await driver.remove(ref, { volumes: false });
        expect(await refusal(linesOf(ref))).toMatchObject({ sort: 'Retryable', reason: 'Gone' });
      });
    });

    describe('exec', () => {
      test("gives the command's code and its output", async () => {
        const { ref } = await driver.create(specOf({}));
        const command = ['sh', '-c', 'echo out; echo err >&2; exit 5'];
        const result = await driver.exec(ref, command, { timeout: 10_000 });
        expect(result.code).toBe(5);
        expect(result.output.split('\n').toSorted()).toEqual(['', 'err', 'out']);
      });

      test('ends what takes too long, and says so', async () => {
        const spec = specOf({});
        const { ref } = await driver.create(spec);
        const hanging = driver.exec(ref, ['sleep', spec.marker], { timeout: 300 });
        expect(await refusal(hanging)).toMatchObject({ sort: 'Retryable', reason: 'ExecTimeout' });
        await vi.waitFor(async () => expect(await harness.left(spec.marker)).toBe(0), { timeout: 20_000 });
        expect(await inspected(ref)).toMatchObject({ state: 'Running' });
      });

      test('of a command that is missing answers as a shell does', async () => {
        const { ref } = await driver.create(specOf({}));
        const { code } = await driver.exec(ref, ['/no/such/program'], { timeout: 10_000 });
        expect([126, 127]).toContain(code);
      });

      test('in what has ended is refused', async () => {
        const { ref } = await driver.create(specOf({ ends: 0 }));
        await ended(ref);
        expect(await refusal(driver.exec(ref, ['true'], { timeout: 10_000 }))).toMatchObject({
          sort: 'Retryable',
          reason: 'NotRunning',
        });
      });
    });

    describe('watch', () => {
      test('hints at a start, an end and a removal, and returns when told to', async () => {
        const hints: (string | undefined)[] = [];
        const stop = new AbortController();
        const watching = driver.watch((ref) => hints.push(ref), stop.signal);
        // Subscribing takes a moment: the caller lists after it, so a start that came earlier is not missed.
        await vi.waitFor(
          async () => {
            const probe = await driver.create(specOf({ ends: 0 }));
            expect(hints.some((ref) => ref === undefined || ref === probe.ref)).toBe(true);
          },
          { timeout: 20_000, interval: 50 },
        );
        const hinted = async (act: () => Promise<string>): Promise<string> => {
          hints.length = 0;
          const ref = await act();
          await vi.waitFor(
            () => expect(hints.some((hint) => hint === undefined || hint === ref)).toBe(true),
            {
              timeout: 20_000,
              interval: 10,
            },
          );
          return ref;
        };
        const ref = await hinted(async () => (await driver.create(specOf({ prints: ['up'] }))).ref);
        await printed(ref, 'up');
        await hinted(async () => {
          await driver.kill(ref);
          return ref;
        });
        await ended(ref);
        await hinted(async () => {
          await driver.remove(ref, { volumes: false });
          return ref;
        });
        stop.abort();
        await watching;
      });

      test("hints at nothing of another store's", async () => {
        const hints: (string | undefined)[] = [];
        const theirHints: (string | undefined)[] = [];
        const stop = new AbortController();
        const watching = driver.watch((ref) => hints.push(ref), stop.signal);
        const theirs = other.watch((ref) => theirHints.push(ref), stop.signal);
        const refs: string[] = [];
        await vi.waitFor(
          async () => {
            const spec = specOf({ ends: 0 });
            const made = await other.create({
              ...spec,
              identity: { ...spec.identity, store: `other-${unique}` },
            });
            refs.push(made.ref);
            expect(theirHints.length).toBeGreaterThan(0);
          },
          { timeout: 20_000, interval: 50 },
        );
        stop.abort();
        await Promise.all([watching, theirs]);
        expect(hints.filter((ref) => ref !== undefined && refs.includes(ref))).toEqual([]);
      });

      test('returns at once where it has been aborted', async () => {
        await driver.watch(() => {}, AbortSignal.abort());
      });
    });

    describe('volumes', () => {
      test.skipIf(!capabilities.volumes)(
        'outlive a removal, are listed by agent, and go when told to',
        async () => {
          const spec = specOf({ ends: 0 });
          const volume = `agentctl-test-${spec.marker}`;
          const mounted: RunSpec = {
            ...spec,
            mounts: [{ type: 'Volume', name: volume, mountPath: '/data', readOnly: false }],
          };
          const { ref } = await driver.create(mounted);
          await ended(ref);
          await driver.remove(ref, { volumes: false });
          expect(await driver.volumes('default', spec.identity.agent)).toEqual([volume]);
          expect(await driver.volumes('default', 'another')).toEqual([]);
          await driver.removeVolume(volume);
          await driver.removeVolume(volume);
          expect(await driver.volumes('default', spec.identity.agent)).toEqual([]);

          const again = await driver.create(mounted);
          await ended(again.ref);
          await driver.remove(again.ref, { volumes: true });
          expect(await driver.volumes('default', spec.identity.agent)).toEqual([]);
        },
      );

      test.skipIf(capabilities.volumes)('there are none', async () => {
        expect(await driver.volumes('default', 'anything')).toEqual([]);
        await driver.removeVolume('anything');
      });
    });

    test('ping tells a version', async () => {
      expect((await driver.ping()).version).toMatch(/\d/);
    });

    test('an address leads to the port', async () => {
      const { ref } = await driver.create(specOf({}));
      const address = await driver.address(ref, 8080);
      expect(address).toMatchObject({ host: expect.stringMatching(/./), port: 8080 });
    });

    test.skipIf(!capabilities.images)('imageId names the image that a run was made from', async () => {
      const spec = specOf({});
      const observed = await driver.create(spec);
      expect(observed.imageId).toMatch(/./);
      expect(await driver.imageId(spec.image ?? '', { pull: false })).toBe(observed.imageId);
      expect(await driver.imageId('no-such-image:1', { pull: false })).toBeUndefined();
    });

    test.skipIf(capabilities.images)('imageId is unknown where there are no images', async () => {
      expect(await driver.imageId('anything', { pull: false })).toBeUndefined();
    });
  });
}
