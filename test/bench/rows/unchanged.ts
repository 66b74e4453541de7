import { Session } from '../../scenarios/support.ts';
import { manifestOf, sleeper } from '../agents.ts';
import { discard } from '../discard.ts';
import { type Measurement, repeated, timed, until } from '../measure.ts';

/** The same 1,000 agents again, whole process. They are suspended: what runs makes no difference to it. */
export async function unchanged(): Promise<Measurement[]> {
  const session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  try {
    const file = session.file(
      'agents.yaml',
      manifestOf(1000, { spec: '  suspend: true', template: sleeper }),
    );
    await session.ok(`apply -f ${file}`);
    // Until the controller has written to none of them any more, an apply may find some of them changed.
    await until(async () => (await session.ok(`apply -f ${file}`)).split(' unchanged\n').length > 1000);
    const samples = await repeated(5, () => timed(() => session.ok(`apply -f ${file}`)));
    return [
      {
        name: 'unchanged apply of 1,000 agents, whole process',
        unit: 'ms',
        samples,
        aim: { atMost: 1000 },
      },
    ];
  } finally {
    await discard(session);
  }
}
