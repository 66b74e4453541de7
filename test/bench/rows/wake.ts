import { spawn } from 'node:child_process';
import { request } from 'node:http';
import { join } from 'node:path';
import { keyOf } from '../../../src/api/objects.ts';
import { createDockerDriver } from '../../../src/drivers/docker.ts';
import type { Driver } from '../../../src/drivers/driver.ts';
import { createProcessDriver } from '../../../src/drivers/process.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { collector } from '../../collector.ts';
import { findEngine } from '../../engines/engine.ts';
import { agentsImage, buildAgentsImage } from '../../engines/image.ts';
import { manifestOf } from '../agents.ts';
import { type Bench, openBench } from '../controller.ts';
import { type Row, repeated, timed, until } from '../measure.ts';
import { byHand } from './byhand.ts';
import { noEngine } from './docker.ts';

const worker = join(import.meta.dirname, '../worker.mjs');
const rounds = 10;
const options = { clock: systemClock, log: silentLog };

/** From a message to the first byte of its answer where the agent sleeps, by turns with its bare start until its first byte. */
export async function wake(): Promise<Row[]> {
  return [await ofProcess(), await inContainer()];
}

async function ofProcess(): Promise<Row> {
  const command = [process.execPath, worker];
  await using bench = await openBench((_, storeId, stateDir) =>
    createProcessDriver({ stateDir, storeId, collector, ...options }),
  );
  return await row('process', bench, `    command: ${JSON.stringify(command)}`, async () => {
    const child = spawn(process.execPath, [worker], { stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    return () => child.kill();
  });
}

async function inContainer(): Promise<Row> {
  const engine = await findEngine('docker');
  if (engine === undefined) return { name: nameOf('Docker'), why: noEngine };
  await buildAgentsImage(engine);
  const socketPath = engine.endpoint.replace('unix://', '');
  const { call } = byHand(socketPath);
  const drivers: Driver[] = [];
  await using bench = await openBench(({ spec }, storeId, stateDir) => {
    if (spec.driver === 'process') return createProcessDriver({ stateDir, storeId, collector, ...options });
    const { endpoint } = engine;
    const driver = createDockerDriver({ endpoint, storeId, secretsDir: stateDir, ...options });
    drivers.push(driver);
    return driver;
  });
  const template = `    image: ${agentsImage}
    imagePullPolicy: Never
    command: [node, /agents/jsonl.mjs]
    env: [{ name: JSONL_DEDUPE, value: "off" }]`;
  let id = '';
  try {
    return await row('Docker', bench, template, async () => {
      if (id === '') id = await twinOf(call);
      const output = await attach(socketPath, id);
      await call('POST', `/containers/${id}/start`);
      await output.first;
      return async () => {
        output.close();
        await call('POST', `/containers/${id}/kill`);
        await call('POST', `/containers/${id}/wait`);
      };
    });
  } finally {
    if (id !== '') await call('DELETE', `/containers/${id}?force=1&v=1`);
  }
}

const nameOf = (where: string): string => `message to first byte, from a sleeping ${where} agent`;

/** `start` resolves with the first byte of a bare start, with how to end it. */
async function row(
  where: string,
  bench: Bench,
  template: string,
  start: () => Promise<() => unknown>,
): Promise<Row> {
  const policy = '  policy: { mode: OnDemand, onDemand: { keepalive: 100ms } }';
  await bench.apply(manifestOf(1, { spec: `  protocol: jsonl\n${policy}`, template }));
  await message(bench); // it has started before, as one that sleeps has
  const pairs = await repeated(rounds, async () => {
    await asleep(bench);
    const woken = await timed(() => message(bench));
    await asleep(bench);
    let end: (() => unknown) | undefined;
    const bare = await timed(async () => {
      end = await start();
    });
    await end?.();
    return { woken, bare };
  });
  await bench.clear();
  return {
    name: nameOf(where),
    unit: 'ms',
    samples: pairs.map(({ woken }) => woken),
    reference: { name: 'bare start', samples: pairs.map(({ bare }) => bare) },
    aim: { times: 2 },
  };
}

/** And what follows the end of its run is done. */
async function asleep(bench: Bench): Promise<void> {
  await until(() => agentOf(bench)?.status?.phase === 'Asleep');
  await new Promise((done) => setTimeout(done, 300));
}

const agentOf = (bench: Bench) => bench.controller.cache.agents.list()[0];

/** Until the first text of the answer. */
async function message(bench: Bench): Promise<void> {
  await until(() => agentOf(bench) !== undefined);
  const agent = agentOf(bench);
  if (agent === undefined) throw new Error('there is no agent');
  const { messages } = bench.controller.conversations;
  const [sent] = await messages.send(keyOf(agent), [{ text: 'say ok' }]);
  if (sent === undefined) throw new Error('nothing was sent');
  const { signal } = new AbortController();
  for await (const entry of messages.stream(keyOf(sent), { signal }))
    if ('event' in entry && entry.event.type === 'text') return;
  throw new Error('it ended without an answer');
}

/** A container like the agent's, that nobody looks after. */
async function twinOf(
  call: (method: string, path: string, body?: object) => Promise<string>,
): Promise<string> {
  const inspected = await call('GET', '/containers/agentctl-default-bench-0-0/json');
  // As the engine's API has them.
  const { Config, HostConfig } = JSON.parse(inspected) as {
    Config: Record<string, unknown>;
    HostConfig: object;
  };
  const { Labels: _, Hostname: __, ...config } = Config;
  const made = await call('POST', '/containers/create', { ...config, HostConfig });
  return (JSON.parse(made) as { Id: string }).Id; // as above
}

/** As `docker start -a` does it: attached before the start. */
function attach(socketPath: string, id: string): Promise<{ first: Promise<unknown>; close: () => void }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      socketPath,
      method: 'POST',
      path: `/containers/${id}/attach?stream=1&stdin=1&stdout=1`,
      headers: { Host: 'engine', Connection: 'Upgrade', Upgrade: 'tcp' },
    });
    outgoing.on('error', reject);
    outgoing.on('upgrade', (_, socket) => {
      socket.on('error', () => {}); // it ends with its container
      resolve({
        first: new Promise((first) => socket.once('data', first)),
        close: () => socket.destroy(),
      });
    });
    outgoing.end();
  });
}
