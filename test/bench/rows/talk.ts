import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { keyOf, keyText } from '../../../src/api/objects.ts';
import { createProcessDriver } from '../../../src/drivers/process.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { collector } from '../../collector.ts';
import { manifestOf } from '../agents.ts';
import { type Bench, openBench } from '../controller.ts';
import { median, type Row, repeated, timed, until } from '../measure.ts';
import { syncedFile } from '../synced.ts';
import { barePipes } from './pipes.ts';

const worker = join(import.meta.dirname, '../worker.mjs');
setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
const agents = 50;
const text = 'x'.repeat(100);
const perRound = 10_000;

const open = (): Promise<Bench> =>
  openBench((_, storeId, stateDir) =>
    createProcessDriver({ stateDir, storeId, collector, clock: systemClock, log: silentLog }),
  );

const talking = (count: number, policy = ''): string =>
  manifestOf(count, {
    spec: `  protocol: jsonl\n  conversations: { perInstance: 100 }\n  policy: { messages: { queueDepth: 100000 }${policy} }`,
    template: `    command: [${process.execPath}, ${worker}]`,
  });

async function ready(bench: Bench, count: number): Promise<void> {
  await until(async () => {
    const { items } = await bench.resources.list('Agent');
    return items.filter(({ status }) => status?.readyReplicas === 1).length === count;
  });
}

/** Messages of 100 bytes, each journalled, delivered, acknowledged, answered and the answer journalled. */
export async function talk(): Promise<Row[]> {
  using file = syncedFile();
  const bare = await barePipes(worker, agents);
  const bareRates = await repeated(
    5,
    async () => (perRound / (await timed(() => bare.answers(perRound, text)))) * 1_000,
  );
  const durable = async (asked: number): Promise<void> => {
    for (let n = 0; n < asked; n += 1) {
      await bare.answers(1, text);
      file.write(text);
    }
  };
  const bareTrips = await repeated(200, () => timed(() => durable(2)));
  const bareDelays = await repeated(
    200,
    async () => (await bare.delay()) + (await timed(async () => file.write(text))),
  );
  bare.end();
  await using bench = await open();
  await bench.apply(talking(agents));
  await ready(bench, agents);
  const { messages } = bench.controller.conversations;
  const all = bench.controller.cache.agents.list();
  let ended = 0;
  bench.controller.recorder.onEvent((_, { reason }) => {
    if (reason === 'MessageCompleted') ended += 1;
  });
  const rates = await repeated(5, async () => {
    ended = 0;
    const took = await timed(async () => {
      // As many senders as agents, each with 20 messages on their way.
      await Promise.all(
        all.map(async (agent) => {
          for (let sent = 0; sent < perRound / agents; sent += 20)
            await messages.send(
              keyOf(agent),
              Array.from({ length: 20 }, () => ({ text })),
            );
        }),
      );
      await until(() => ended >= perRound);
    });
    return (perRound / took) * 1_000;
  });
  const [first, second] = all;
  if (first === undefined || second === undefined) throw new Error('there are no agents');
  const signal = new AbortController().signal;
  const answer = async (message: string): Promise<number> => {
    const [sent] = await messages.send(keyOf(first), [{ text: message }]);
    if (sent === undefined) throw new Error('nothing was sent');
    for await (const entry of messages.stream(keyOf(sent), { signal }))
      if ('end' in entry) return Number(entry.end.status?.answer);
    throw new Error('no end');
  };
  const routes = await repeated(200, () => answer(`ask ${second.metadata.name}`));
  const delays = await repeated(200, async () => {
    const [sent] = await messages.send(keyOf(first), [{ text: 'time' }]);
    if (sent === undefined) throw new Error('nothing was sent');
    for await (const entry of messages.stream(keyOf(sent), { signal }))
      if ('event' in entry && entry.event.type === 'text')
        return performance.timeOrigin + performance.now() - Number(entry.event.text);
    throw new Error('no text');
  });
  return [
    {
      name: `durable messages end to end, ${agents} jsonl agents`,
      unit: '/s',
      samples: rates,
      reference: { name: 'the same workers on bare pipes', samples: bareRates },
      aim: { share: 0.1 },
    },
    {
      name: 'question of an agent to another, until it has the answer',
      unit: 'ms',
      samples: routes,
      reference: { name: 'two bare answers, each synced to a file', samples: bareTrips },
      aim: { times: 5 },
    },
    {
      name: 'first token: until its receiver has it',
      unit: 'ms',
      samples: delays,
      reference: { name: 'by a bare pipe, and synced to a file', samples: bareDelays },
      aim: { times: 3 },
    },
    await waiting(bench),
  ];
}

async function waiting(bench: Bench): Promise<Row> {
  const [agent] = bench.controller.cache.agents.list();
  if (agent === undefined) throw new Error('there are no agents');
  const { conversations } = bench.controller;
  await bench.resources.patch('Agent', agent.metadata, { type: 'merge', body: { spec: { suspend: true } } });
  await until(
    () =>
      conversations.census().links.length < agents ||
      bench.controller.cache.agents.get(keyText(agent.metadata))?.status?.phase === 'Stopped',
  );
  collect();
  const before = process.memoryUsage();
  for (let sent = 0; sent < 10_000; sent += 1_000)
    await conversations.messages.send(
      keyOf(agent),
      Array.from({ length: 1_000 }, () => ({ text: 'x'.repeat(1_000) })),
    );
  collect();
  const after = process.memoryUsage();
  const grown = (after.heapUsed + after.external - before.heapUsed - before.external) / 1e6;
  return { name: '10,000 waiting messages of 1 kB: memory', unit: 'MB', samples: [median([grown])] };
}
