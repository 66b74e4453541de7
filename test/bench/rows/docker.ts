import { get } from 'node:http';
import { findEngine } from '../../engines/engine.ts';
import { buildTestImage, testImage } from '../../engines/image.ts';
import { Session } from '../../scenarios/support.ts';
import { manifestOf, sleeper } from '../agents.ts';
import { type Row, repeated, timed } from '../measure.ts';
import { type ByHand, byHand } from './byhand.ts';

export const noEngine =
  'no Docker engine answers; scripts/engines.sh up docker DIR starts one, AGENTCTL_TEST_DOCKER names its socket';

const containers = 100;
const rounds = 3;

/** `apply` until the engine has told of the 100th start, by turns with a loop that does nothing but create and start. */
export async function docker(): Promise<Row[]> {
  const name = 'apply of 100 Docker agents until all run';
  const engine = await findEngine('docker');
  if (engine === undefined) return [{ name, why: noEngine }];
  await buildTestImage(engine);
  const socketPath = engine.endpoint.replace('unix://', '');
  const loop = byHand(socketPath);
  const session = new Session({ DOCKER_HOST: engine.endpoint });
  const template = `    image: ${testImage}\n    imagePullPolicy: Never\n${sleeper}`;
  const file = session.file('agents.yaml', manifestOf(containers, { template }));
  try {
    const together = await bestOf(loop, [8, 16, 32]);
    // The controller is up before the first round.
    await session.apply(manifestOf(1, { template }));
    await session.ok('delete agents --all --timeout=60s');
    const pairs = await repeated(rounds, async () => {
      const hand = await timed(() => loop.start(containers, together));
      await loop.remove();
      const events = await starts(socketPath);
      const applied = await timed(() => Promise.all([session.ok(`apply -f ${file}`), events.all]));
      events.close();
      await session.ok('delete agents --all --timeout=120s');
      return { hand, applied };
    });
    return [
      {
        name,
        unit: 'ms',
        samples: pairs.map(({ applied }) => applied),
        reference: { name: `loop by hand, ${together} at once`, samples: pairs.map(({ hand }) => hand) },
        aim: { times: 1.15 },
      },
    ];
  } finally {
    await loop.remove();
    await session.end();
  }
}

/** How many at once go fastest, by a short race. */
async function bestOf(loop: ByHand, candidates: readonly number[]): Promise<number> {
  const times = new Map<number, number>();
  for (const together of candidates) {
    times.set(together, await timed(() => loop.start(32, together)));
    await loop.remove();
  }
  return candidates.toSorted((a, b) => (times.get(a) ?? 0) - (times.get(b) ?? 0))[0] ?? 16;
}

/** Counts the starts of agents' containers from now on; `all` resolves with the last. */
async function starts(socketPath: string): Promise<{ all: Promise<void>; close: () => void }> {
  const all = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  const filters = JSON.stringify({ event: ['start'], label: ['agentctl.dev/agent'] });
  const outgoing = get(
    { socketPath, path: `/events?filters=${encodeURIComponent(filters)}`, headers: { Host: 'engine' } },
    (response) => {
      opened.resolve();
      let count = 0;
      response.on('data', (chunk: Buffer) => {
        // One event a line.
        count += chunk.toString().split('\n').length - 1;
        if (count >= containers) all.resolve();
      });
      response.on('error', all.reject);
    },
  );
  outgoing.on('error', opened.reject);
  await opened.promise;
  return { all: all.promise, close: () => outgoing.destroy() };
}
