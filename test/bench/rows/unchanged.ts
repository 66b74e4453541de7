import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Session } from '../../scenarios/support.ts';
import { manifestOf, sleeper } from '../agents.ts';
import { discard } from '../discard.ts';
import { type Measurement, repeated, timed, until } from '../measure.ts';

const counts = [50, 1000];

/** The same agents again, whole process. They are suspended: what runs makes no difference to it. */
export async function unchanged(): Promise<Measurement[]> {
  const session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  try {
    return await repeated(counts.length, (at) => unchangedOf(session, counts[at] ?? 0));
  } finally {
    await discard(session);
  }
}

async function unchangedOf(session: Session, count: number): Promise<Measurement> {
  const file = session.file('agents.yaml', manifestOf(count, { spec: '  suspend: true', template: sleeper }));
  await session.ok(`apply -f ${file}`);
  // Until the controller has written to none of them any more, an apply may find some of them changed.
  await until(async () => (await session.ok(`apply -f ${file}`)).split(' unchanged\n').length > count);
  const pairs = await repeated(5, async () => ({
    yaml: await timed(() => parsedByNode(file)),
    apply: await timed(() => session.ok(`apply -f ${file}`)),
  }));
  return {
    name: `unchanged apply of ${count} agents, whole process`,
    unit: 'ms',
    samples: pairs.map(({ apply }) => apply),
    reference: { name: 'a Node that parses its YAML', samples: pairs.map(({ yaml }) => yaml) },
    aim: { times: 3 },
  };
}

const script = `require('yaml').parseAllDocuments(require('node:fs').readFileSync(process.argv[1], 'utf8'))`;

async function parsedByNode(file: string): Promise<void> {
  await once(
    spawn(process.execPath, ['-e', script, file], { cwd: import.meta.dirname, stdio: 'ignore' }),
    'exit',
  );
}
