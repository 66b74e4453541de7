import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { findEngine } from '../../engines/engine.ts';
import { buildTestImage, testImage } from '../../engines/image.ts';
import { Repository } from '../../git/repository.ts';
import { Session } from '../../scenarios/support.ts';
import { synced, syncManifest, tellOfPush } from '../../scenarios/sync-support.ts';
import { manifestOf } from '../agents.ts';
import { type Row, repeated, timed, until } from '../measure.ts';
import { byHand } from './byhand.ts';
import { noEngine } from './docker.ts';

const rounds = 10;
const token = 'of-the-bench';
/** In ms. */
const interval = 10_000;
/** When it is pushed, in parts of the interval from when the Agent ran, which is up to two seconds after the look. */
const phases = [0.1, 0.4, 0.7];

/** Where an Agent runs. */
interface Place extends Disposable {
  name: string;
  environment: Record<string, string>;
  template(version: number): string;
  /** How often an Agent has started until now. */
  starts(): number;
  /** Starts the same by hand; answers how to end it. */
  start(): Promise<() => unknown>;
}

/** From the start of `git push` of another argument until the Agent runs with it, by turns with a bare start. */
export async function syncPush(): Promise<Row[]> {
  const own = await pushes(onHost());
  const engine = await findEngine('docker');
  if (engine === undefined) return [...own, { name: nameOf('Docker', 'webhook'), why: noEngine }];
  await buildTestImage(engine);
  return [...own, ...(await pushes(await inEngine(engine.endpoint)))];
}

const nameOf = (where: string, how: string): string =>
  `git push until the changed ${where} agent runs, by ${how}`;

async function pushes(given: Place): Promise<Row[]> {
  using place = given;
  await using repository = await Repository.empty();
  const host = { url: repository.url, secret: async () => ({}) };
  const session = new Session(place.environment);
  let version = 0;
  const commit = async (): Promise<string> => {
    version += 1;
    await repository.write({ 'agent.yaml': manifestOf(1, { template: place.template(version) }) });
    return repository.commit();
  };
  const runs = (): Promise<void> => until(() => place.starts() >= version);
  const follow = async (every: string, revision: string): Promise<void> => {
    const spec = { interval: every, jitter: 0 };
    await session.apply(await syncManifest(host, { webhookToken: token, spec }));
    await synced(session, revision);
  };
  try {
    const first = await commit();
    await repository.push();
    await follow('1h', first);
    await runs();
    const pairs = await repeated(rounds, async () => {
      await pause(1500); // of a Sync one webhook a second is listened to
      let end: (() => unknown) | undefined;
      const bare = await timed(async () => {
        end = await place.start();
      });
      await end?.();
      const revision = await commit();
      let push = 0;
      const pushed = await timed(async () => {
        push = await timed(() => repository.push());
        await tellOfPush(session, token);
        await runs();
      });
      await synced(session, revision);
      return { bare: push + bare, pushed };
    });
    await follow(`${interval}ms`, await repository.head());
    const waited: number[] = [];
    let looked = performance.now();
    for (const phase of phases) {
      const revision = await commit();
      await pause(looked + phase * interval - performance.now());
      waited.push(
        await timed(async () => {
          await repository.push();
          await runs();
        }),
      );
      looked = performance.now(); // shortly before the agent ran
      await synced(session, revision);
    }
    const reference = { name: 'git push and bare start', samples: pairs.map(({ bare }) => bare) };
    const samples = pairs.map(({ pushed }) => pushed);
    return [
      { name: nameOf(place.name, 'webhook'), unit: 'ms', samples, reference, aim: { times: 3 } },
      { name: nameOf(place.name, '10 s interval'), unit: 'ms', samples: waited, reference },
    ];
  } finally {
    await session.run(['delete', 'sync', 'fleet']); // else it makes its Agent again
    await session.end();
  }
}

/** A start is a byte in a file. */
function onHost(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'agentctl-bench-'));
  const [marks, byHand] = [join(folder, 'marks'), join(folder, 'by-hand')];
  for (const file of [marks, byHand]) writeFileSync(file, '');
  const script = (file: string): string => `printf x >>${file}; exec sleep 1000`;
  return {
    name: 'process',
    environment: { DOCKER_HOST: 'unix:///nowhere' },
    template: (version) => `    command: [sh, -c, "${script(marks)}", agent]\n    args: ["${version}"]`,
    starts: () => statSync(marks).size,
    async start() {
      const before = statSync(byHand).size;
      const child = spawn('sh', ['-c', script(byHand)], { stdio: 'ignore' });
      await until(() => statSync(byHand).size > before);
      return () => child.kill('SIGKILL');
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A start is an event of the engine. */
async function inEngine(endpoint: string): Promise<Place> {
  const socketPath = endpoint.replace('unix://', '');
  const loop = byHand(socketPath);
  let starts = 0;
  const filters = JSON.stringify({ event: ['start'], label: ['agentctl.dev/agent=bench-0'] });
  const opened = Promise.withResolvers<void>();
  const outgoing = get(
    { socketPath, path: `/events?filters=${encodeURIComponent(filters)}`, headers: { Host: 'engine' } },
    (response) => {
      opened.resolve();
      response.on('data', (chunk: Buffer) => {
        starts += chunk.toString().split('\n').length - 1; // one event a line
      });
      response.on('error', () => {}); // it is closed at the end
    },
  );
  outgoing.on('error', opened.reject);
  await opened.promise;
  return {
    name: 'Docker',
    environment: { DOCKER_HOST: endpoint },
    template: (version) =>
      `    image: ${testImage}\n    imagePullPolicy: Never\n    command: [sleep]\n    args: ["${1000 + version}"]`,
    starts: () => starts,
    async start() {
      await loop.start(1, 1);
      return () => loop.remove();
    },
    [Symbol.dispose]: () => outgoing.destroy(),
  };
}
