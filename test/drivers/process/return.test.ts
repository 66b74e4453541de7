import { existsSync, readdirSync } from 'node:fs';
import { appendFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runFolder } from '../../../src/drivers/process/layout.ts';
import { eventually, openDriver, pidsOf, processesWith, specOf } from './harness.ts';

describe('a controller that comes back', () => {
  test('finds what runs, with the same start, and hears of its end', async () => {
    const { driver, stateDir } = await openDriver();
    const spec = specOf('echo up; sleep 600');
    const before = await driver.create(spec);
    await driver.close();
    const { driver: back } = await openDriver({ stateDir });
    expect(await back.list()).toEqual([before]);
    const hints: (string | undefined)[] = [];
    const stop = new AbortController();
    const watching = back.watch((ref) => hints.push(ref), stop.signal);
    const { main } = await pidsOf(before.ref);
    process.kill(main, 'SIGTERM');
    await eventually(() => expect(hints).toContain(before.ref));
    expect(await back.inspect(before.ref)).toMatchObject({ state: 'Exited', exit: { code: 143 } });
    stop.abort();
    await watching;
  });

  test('knows the exit that came while it was away, and ends what was left behind', async () => {
    const { driver, stateDir } = await openDriver({ cgroups: 'None' });
    const marker = `sleep 6${process.pid}5`;
    const { ref } = await driver.create(specOf(`setsid ${marker} & read line; exit 5`));
    await eventually(() => expect(processesWith(marker)).toHaveLength(1));
    await driver.close();
    await appendFile(join(ref, 'in'), 'end\n');
    await eventually(() => expect(existsSync(join(runFolder(ref, 1), 'exit.5'))).toBe(true));
    expect(processesWith(marker)).toHaveLength(1);
    const { driver: back } = await openDriver({ stateDir, cgroups: 'None' });
    expect(await back.list()).toMatchObject([{ ref, exit: { code: 5 } }]);
    await eventually(() => expect(processesWith(marker)).toEqual([]));
  });

  test('removes what was left half-made, and nothing else', async () => {
    const { driver, stateDir } = await openDriver();
    const { ref } = await driver.create(specOf('sleep 600'));
    const half = join(stateDir, 'instances/default/b-0/12345678-1');
    await mkdir(join(half, 'work'), { recursive: true });
    const { driver: back } = await openDriver({ stateDir });
    expect((await back.list()).map((observed) => observed.ref)).toEqual([ref]);
    expect(existsSync(half)).toBe(false);
  });

  test('starts a run that was claimed and never begun', async () => {
    const { driver, stateDir } = await openDriver();
    const spec = specOf('echo up; sleep 600');
    const { ref } = await driver.create(spec);
    await driver.kill(ref);
    // As if the shim had been killed right after its claim.
    const folder = runFolder(ref, 1);
    for (const name of readdirSync(folder).filter((each) => /^(pid|exit)\./.test(each)))
      await rm(join(folder, name));
    const { driver: back } = await openDriver({ stateDir });
    expect(await back.list()).toMatchObject([{ ref, state: 'Created' }]);
    expect(await back.create(spec)).toMatchObject({ ref, run: 1, state: 'Running' });
  });
});
