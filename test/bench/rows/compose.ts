import { findEngine } from '../../engines/engine.ts';
import { buildTestImage, testImage } from '../../engines/image.ts';
import { Session } from '../../scenarios/support.ts';
import { manifestOf, sleeper } from '../agents.ts';
import { type Measurement, type Row, timed } from '../measure.ts';
import { type Composer, openComposer } from './composer.ts';
import { noEngine } from './docker.ts';

const counts = [20, 100];
const rounds = 3;
const quick = 5;

interface Taken {
  up: number[];
  unchanged: number[];
  list: number[];
  delete: number[];
}
const nothing = (): Taken => ({ up: [], unchanged: [], list: [], delete: [] });

/** Docker agents until all run, again unchanged, listed and deleted, by turns with Docker Compose. */
export async function compose(): Promise<Row[]> {
  const engine = await findEngine('docker');
  if (engine === undefined) return [{ name: 'Docker agents beside Docker Compose', why: noEngine }];
  await buildTestImage(engine);
  const session = new Session({ DOCKER_HOST: engine.endpoint });
  const composer = await openComposer(engine.endpoint, session.folder);
  try {
    await session.ok('controller start');
    const rows: Row[] = [];
    for (const count of counts) {
      const [ours, theirs] = [nothing(), nothing()];
      for (let round = 0; round < rounds; round += 1) {
        await withCompose(composer, count, theirs);
        await withAgents(session, count, ours);
      }
      rows.push(...rowsOf(count, composer.name, ours, theirs));
    }
    return rows;
  } finally {
    await composer.down(Math.max(...counts));
    await session.end();
  }
}

async function withCompose(composer: Composer, count: number, taken: Taken): Promise<void> {
  taken.up.push(await timed(() => composer.up(count)));
  for (let round = 0; round < quick; round += 1) {
    taken.unchanged.push(await timed(() => composer.again(count)));
    taken.list.push(await timed(() => composer.list(count)));
  }
  taken.delete.push(await timed(() => composer.down(count)));
}

async function withAgents(session: Session, count: number, taken: Taken): Promise<void> {
  const template = `    image: ${testImage}\n    imagePullPolicy: Never\n${sleeper}`;
  const file = session.file('agents.yaml', manifestOf(count, { template }));
  taken.up.push(await timed(() => session.ok(`apply -f ${file} --wait --timeout=10m`)));
  for (let round = 0; round < quick; round += 1) {
    taken.unchanged.push(await timed(() => session.ok(`apply -f ${file}`)));
    taken.list.push(await timed(() => session.ok('get agents')));
  }
  taken.delete.push(await timed(() => session.ok('delete agents --all --timeout=10m')));
}

function rowsOf(count: number, name: string, ours: Taken, theirs: Taken): Measurement[] {
  const row = (what: keyof Taken, does: string, times: number): Measurement => ({
    name: `${does} ${count} Docker agents`,
    unit: 'ms',
    samples: ours[what],
    reference: { name, samples: theirs[what] },
    aim: { times },
  });
  return [
    row('up', 'apply --wait of', 1),
    row('unchanged', 'unchanged apply of', 2),
    row('list', 'list of', 2),
    row('delete', 'deletion of', 1),
  ];
}
