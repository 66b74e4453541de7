/** A controller with as many instances as are asked for, of a fake engine; tells its parent what it uses when all run and nothing changes. */
import { setTimeout as pause } from 'node:timers/promises';
import { giveBackAtRest } from '../../src/daemon/housekeeping.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createFakeDriver } from '../fakes/driver.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { manifestOf } from './agents.ts';
import { openBench } from './controller.ts';
import { until } from './measure.ts';
import type { Usage } from './rows/rest.ts';

const agents = Number(process.argv[2]);
const seconds = 10;
/** As long as the product takes to see that nothing happens any more. */
const settleMs = 12_000;

async function main(): Promise<void> {
  const engine = new FakeEngine({ clock: systemClock });
  await using bench = await openBench((_, storeId) => createFakeDriver(engine, storeId));
  const stop = giveBackAtRest({ clock: systemClock, revision: bench.revision });
  await bench.apply(manifestOf(agents, { template: '    image: test-image:1' }));
  await until(async () => {
    const { items } = await bench.resources.list('Agent');
    return items.every(({ status }) => status?.readyReplicas === 1);
  });
  await pause(settleMs);
  const usage: Usage = { cpu: [], memory: [] };
  for (let second = 0; second < seconds; second += 1) {
    const [before, begun] = [process.cpuUsage(), performance.now()];
    await pause(1000);
    const { user, system } = process.cpuUsage(before);
    usage.cpu.push((user + system) / 10 / (performance.now() - begun));
    usage.memory.push(process.memoryUsage.rss() / 2 ** 20);
  }
  stop();
  process.send?.(usage);
  process.disconnect();
}

void main();
