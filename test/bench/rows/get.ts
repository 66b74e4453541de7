import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Session } from '../../scenarios/support.ts';
import { manifestOf, sleeper } from '../agents.ts';
import { discard } from '../discard.ts';
import { type Measurement, repeated, timed } from '../measure.ts';

const counts = [50, 1000];

const emptyProgram = async (): Promise<void> => {
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit');
};

/** `agentctl get agents` as a whole process, by turns with a Node that does nothing. */
export async function get(): Promise<Measurement[]> {
  const session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  try {
    return await repeated(counts.length, (at) => getOf(session, counts[at] ?? 0));
  } finally {
    await discard(session);
  }
}

async function getOf(session: Session, count: number): Promise<Measurement> {
  await session.apply(manifestOf(count, { spec: '  suspend: true', template: sleeper }));
  await session.ok('get agents');
  const pairs = await repeated(25, async () => ({
    node: await timed(emptyProgram),
    get: await timed(() => session.ok('get agents')),
  }));
  return {
    name: `agentctl get agents of ${count}, whole process`,
    unit: 'ms',
    samples: pairs.map((pair) => pair.get),
    reference: { name: 'node -e 0', samples: pairs.map((pair) => pair.node) },
    aim: { times: count === 50 ? 2 : 4 },
  };
}
