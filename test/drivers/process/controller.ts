import { createInterface } from 'node:readline';
import type { RunSpec } from '../../../src/drivers/driver.ts';
import { createProcessDriver } from '../../../src/drivers/process.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { collector } from '../../collector.ts';

// A controller to be killed: on each line, a spec, it starts that run, and says when.
const [stateDir = ''] = process.argv.slice(2);
const driver = createProcessDriver({
  stateDir,
  storeId: 'store',
  collector,
  clock: systemClock,
  log: silentLog,
});
await driver.list();
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  // The test writes nothing else.
  const spec = JSON.parse(line) as RunSpec;
  process.stdout.write('starting\n');
  const before = (await driver.list()).find((each) => each.instanceUid === spec.identity.uid);
  await (before === undefined ? driver.create(spec) : driver.restart(before.ref, spec));
  process.stdout.write('started\n');
}
