import { describe, expect, test, vi } from 'vitest';
import type { RunSpec } from '../../../src/drivers/driver.ts';
import type { Observed } from '../../../src/plan/world.ts';
import type { DriverContext } from './context.ts';

/** What a driver promises of watch, volumes, images, addresses. */
export function surroundingsTests(t: DriverContext): void {
  const { specOf, ended, printed, unique } = t;

  /** Subscribing takes a moment: the caller lists after it, so a start that came earlier is not missed. */
  const untilHeard = (hints: readonly (string | undefined)[]): Promise<void> =>
    vi.waitFor(
      async () => {
        const probe = await t.driver.create(specOf({ ends: 0 }));
        expect(hints.some((ref) => ref === undefined || ref === probe.ref)).toBe(true);
      },
      { timeout: 40_000, interval: 50 },
    );

  describe('watch', () => {
    test('hints at an end, and returns when told to', async () => {
      const hints: (string | undefined)[] = [];
      const stop = new AbortController();
      const watching = t.driver.watch((ref) => hints.push(ref), stop.signal);
      await untilHeard(hints);
      const { ref } = await t.driver.create(specOf({ prints: ['up'] }));
      await printed(ref, 'up');
      hints.length = 0;
      await t.driver.kill(ref);
      await vi.waitFor(() => expect(hints.some((hint) => hint === undefined || hint === ref)).toBe(true), {
        timeout: 40_000,
        interval: 10,
      });
      await ended(ref);
      await t.driver.remove(ref, { volumes: false });
      stop.abort();
      await watching;
    });

    test('tells of a stop what a look would tell, where it tells more than that there is news', async () => {
      const [hints, told]: [(string | undefined)[], Observed[]] = [[], []];
      const stop = new AbortController();
      const watching = t.driver.watch((ref, seen) => {
        hints.push(ref);
        if (seen !== undefined) told.push(seen);
      }, stop.signal);
      await untilHeard(hints);
      const { ref } = await t.driver.create(specOf({ prints: ['up'], onTerm: 7 }));
      await printed(ref, 'up');
      await t.driver.signal(ref, 'SIGTERM');
      await vi.waitFor(() => expect(hints).toContain(ref), { timeout: 40_000, interval: 10 });
      const { exit, ...found } = await ended(ref);
      stop.abort();
      await watching;
      const finishedAt = expect.closeTo(exit?.finishedAt ?? 0, -4);
      for (const seen of told) expect(seen).toEqual({ ...found, exit: { ...exit, finishedAt } });
    });

    test("hints at nothing of another store's", async () => {
      const hints: (string | undefined)[] = [];
      const theirHints: (string | undefined)[] = [];
      const stop = new AbortController();
      const watching = t.driver.watch((ref) => hints.push(ref), stop.signal);
      const theirs = t.other.watch((ref) => theirHints.push(ref), stop.signal);
      const refs: string[] = [];
      await vi.waitFor(
        async () => {
          const spec = specOf({ ends: 0 });
          const made = await t.other.create({
            ...spec,
            identity: { ...spec.identity, store: `other-${unique}` },
          });
          refs.push(made.ref);
          expect(theirHints.length).toBeGreaterThan(0);
        },
        { timeout: 40_000, interval: 50 },
      );
      stop.abort();
      await Promise.all([watching, theirs]);
      expect(hints.filter((ref) => ref !== undefined && refs.includes(ref))).toEqual([]);
    });

    test('returns at once where it has been aborted', async () => {
      await t.driver.watch(() => {}, AbortSignal.abort());
    });
  });

  describe.skipIf(!t.has('logs'))('the standard input', () => {
    test('of an agent without a protocol is at its end', async () => {
      const { ref } = await t.driver.create(t.specOf({ prints: ['up'], readsToEnd: true }));
      await t.printed(ref, 'end of input');
    });

    test('stays open where the spec says so', async () => {
      const { ref } = await t.driver.create(t.specOf({ prints: ['up'], readsToEnd: true }, { stdin: true }));
      await t.printed(ref, 'up');
      expect(await t.textsOf(ref)).toEqual(['up']);
      expect(await t.inspected(ref)).toMatchObject({ state: 'Running' });
    });
  });

  describe.skipIf(!t.has('volumes'))('volumes', () => {
    test('outlive a removal, are listed by agent, and go when told to', async () => {
      const spec = specOf({ ends: 0 });
      const volume = `agentctl-test-${spec.marker}`;
      const mounted: RunSpec = {
        ...spec,
        mounts: [{ type: 'Volume', name: volume, mountPath: '/data', readOnly: false }],
      };
      const { ref } = await t.driver.create(mounted);
      await ended(ref);
      await t.driver.remove(ref, { volumes: false });
      expect(await t.driver.volumes.list('default', spec.identity.agent)).toEqual([volume]);
      expect(await t.driver.volumes.list('default', 'another')).toEqual([]);
      await t.driver.volumes.remove(volume);
      await t.driver.volumes.remove(volume);
      expect(await t.driver.volumes.list('default', spec.identity.agent)).toEqual([]);

      const again = await t.driver.create(mounted);
      await ended(again.ref);
      await t.driver.remove(again.ref, { volumes: true });
      expect(await t.driver.volumes.list('default', spec.identity.agent)).toEqual([]);
    });
  });

  test('ping tells a version', async () => {
    expect((await t.driver.ping()).version).toMatch(/\d/);
  });

  test.skipIf(!t.has('address'))('an address leads to the port', async () => {
    const { ref } = await t.driver.create(specOf({}));
    const address = await t.driver.address(ref, 8080);
    expect(address).toMatchObject({ host: expect.stringMatching(/./), port: 8080 });
  });

  test.skipIf(!t.has('images'))('imageId names the image that a run was made from', async () => {
    const spec = specOf({});
    const observed = await t.driver.create(spec);
    expect(observed.imageId).toMatch(/./);
    expect(await t.driver.images.id(spec.image ?? '', { pull: false })).toBe(observed.imageId);
    expect(await t.driver.images.id('no-such-image:1', { pull: false })).toBeUndefined();
  });
}
