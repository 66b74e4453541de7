import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { RunSpec } from '../../../src/drivers/driver.ts';
import type { ProcessDriver } from '../../../src/drivers/process.ts';
import type { Observed } from '../../../src/plan/world.ts';
import { sleep, systemClock } from '../../../src/platform/clock.ts';
import { ended, openDriver, printed, specOf, textOf, withRun } from './harness.ts';

const script = fileURLToPath(new URL('./controller.ts', import.meta.url));

/** A controller process that has listed once; `said` waits for its next word. */
async function startController(
  stateDir: string,
): Promise<{ child: ChildProcessWithoutNullStreams; said: (word: string) => Promise<void> }> {
  const child = spawn(process.execPath, [script, stateDir]);
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const said = async (word: string): Promise<void> => {
    while (!text.includes(`${word}\n`)) await once(child.stdout, 'data');
  };
  await said('ready');
  return { child, said };
}

/** What a controller that comes back does for a run that it has claimed. */
const carryOut = async (driver: ProcessDriver, spec: RunSpec): Promise<Observed> => {
  const found = (await driver.list()).find((each) => each.instanceUid === spec.identity.uid);
  return found === undefined ? driver.create(spec) : driver.restart(found.ref, spec);
};

const moments = Array.from({ length: 16 }, (_, index) => index * 1.5);

test.each(moments)(
  'a controller killed %d ms into a create has started the run once or not at all',
  async (ms) => {
    const { driver, stateDir } = await openDriver();
    const spec = specOf('echo started; exec sleep 600');
    const { child, said } = await startController(stateDir);
    child.stdin.write(`${JSON.stringify(spec)}\n`);
    await said('starting');
    // Not a wait for anything: the moment of the kill is what the test varies.
    await sleep(systemClock, ms);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const observed = await carryOut(driver, spec);
    expect(observed).toMatchObject({ run: 1, state: 'Running' });
    await printed(driver, observed.ref, 'started');
    expect(await textOf(driver, observed.ref)).toEqual(['started']);
    expect(await driver.list()).toEqual([observed]);
  },
);

test.each(moments)(
  'a controller killed %d ms into a restart has started the run once or not at all',
  async (ms) => {
    const { driver, stateDir } = await openDriver();
    const spec = specOf('echo started $AGENTCTL_RUN; [ $AGENTCTL_RUN = 1 ] || exec sleep 600');
    const first = await driver.create(spec);
    await ended(driver, first.ref);
    const { child, said } = await startController(stateDir);
    child.stdin.write(`${JSON.stringify(withRun(spec, 2))}\n`);
    await said('starting');
    await sleep(systemClock, ms);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const observed = await carryOut(driver, withRun(spec, 2));
    expect(observed).toMatchObject({ ref: first.ref, run: 2, state: 'Running' });
    await printed(driver, observed.ref, 'started 2');
    expect(await textOf(driver, observed.ref)).toEqual(['started 1', 'started 2']);
  },
);

test('the end of a controller, by any signal, ends no instance', async () => {
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const { driver, stateDir } = await openDriver();
    const spec = specOf('exec sleep 600');
    const { child, said } = await startController(stateDir);
    child.stdin.write(`${JSON.stringify(spec)}\n`);
    await said('started');
    const before = await driver.list();
    child.kill(signal);
    await once(child, 'exit');
    expect(before).toMatchObject([{ state: 'Running' }]);
    expect(await driver.list()).toEqual(before);
  }
});
