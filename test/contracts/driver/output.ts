import { describe, expect, test, vi } from 'vitest';
import type { LogLine, RunSpan } from '../../../src/drivers/driver.ts';
import type { Observed } from '../../../src/plan/world.ts';
import type { DriverContext } from './context.ts';

const spanOf = (number: number, { startedAt = 0, exit }: Observed): RunSpan => ({
  number,
  startedAt,
  finishedAt: exit?.finishedAt,
});

/** What a driver promises of logs and exec. */
export function outputTests(t: DriverContext): void {
  const { specOf, inspected, ended, linesOf, textsOf, printed, refusal } = t;

  describe.skipIf(!t.has('logs'))('logs', () => {
    test('give the lines of both streams', async () => {
      const { ref } = await t.driver.create(
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
      const { ref } = await t.driver.create(specOf({ prints: [long, 'äfter €'], ends: 0 }));
      await ended(ref);
      const [first, ...rest] = await textsOf(ref);
      expect(rest).toEqual(['äfter €']);
      expect(first?.length).toBe(long.length);
      expect(first === long).toBe(true);
    });

    test('have times, and since is exact', async () => {
      const before = Date.now();
      const { ref } = await t.driver.create(specOf({ prints: ['one'], echoes: true }, { talks: true }));
      await printed(ref, 'one');
      const [first] = await linesOf(ref);
      const at = first?.at ?? Number.NaN;
      expect(at).toBeGreaterThan(before - 2_000);
      expect(at).toBeLessThan(Date.now() + 2_000);
      expect(await textsOf(ref, { since: at })).toEqual(['one']);
      expect(await textsOf(ref, { since: at + 1_000 })).toEqual([]);
    });

    test('can be only the last lines', async () => {
      const { ref } = await t.driver.create(specOf({ prints: ['one', 'two', 'three'], ends: 0 }));
      await ended(ref);
      expect(await textsOf(ref, { tail: 2 })).toEqual(['two', 'three']);
    });

    test.skipIf(!t.has('restart'))('can be only those of one run', async () => {
      const spec = specOf({ countsStarts: true, ends: 1 });
      const { ref } = await t.driver.create(spec);
      const first = spanOf(1, await ended(ref));
      expect(await textsOf(ref, { run: first })).toEqual(['start 1']);
      await t.driver.restart(ref, { ...spec, identity: { ...spec.identity, run: 2 } });
      await printed(ref, 'start 2');
      const second = spanOf(2, await ended(ref));
      expect(await textsOf(ref, { run: first })).toEqual(['start 1']);
      expect(await textsOf(ref, { run: second })).toEqual(['start 2']);
      expect(await textsOf(ref, { run: second, follow: true })).toEqual(['start 2']);
    });

    test('followed, go on until the program ends', async () => {
      const { ref } = await t.driver.create(specOf({ prints: ['up'], onTerm: 0 }));
      const texts: string[] = [];
      for await (const line of t.driver.logs(ref, { follow: true, signal: AbortSignal.timeout(40_000) })) {
        // A shell whose whole group is signalled says on stderr that its child was terminated.
        if (line.stream === 'stdout') texts.push(line.text);
        await t.driver.signal(ref, 'SIGTERM');
      }
      expect(texts).toEqual(['up']);
      await ended(ref);
    });

    test('followed, end when the reader gives up', async () => {
      const { ref } = await t.driver.create(specOf({ prints: ['up'] }));
      const reading = new AbortController();
      const texts: string[] = [];
      for await (const line of t.driver.logs(ref, { follow: true, signal: reading.signal })) {
        texts.push(line.text);
        reading.abort();
      }
      expect(texts).toEqual(['up']);
      expect(await inspected(ref)).toMatchObject({ state: 'Running' });
    });

    test('of what is gone are refused', async () => {
      const { ref } = await t.driver.create(specOf({ ends: 0 }));
      await ended(ref);
      await t.driver.remove(ref, { volumes: false });
      expect(await refusal(linesOf(ref))).toMatchObject({ kind: 'Retryable', code: 'Gone' });
    });
  });

  describe.skipIf(!t.has('exec'))('exec', () => {
    test("gives the command's code and its output", async () => {
      const { ref } = await t.driver.create(specOf({}));
      const command = ['sh', '-c', 'echo out; echo err >&2; exit 5'];
      const result = await t.driver.exec(ref, command, { timeout: 40_000 });
      expect(result.code).toBe(5);
      expect(result.output.split('\n').toSorted()).toEqual(['', 'err', 'out']);
    });

    test('ends what takes too long, and says so', async () => {
      const spec = specOf({});
      const { ref } = await t.driver.create(spec);
      const hanging = t.driver.exec(ref, ['sleep', spec.marker], { timeout: 300 });
      expect(await refusal(hanging)).toMatchObject({ kind: 'Retryable', code: 'ExecTimeout' });
      await vi.waitFor(async () => expect(await t.harness.left(spec.marker)).toBe(0), { timeout: 40_000 });
      expect(await inspected(ref)).toMatchObject({ state: 'Running' });
    });

    test('of a command that is missing answers as a shell does', async () => {
      const { ref } = await t.driver.create(specOf({}));
      const { code } = await t.driver.exec(ref, ['/no/such/program'], { timeout: 40_000 });
      expect([126, 127]).toContain(code);
    });

    test('in what has ended is refused', async () => {
      const { ref } = await t.driver.create(specOf({ ends: 0 }));
      await ended(ref);
      expect(await refusal(t.driver.exec(ref, ['true'], { timeout: 40_000 }))).toMatchObject({
        kind: 'Retryable',
        code: 'NotRunning',
      });
    });
  });
}
