import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Session } from '../../scenarios/support.ts';
import { manifestOf } from '../agents.ts';
import { type Measurement, repeated, timed, until } from '../measure.ts';

const agents = 100;
const rounds = 6;

/** From the start of `apply` until the 100th process has told, by a byte in a file, that it runs; and their deletion. */
export async function processes(): Promise<Measurement[]> {
  const session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  const marks = join(session.folder, 'marks');
  const template = `    command: [sh, -c, "printf x >>${marks}; exec sleep 1000"]`;
  try {
    const file = session.file('agents.yaml', manifestOf(agents, { template }));
    const samples = await repeated(rounds, async () => {
      writeFileSync(marks, '');
      const applied = await timed(async () => {
        const told = session.ok(`apply -f ${file}`);
        await until(() => statSync(marks).size >= agents);
        await told;
      });
      return { applied, deleted: await timed(() => session.ok('delete agents --all --timeout=60s')) };
    });
    // The first round starts the controller too.
    const warm = samples.slice(1);
    return [
      {
        name: 'apply of 100 process agents until all run',
        unit: 'ms',
        samples: warm.map(({ applied }) => applied),
        aim: { atMost: 500 },
      },
      { name: 'their deletion', unit: 'ms', samples: warm.map(({ deleted }) => deleted) },
    ];
  } finally {
    await session.end();
  }
}
