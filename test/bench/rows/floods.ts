import { join } from 'node:path';
import { createHttpClient, type HttpClient } from '../../../src/client/http.ts';
import { Session } from '../../scenarios/support.ts';
import { manifestOf } from '../agents.ts';
import { type Measurement, repeated, residentOf, timed, until } from '../measure.ts';

const scripts = join(import.meta.dirname, '../../agents');
const worker = join(import.meta.dirname, '../worker.mjs');
const agents = 50;
const gets = 7;
const rounds = 7;
/** As long as a flood lasts before anything is measured. */
const settle = 2_000;

interface Flood {
  name: string;
  protocol: 'jsonl' | 'acp';
  spec: string;
}
const floods: readonly Flood[] = [
  { name: 'requests', protocol: 'jsonl', spec: '' },
  { name: 'messages', protocol: 'jsonl', spec: '  fleetAccess: Peers' },
  { name: 'lines', protocol: 'jsonl', spec: '' },
  { name: 'endless', protocol: 'jsonl', spec: '' },
  { name: 'events', protocol: 'jsonl', spec: '' },
  { name: 'approvals', protocol: 'acp', spec: '  permissions: { default: Ask }' },
  { name: 'sparse', protocol: 'jsonl', spec: '' },
];

interface Load {
  get: number[];
  messages: number[];
  megabytes: number;
}

/** One agent that floods beside 50 that work, in each manner, by turns with the same 50 alone. */
export async function floodRows(): Promise<Measurement[]> {
  const session = new Session({ DOCKER_HOST: 'unix:///nowhere' });
  try {
    await session.apply(
      manifestOf(agents + 1, {
        spec: '  protocol: jsonl',
        template: `    command: [${process.execPath}, ${worker}]`,
      }),
    );
    const client = createHttpClient({ socketPath: join(session.state, 'agentctl.sock') });
    const pid = await session.controllerPid();
    await until(async () => {
      const { items } = await client.list('Agent', { namespace: 'default' });
      return items.filter(({ status }) => status?.readyReplicas === 1).length === agents + 1;
    });
    await loaded(session, client, pid);
    const rows: Measurement[] = [];
    for (const flood of floods) {
      const calm = await loaded(session, client, pid);
      await session.apply(manifest(flood));
      if (flood.protocol === 'acp') await session.ok(`send flood-${flood.name} begin`);
      await new Promise((done) => setTimeout(done, settle));
      const during = await loaded(session, client, pid);
      await session.ok(`delete agent flood-${flood.name} --timeout=30s`);
      rows.push(...rowsOf(flood.name, calm, during));
    }
    return rows;
  } finally {
    await session.end();
  }
}

const rowsOf = (name: string, calm: Load, during: Load): Measurement[] => [
  {
    name: `flood of ${name}: agentctl get agents`,
    unit: 'ms',
    samples: during.get,
    reference: { name: 'without', samples: calm.get },
    aim: { times: 1.5 },
  },
  {
    name: `flood of ${name}: 50 messages to the others`,
    unit: 'ms',
    samples: during.messages,
    reference: { name: 'without', samples: calm.messages },
    aim: { times: 2 },
  },
  {
    name: `flood of ${name}: memory of the controller`,
    unit: 'MB',
    samples: [during.megabytes],
    reference: { name: 'without', samples: [calm.megabytes] },
    aim: { times: 1.6 },
  },
];

async function loaded(session: Session, client: HttpClient, pid: number): Promise<Load> {
  const names = Array.from({ length: agents }, (_, n) => `bench-${n}`);
  const signal = new AbortController().signal;
  const messages = await repeated(rounds, () =>
    timed(() =>
      Promise.all(
        names.map(async (name) => {
          const [sent] = await client.send({ namespace: 'default', name }, [{ text: 'hello' }]);
          if (sent === undefined) throw new Error('nothing was sent');
          const { namespace = 'default', name: id } = sent.metadata;
          for await (const entry of client.stream({ namespace, name: id }, { signal }))
            if ('end' in entry) return;
        }),
      ),
    ),
  );
  let megabytes = 0;
  const get = await repeated(gets, async () => {
    const took = await timed(() => session.ok('get agents'));
    megabytes = Math.max(megabytes, residentOf(pid));
    return took;
  });
  return { get, messages, megabytes };
}

const manifest = ({ name, protocol, spec }: Flood): string => `apiVersion: agentctl.dev/v1
kind: Agent
metadata: { name: flood-${name} }
spec:
  minReady: 0s
  protocol: ${protocol}
  policy: { stop: { gracePeriod: 300ms } }
${spec}
  template:
    command: [${process.execPath}, ${join(scripts, 'flood.mjs')}]
    env:
      - { name: FLOOD, value: ${name} }
      - { name: FLOOD_SECONDS, value: "600" }
      - { name: TO, value: bench-${agents} }
`;
