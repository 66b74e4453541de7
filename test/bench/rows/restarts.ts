import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createDockerDriver } from '../../../src/drivers/docker.ts';
import type { Driver } from '../../../src/drivers/driver.ts';
import { createProcessDriver, type ProcessDriver } from '../../../src/drivers/process.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { collector } from '../../collector.ts';
import { findEngine, type TestEngine } from '../../engines/engine.ts';
import { buildTestImage, testImage } from '../../engines/image.ts';
import { manifestOf, sleeper } from '../agents.ts';
import { openBench } from '../controller.ts';
import { type Row, repeated, timed, until } from '../measure.ts';
import { syncedFile } from '../synced.ts';
import { noEngine } from './docker.ts';
import { endsByHand } from './ends.ts';

const rounds = 25;
const spec = '  policy: { backoff: { schedule: [0s], jitter: 0 } }';

type Observed = Awaited<ReturnType<Driver['create']>>;

/** From SIGKILL to an instance until the controller asks the driver for its restart, with a backoff of none. */
export async function restarts(): Promise<Row[]> {
  const engine = await findEngine('docker');
  const own: Row = {
    name: 'kill of a process until its restart is asked for',
    unit: 'ms',
    samples: await killed(sleeper, async ({ startId = '' }) => {
      process.kill(Number(startId.split(':')[1]), 'SIGKILL');
    }),
    reference: { name: 'kill of a child until its parent has written it down', samples: await childKilled() },
    aim: { times: 5 },
  };
  const name = 'kill of a container until its restart is asked for';
  if (engine === undefined) return [own, { name, why: noEngine }];
  await buildTestImage(engine);
  const template = `    image: ${testImage}\n    imagePullPolicy: Never\n${sleeper}`;
  const kill = async ({ ref }: Observed): Promise<void> => {
    await engine.call('POST', `/containers/${ref}/kill`);
  };
  const reference = {
    name: "the engine's own event and look",
    samples: await endsByHand(engine.endpoint.replace('unix://', ''), rounds),
  };
  const samples = await killed(template, kill, engine);
  return [own, { name, unit: 'ms', samples, reference, aim: { times: 1.5 } }];
}

async function childKilled(): Promise<number[]> {
  using file = syncedFile();
  return await repeated(rounds, async () => {
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
    const exit = once(child, 'exit');
    await new Promise((done) => setTimeout(done, 100));
    return await timed(async () => {
      child.kill('SIGKILL');
      await exit;
      file.write('it has ended');
    });
  });
}

async function killed(
  template: string,
  kill: (observed: Observed) => Promise<void>,
  engine?: TestEngine,
): Promise<number[]> {
  let asked = Promise.withResolvers<number>();
  let running: Observed | undefined;
  /** Notes when a start is asked for, and what came of it. */
  const noted = (driver: ProcessDriver): Driver => ({
    ...driver,
    async create(wanted) {
      running = await driver.create(wanted);
      return running;
    },
    async restart(ref, wanted) {
      asked.resolve(performance.now());
      running = await driver.restart(ref, wanted);
      return running;
    },
  });
  await using bench = await openBench((runtime, storeId, stateDir) => {
    const common = { storeId, clock: systemClock, log: silentLog };
    return noted(
      runtime.spec.driver === 'docker'
        ? createDockerDriver({ ...common, endpoint: engine?.endpoint ?? '', secretsDir: stateDir })
        : createProcessDriver({ ...common, stateDir, collector }),
    );
  });
  await bench.apply(manifestOf(1, { spec, template }));
  const samples = await repeated(rounds, async () => {
    await until(() => running !== undefined);
    // Until all that the start brought with it is written.
    await new Promise((done) => setTimeout(done, 100));
    asked = Promise.withResolvers();
    const observed = running;
    running = undefined;
    if (observed === undefined) throw new Error('nothing runs');
    const begun = performance.now();
    await kill(observed);
    return (await asked.promise) - begun;
  });
  await until(() => running !== undefined);
  await bench.clear();
  return samples;
}
