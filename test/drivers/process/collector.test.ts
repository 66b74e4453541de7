import { readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OutputLine } from '../../../src/drivers/attachment.ts';
import type { LogLine, RunSpec } from '../../../src/drivers/driver.ts';
import { countCollectorFiles } from '../../../src/drivers/process/collector/collector-client.ts';
import { logFolder, outputFifo } from '../../../src/drivers/process/layout.ts';
import type { ProcessDriver } from '../../../src/drivers/process.ts';
import { processesOf } from './collectors.ts';
import {
  ended,
  eventually,
  isRunning,
  openDriver,
  pidsOf,
  printed,
  specOf,
  textOf,
  withRun,
} from './harness.ts';

const gap = '[agentctl: output may have been lost here]';
const kill = (pids: readonly number[]): void => {
  for (const pid of pids) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
};

const linesOf = async (driver: ProcessDriver, ref: string): Promise<LogLine[]> => {
  const lines: LogLine[] = [];
  const signal = AbortSignal.timeout(40_000);
  for await (const line of driver.logs(ref, { follow: false, signal })) lines.push(line);
  return lines;
};

/** All that an attachment is told until the run has ended. */
async function outputOf(driver: ProcessDriver, ref: string, run = 1): Promise<OutputLine[]> {
  const attachment = await driver.stdio.attach(ref, {
    run,
    startId: '',
    signal: AbortSignal.timeout(25_000),
  });
  const lines: OutputLine[] = [];
  for await (const batch of attachment.lines) {
    lines.push(...batch);
    const last = batch.at(-1);
    if (last !== undefined) attachment.settled(last.cursor);
  }
  attachment.close();
  return lines;
}

describe('the standard output of a process', () => {
  test('is a pipe that asyncio writes to', async () => {
    const { driver } = await openDriver();
    const program = `
import asyncio, sys
async def main():
    loop = asyncio.get_running_loop()
    for stream in (sys.stdout, sys.stderr):
        transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, stream)
        writer = asyncio.StreamWriter(transport, protocol, None, loop)
        writer.write(b"up on " + stream.name.encode() + b"\\n"); await writer.drain()
    await asyncio.sleep(600)
asyncio.run(main())`;
    const { ref } = await driver.create(specOf('', { command: ['python3', '-c', program] }));
    await printed(driver, ref, 'up on <stdout>');
    await printed(driver, ref, 'up on <stderr>');
    expect(await driver.inspect(ref)).toMatchObject({ state: 'Running' });
  });

  test('can be opened again by its path, by an agent of another user too', async () => {
    const { driver } = await openDriver();
    const script = 'echo one >/dev/stdout; echo two >/dev/stderr; echo three >/proc/self/fd/1';
    const user = process.getuid?.() === 0 ? { user: 'daemon', workingDir: '/tmp' } : {};
    const { ref } = await driver.create(specOf(script, user));
    await ended(driver, ref);
    expect((await textOf(driver, ref)).sort()).toEqual(['one', 'three', 'two']);
  });

  test('keeps the order of both streams, with the time of each line', async () => {
    const { driver } = await openDriver();
    const before = Date.now();
    const script = 'for i in 1 3 5; do echo "$i out"; sleep 0.2; echo "$((i+1)) err" >&2; sleep 0.2; done';
    const { ref } = await driver.create(specOf(script));
    await ended(driver, ref);
    const lines = await linesOf(driver, ref);
    expect(lines.map(({ text }) => text)).toEqual(['1 out', '2 err', '3 out', '4 err', '5 out', '6 err']);
    expect(await textOf(driver, ref, { tail: 3 })).toEqual(['4 err', '5 out', '6 err']);
    const times = lines.map(({ at }) => at);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[0]).toBeGreaterThanOrEqual(before);
    expect((times[5] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(500);
    expect(await textOf(driver, ref, { since: times[3] ?? 0 })).toEqual(['4 err', '5 out', '6 err']);
  });

  test('that is written right before an exit is read', async () => {
    const { driver } = await openDriver();
    const spec = specOf('seq 1 20000; echo "end of $AGENTCTL_RUN" >&2; exit 3');
    const { ref } = await driver.create(spec);
    for (let run = 1; run <= 5; run++) {
      await ended(driver, ref);
      const texts = await textOf(driver, ref, { tail: 20_001 });
      expect(texts.filter((text) => text !== `end of ${run}`)).toEqual(
        Array.from({ length: 20_000 }, (_, index) => String(index + 1)),
      );
      await driver.restart(ref, withRun(spec, run + 1));
    }
  });

  test('ends, and its pipes and its shim go, once all of it was read', async () => {
    const { driver } = await openDriver();
    const { ref } = await driver.create(specOf('echo up; sleep 0.1'));
    const { shim } = await pidsOf(ref);
    await eventually(() => expect(isRunning(shim)).toBe(false));
    await eventually(() => expect(readdirSync(ref).sort()).toEqual(['1', '1.log', 'in', 'work']));
  });
});

describe('a log', () => {
  const flood =
    'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "line $i of a flood that fills segments"; done';

  test('is bounded, and keeps the newest', async () => {
    const { driver } = await openDriver();
    const logs = { maxSize: 64 * 1024, maxFiles: 2 };
    const { ref } = await driver.create(specOf(flood, { logs }));
    await ended(driver, ref);
    const texts = await textOf(driver, ref);
    expect(texts.at(-1)).toBe('line 3000 of a flood that fills segments');
    const folder = logFolder(ref, 1);
    const segments = readdirSync(folder).filter((name) => /^\d+$/.test(name));
    expect(segments.length).toBeLessThanOrEqual(2);
    for (const name of segments) expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(64 * 1024);
  });

  test('of an agent that talks loses nothing before it was read, and is bounded after that', async () => {
    const { driver } = await openDriver();
    const logs = { maxSize: 64 * 1024, maxFiles: 2 };
    const { ref } = await driver.create(specOf(flood, { logs, talks: true }));
    await ended(driver, ref);
    const segments = (): number => readdirSync(logFolder(ref, 1)).filter((name) => /^\d+$/.test(name)).length;
    await eventually(() => expect(segments()).toBeGreaterThan(2));
    const lines = await outputOf(driver, ref);
    expect(lines.map(({ text }) => text).filter((text) => text !== '')).toEqual(
      Array.from({ length: 3000 }, (_, index) => `line ${index + 1} of a flood that fills segments`),
    );
    await eventually(() => expect(segments()).toBe(2));
  });

  test('goes on after somebody truncated it', async () => {
    const { driver } = await openDriver();
    const { ref } = await driver.create(specOf('echo before; while read -r line; do echo "$line"; done'));
    await printed(driver, ref, 'before');
    truncateSync(join(logFolder(ref, 1), '1'), 0);
    const attachment = await driver.stdio.attach(ref, {
      run: 1,
      startId: '',
      signal: AbortSignal.timeout(20_000),
    });
    await attachment.write('after\n');
    await printed(driver, ref, 'after');
    attachment.close();
  });
});

describe('the collector', () => {
  const ticks = 'i=0; while :; do i=$((i+1)); echo "tick $i"; sleep 0.01; done';

  test('that is killed is started again, tells where it may have lost something, and the agent sees nothing of it', async () => {
    const { driver, stateDir } = await openDriver();
    const { ref } = await driver.create(specOf(ticks));
    await printed(driver, ref, 'tick 3');
    const [before] = await eventually(() => {
      const { collectors } = processesOf(stateDir);
      expect(collectors).toHaveLength(1);
      return collectors;
    });
    kill([before ?? 0]);
    await printed(driver, ref, gap);
    const told = (await textOf(driver, ref)).indexOf(gap);
    await eventually(async () => expect((await textOf(driver, ref)).length).toBeGreaterThan(told + 20));
    expectOnceInOrder(await textOf(driver, ref));
    expect(await driver.inspect(ref)).toMatchObject({ state: 'Running' });
  });

  test('is started again while no controller is there, and nothing is lost before that', async () => {
    const { driver, stateDir } = await openDriver();
    const { ref } = await driver.create(specOf(ticks));
    await printed(driver, ref, 'tick 3');
    await driver.close();
    kill(processesOf(stateDir).collectors);
    await eventually(() => expect(processesOf(stateDir).collectors).toHaveLength(1));
    const { driver: back } = await openDriver({ stateDir });
    await printed(back, ref, gap);
    expectOnceInOrder(await textOf(back, ref));
  });

  test('is started by the next controller where its guard was killed too, and the agent waits meanwhile', async () => {
    const { driver, stateDir } = await openDriver();
    const { ref } = await driver.create(specOf('seq 1 100000; exec sleep 600'));
    await driver.close();
    const { collectors, guards } = processesOf(stateDir);
    kill([...guards, ...collectors]);
    await eventually(() => expect(processesOf(stateDir).collectors).toEqual([]));
    const { driver: back } = await openDriver({ stateDir });
    await back.list();
    await printed(back, ref, '100000');
    const numbers = (await textOf(back, ref)).map((text) => (text === gap ? gap : `tick ${text}`));
    expectOnceInOrder(numbers);
    expect(await back.inspect(ref)).toMatchObject({ state: 'Running' });
  });

  test('that ends in an orderly way leaves no gap', async () => {
    const { driver, stateDir } = await openDriver();
    const { ref } = await driver.create(specOf(ticks));
    await printed(driver, ref, 'tick 3');
    const [before] = processesOf(stateDir).collectors;
    process.kill(before ?? 0, 'SIGTERM');
    await eventually(() => expect(processesOf(stateDir).collectors).not.toContain(before));
    await eventually(() => expect(processesOf(stateDir).collectors).toHaveLength(1));
    const count = (await textOf(driver, ref)).length;
    await eventually(async () => expect((await textOf(driver, ref)).length).toBeGreaterThan(count + 20));
    const texts = await textOf(driver, ref);
    expect(texts).not.toContain(gap);
    expectOnceInOrder(texts);
  });

  test('of another version is replaced, without a gap', async () => {
    const { driver, stateDir } = await openDriver();
    const { ref } = await driver.create(specOf(ticks));
    await printed(driver, ref, 'tick 3');
    await driver.close();
    const { collectors } = processesOf(stateDir);
    const { driver: later } = await openDriver({ stateDir, version: 'later' });
    await later.list();
    await eventually(() => expect(processesOf(stateDir).collectors).not.toContain(collectors[0]));
    const count = (await textOf(later, ref)).length;
    await eventually(async () => expect((await textOf(later, ref)).length).toBeGreaterThan(count + 20));
    expect(await textOf(later, ref)).not.toContain(gap);
    expect(processesOf(stateDir).collectors).toHaveLength(1);
    const left = readdirSync(join(stateDir, 'instances')).filter((name) => name.endsWith('.in'));
    expect(left).toEqual(['collector-later.in']);
  });

  test('has three files open for each run, which are counted', async () => {
    const { driver, stateDir } = await openDriver();
    const count = (): number => countCollectorFiles(join(stateDir, 'instances')).open;
    expect(count()).toBe(0);
    const start = async (): Promise<void> => {
      const { ref } = await driver.create(specOf('echo up; exec sleep 600'));
      await printed(driver, ref, 'up');
    };
    await start();
    const one = count();
    expect(one).toBeGreaterThan(3);
    for (let more = 0; more < 3; more++) await start();
    // Give or take what it has open for a moment.
    expect(count() - one).toBeGreaterThan(6);
  });

  test('is replaced where the state folder was renamed', async () => {
    const { driver, stateDir: before } = await openDriver();
    const { ref } = await driver.create(specOf(ticks));
    await printed(driver, ref, 'tick 3');
    await driver.close();
    const stateDir = `${before}-renamed`;
    renameSync(before, stateDir);
    const { driver: back } = await openDriver({ stateDir });
    const [moved] = await back.list();
    await eventually(() => {
      expect(processesOf(before)).toEqual({ collectors: [], guards: [] });
      expect(processesOf(stateDir).collectors).toHaveLength(1);
    });
    const there = moved?.ref ?? '';
    const count = (await textOf(back, there)).length;
    await eventually(async () => expect((await textOf(back, there)).length).toBeGreaterThan(count + 20));
    const { ref: next } = await back.create(specOf('echo new; exec sleep 600'));
    await printed(back, next, 'new');
  });

  test('ends when it has no run and no controller, and its guard with it', async () => {
    const { driver, stateDir } = await openDriver();
    const { ref } = await driver.create(specOf('exec sleep 600'));
    expect(processesOf(stateDir).collectors).toHaveLength(1);
    await driver.remove(ref, { volumes: true });
    await driver.close();
    await eventually(() => expect(processesOf(stateDir)).toEqual({ collectors: [], guards: [] }));
  });

  test('is not started again where the state folder was deleted', async () => {
    const { driver, stateDir } = await openDriver();
    await driver.create(specOf('exec sleep 600'));
    const { collectors } = processesOf(stateDir);
    for (const { ref } of await driver.list()) await driver.remove(ref, { volumes: true });
    rmSync(stateDir, { recursive: true });
    kill(collectors);
    await eventually(() => expect(processesOf(stateDir)).toEqual({ collectors: [], guards: [] }));
  });

  test('is none of the processes that the removal of an instance looks for', async () => {
    const { driver, stateDir } = await openDriver();
    const { ref } = await driver.create(specOf('exec sleep 600'));
    const before = processesOf(stateDir);
    await driver.kill(ref);
    await driver.remove(ref, { volumes: true });
    expect(processesOf(stateDir)).toEqual(before);
  });

  test('tells a gap where the shim was killed before anybody had read its pipes', async () => {
    const { driver, stateDir } = await openDriver();
    const { ref } = await driver.create(specOf('read -r line; echo unread; read -r line'));
    await driver.close();
    const { collectors, guards } = processesOf(stateDir);
    kill([...guards, ...collectors]);
    const { shim, main } = await pidsOf(ref);
    kill([shim, main]);
    const { driver: back } = await openDriver({ stateDir });
    await back.list();
    await eventually(async () => expect(await textOf(back, ref)).toEqual([gap]));
  });
});

/** Whatever is missing is missing at a gap; beside one a line may be half. */
function expectOnceInOrder(texts: readonly string[]): void {
  let last = 0;
  let mayMiss = false;
  for (const [index, text] of texts.entries()) {
    if ([texts[index - 1], text, texts[index + 1]].includes(gap)) {
      mayMiss = true;
      continue;
    }
    const number = Number(/^tick (\d+)$/.exec(text)?.[1]);
    if (mayMiss) expect(number).toBeGreaterThan(last);
    else expect(number).toBe(last + 1);
    last = number;
    mayMiss = false;
  }
}

test('many runs that write numbered lines and end lose none, however often the collector is killed, but at a gap', async () => {
  const { driver, stateDir } = await openDriver();
  const script =
    'i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo "tick $i"; [ $((i % 40)) != 0 ] || sleep 0.05; done';
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(400), { minLength: 1, maxLength: 3 }), async (pauses) => {
      const specs = Array.from(
        { length: 8 },
        (_, index): RunSpec => specOf(script, { talks: index % 2 === 0 }),
      );
      const runs = await Promise.all(specs.map((spec) => driver.create(spec)));
      for (const pause of pauses) {
        // Not a wait for anything: the moment of the kill is what the test varies.
        await new Promise((done) => setTimeout(done, pause));
        kill(processesOf(stateDir).collectors);
      }
      for (const { ref, run } of runs) {
        await ended(driver, ref);
        const lines = await outputOf(driver, ref, run);
        const texts = lines.map(({ text, gap: isGap }) => (isGap ? gap : text)).filter((text) => text !== '');
        expectOnceInOrder(texts);
        if (!texts.includes(gap)) expect(texts).toHaveLength(400);
        expectOnceInOrder(await textOf(driver, ref));
        await driver.remove(ref, { volumes: true });
      }
    }),
    { numRuns: 6 },
  );
}, 240_000);

test('a run whose pipes nobody reads takes no more than they hold, and goes on when somebody does', async () => {
  const { driver, stateDir } = await openDriver();
  const { ref } = await driver.create(specOf('read -r line; exec seq 1 50000'));
  const { collectors, guards } = processesOf(stateDir);
  await driver.close();
  kill([...guards, ...collectors]);
  const { main } = await pidsOf(ref);
  const { driver: back } = await openDriver({ stateDir });
  const attachment = await back.stdio.attach(ref, {
    run: 1,
    startId: '',
    signal: AbortSignal.timeout(20_000),
  });
  await attachment.write('go\n');
  await eventually(() => expect(readFileSync(`/proc/${main}/wchan`, 'utf8')).toMatch(/pipe/));
  expect(statSync(outputFifo(ref, 1, 'stdout')).isFIFO()).toBe(true);
  await back.list();
  await printed(back, ref, '50000');
  attachment.close();
});
