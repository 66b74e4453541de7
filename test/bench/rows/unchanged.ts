import { Session } from '../../scenarios/support.ts';
import { manifestOf, sleeper } from '../agents.ts';
import { type Measurement, repeated, timed } from '../measure.ts';

/** The same 1,000 agents again, whole process. They are suspended: what runs makes no difference to it. */
export async function unchanged(): Promise<Measurement[]> {
  const session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  try {
    const file = session.file(
      'agents.yaml',
      manifestOf(1000, { spec: '  suspend: true', template: sleeper }),
    );
    await session.ok(`apply -f ${file}`);
    const samples = await repeated(6, () =>
      timed(async () => {
        const told = await session.ok(`apply -f ${file}`);
        if (told.split(' unchanged\n').length !== 1001)
          throw new Error('an unchanged apply changed something');
      }),
    );
    // The first one may meet a controller that still writes the status of what was applied.
    return [
      {
        name: 'unchanged apply of 1,000 agents, whole process',
        unit: 'ms',
        samples: samples.slice(1),
        aim: { atMost: 1000 },
      },
    ];
  } finally {
    await session.end();
  }
}
