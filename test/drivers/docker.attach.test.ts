import { mkdtempSync, rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Attachment, OutputLine } from '../../src/drivers/attachment.ts';
import { createDockerDriver, type DockerDriver } from '../../src/drivers/docker.ts';
import type { Observed } from '../../src/plan/world.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { runSpec } from '../contracts/spec.ts';
import { type TestEngine, withEngine } from '../engines/engine.ts';
import { buildTestImage, testImage } from '../engines/image.ts';

for (const name of ['docker', 'podman'] as const)
  await withEngine(name, (engine) => attachTests(name, engine));

function attachTests(name: 'docker' | 'podman', engine: TestEngine): void {
  describe(`an attachment to ${name}`, { timeout: 60_000 }, () => {
    const store = `attach-${process.pid}`;
    let secretsDir: string;
    let made = 0;
    const drivers: DockerDriver[] = [];

    const openDriver = (): DockerDriver => {
      const driver = createDockerDriver({
        endpoint: engine.endpoint,
        storeId: store,
        secretsDir,
        log: silentLog,
        clock: systemClock,
      });
      drivers.push(driver);
      return driver;
    };

    beforeAll(async () => {
      await buildTestImage(engine);
      secretsDir = mkdtempSync('/dev/shm/agentctl-test-');
    });

    afterEach(async () => {
      const driver = openDriver();
      for (const { ref } of await driver.list()) {
        await driver.kill(ref);
        await driver.remove(ref, { volumes: true });
      }
      for (const each of drivers.splice(0)) await each.close();
    });

    afterAll(() => rmSync(secretsDir, { recursive: true, force: true }));

    const specOf = (script: string) => ({
      ...runSpec(store, `t${process.pid}-${made++}`),
      image: testImage,
      command: ['sh', '-c', script],
      talks: true,
    });

    const attach = (driver: DockerDriver, { ref, run, startId = '' }: Observed, cursor?: string) =>
      driver.stdio.attach(ref, { run, startId, cursor, signal: AbortSignal.timeout(50_000) });

    /** Reads until the predicate holds of the last line, or to the end. */
    async function readUntil(
      { lines }: Attachment,
      enough: (line: OutputLine, count: number) => boolean = () => false,
    ): Promise<OutputLine[]> {
      const all: OutputLine[] = [];
      for await (const batch of lines) {
        for (const line of batch) {
          all.push(line);
          if (enough(line, all.length)) return all;
        }
      }
      return all;
    }

    const textsOf = (lines: OutputLine[]): string[] => lines.map(({ text }) => text);
    const numbers = (from: number, to: number): string[] =>
      Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
    /** Where the lines are not the numbers from that one on; -1: nowhere. */
    const breakIn = (lines: OutputLine[], from: number): number =>
      lines.findIndex(({ text }, index) => Number(text) !== from + index);
    /** A command that prints so many numbered lines of 1,000 bytes: more than the log holds, in few lines. */
    const flood = (count: number): string =>
      `awk 'BEGIN { for (n = 1; n <= ${count}; n++) printf "%01000d\\n", n }'`;

    test('loses nothing of a burst that the log does not hold, and waits where nobody reads', async () => {
      const driver = openDriver();
      const seen = await driver.create(specOf(flood(45_000)));
      const attachment = await attach(driver, seen);
      let [next, broken] = [1, 0];
      for await (const batch of attachment.lines) {
        if (next === 1) expect(await driver.inspect(seen.ref)).toMatchObject({ state: 'Running' });
        for (const { text } of batch) if (Number(text) !== next++) broken += 1;
      }
      expect([next, broken]).toEqual([45_001, 0]);
    });

    test('goes on in the middle of a flood, each line once', async () => {
      const first = openDriver();
      const seen = await first.create(specOf('seq 1 30000; sleep 0.1; seq 30001 60000; exec sleep 600'));
      const one = await attach(first, seen);
      const begun = await readUntil(one, (_, count) => count === 5_000);
      one.close();
      const two = await attach(first, seen, begun.at(-1)?.cursor);
      const more = await readUntil(two, (_, count) => count === 15_000);
      await first.close();
      const rest = await readUntil(
        await attach(openDriver(), seen, more.at(-1)?.cursor),
        ({ text }) => text === '60000',
      );
      expect(breakIn([...begun, ...more, ...rest], 1)).toBe(-1);
      expect([...more, ...rest].some(({ gap }) => gap)).toBe(false);
    });

    test('goes on in the middle of slow output, with lines that are all alike', async () => {
      const first = openDriver();
      const seen = await first.create(
        specOf('for i in $(seq 1 40); do echo ok; sleep 0.05; done; echo done'),
      );
      const all: OutputLine[] = [];
      for (let part = 1; part <= 4; part++) {
        const attachment = await attach(openDriver(), seen, all.at(-1)?.cursor);
        all.push(...(await readUntil(attachment, (_, count) => count === 8)));
        attachment.close();
      }
      all.push(...(await readUntil(await attach(openDriver(), seen, all.at(-1)?.cursor))));
      expect(textsOf(all)).toEqual([...Array.from({ length: 40 }, () => 'ok'), 'done']);
    });

    test('begins in the middle of a line, and tells it whole', async () => {
      const driver = openDriver();
      const seen = await driver.create(specOf('printf "{one"; read x; echo "}"; echo "{two}"; read x'));
      const first = await attach(driver, seen);
      // What is unfinished is not told, and the engine's log does not have it yet either.
      await driver.exec(seen.ref, ['true'], { timeout: 40_000 });
      first.close();
      const second = await attach(openDriver(), seen);
      await second.write('go\n');
      expect(textsOf(await readUntil(second, ({ text }) => text === '{two}'))).toEqual(['{one}', '{two}']);
    });

    test('of another controller reads what came and what comes, and writes on', async () => {
      const before = openDriver();
      const seen = await before.create(
        specOf('while IFS= read -r l; do [ -z "$l" ] && continue; echo "got $l"; echo "€ $l" >&2; done'),
      );
      const first = await attach(before, seen);
      await first.write('one\n');
      const [line] = await readUntil(first, () => true);
      await first.write('two\n');
      await before.close();
      const after = openDriver();
      const second = await attach(after, seen, line?.cursor);
      const reading = readUntil(second, ({ text }) => text === 'got four');
      await second.write('three\n');
      second.write('four\n').catch(() => {});
      expect(textsOf(await reading)).toEqual(['got two', 'got three', 'got four']);
      second.close();
      expect(await after.inspect(seen.ref)).toMatchObject({ state: 'Running' });
      const third = await attach(after, seen);
      await third.write('five\n');
      const all = await readUntil(third, ({ text }) => text === 'got five');
      expect(textsOf(all)).toEqual(['got one', 'got two', 'got three', 'got four', 'got five']);
    });

    test('reads to the end of a run that ended while nobody was there', async () => {
      const before = openDriver();
      const seen = await before.create(specOf('echo a; read x; seq 1 1000; printf half; exit 3'));
      const first = await attach(before, seen);
      const [line] = await readUntil(first, () => true);
      await first.write('go\n');
      first.close();
      const after = openDriver();
      await vi.waitFor(
        async () => expect(await after.inspect(seen.ref)).toMatchObject({ state: 'Exited' }),
        40_000,
      );
      const rest = await readUntil(await attach(after, seen, line?.cursor));
      expect(textsOf(rest)).toEqual([...numbers(1, 1000), 'half']);
    });

    test('says where output is lost', async () => {
      const before = openDriver();
      const seen = await before.create(
        specOf(`echo begin; read x; ${flood(60_000)}; echo end; while :; do sleep 1; done`),
      );
      const first = await attach(before, seen);
      const [line] = await readUntil(first, () => true);
      await first.write('go\n');
      await before.close();
      const after = openDriver();
      await vi.waitFor(
        async () => {
          const last: string[] = [];
          const options = { follow: false, tail: 1, signal: AbortSignal.timeout(40_000) };
          for await (const { text } of after.logs(seen.ref, options)) last.push(text);
          expect(last).toEqual(['end']);
        },
        { timeout: 40_000, interval: 100 },
      );
      const rest = await readUntil(await attach(after, seen, line?.cursor), ({ text }) => text === 'end');
      expect(rest.filter(({ gap }) => gap)).toEqual([rest[0]]);
      expect(breakIn(rest.slice(0, -1), Number(rest[0]?.text))).toBe(-1);
    });

    test('ends with its driver, refuses to write, and leaves no connection open', async () => {
      const connections = (): number =>
        process.getActiveResourcesInfo().filter((resource) => resource === 'PipeWrap').length;
      const before = connections();
      const driver = openDriver();
      const seen = await driver.create(specOf('echo up; exec sleep 600'));
      // Nobody attaches to this one.
      await driver.create(specOf('echo up; exec sleep 600'));
      const attachment = await attach(driver, seen);
      const again = await attach(driver, seen);
      await again.write('x\n');
      const readings = [readUntil(attachment), readUntil(again)];
      expect(connections()).toBeGreaterThan(before);
      await driver.close();
      await Promise.all(readings);
      await expect.poll(connections).toBe(before);
      await expect(attachment.write('late\n')).rejects.toMatchObject({ code: 'NotRunning' });
    });

    test('says that a command is missing, though it was attached to before the start', async () => {
      const driver = openDriver();
      const missing = driver.create({ ...specOf(''), command: ['/no/such/program'] });
      await expect(missing).rejects.toMatchObject({ kind: 'NotStartable', code: 'CommandNotFound' });
      expect(await driver.list()).toEqual([]);
    });

    test('tells a run after a restart from the one before it', async () => {
      const driver = openDriver();
      const spec = specOf(
        'echo x >>starts; echo "start $(wc -l <starts)"; [ $(wc -l <starts) -gt 3 ] && sleep 600',
      );
      let seen = await driver.create(spec);
      for (let run = 2; run <= 4; run++) {
        await vi.waitFor(
          async () => expect(await driver.inspect(seen.ref)).toMatchObject({ state: 'Exited' }),
          40_000,
        );
        const identity = { ...spec.identity, run };
        seen = { ...(await driver.restart(seen.ref, { ...spec, identity })), run };
        const other = openDriver();
        const lines = await readUntil(await attach(other, seen), () => true);
        expect(textsOf(lines)).toEqual([`start ${run}`]);
        await other.close();
      }
    });

    test('refuses a cursor of another kind', async () => {
      const driver = openDriver();
      const seen = await driver.create(specOf('echo up; exec sleep 600'));
      await expect(attach(driver, seen, 'nonsense')).rejects.toMatchObject({
        kind: 'Terminal',
        code: 'InvalidCursor',
      });
    });

    test('reaches this host by the address to listen on', async () => {
      const driver = openDriver();
      const { ref } = await driver.create(specOf('exec sleep 600'));
      const address = (await driver.hostAddress()) ?? 'none';
      const { output } = await driver.exec(ref, ['ip', 'route'], { timeout: 40_000 });
      expect(output).toContain(`default via ${address} `);
    });
  });
}
