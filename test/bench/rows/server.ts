import { run } from '../../server/support.ts';
import { type Measurement, repeated, timed } from '../measure.ts';

const count = 1000;
const workers = 16;

const agent = (n: number) => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Agent',
  metadata: { name: `agent-${n}`, namespace: 'default', labels: { app: 'bench' } },
  spec: { template: { command: ['sleep', '60'], env: [{ name: 'A', value: '1' }] } },
});

/** The server alone, over its unix socket: what the command line adds is in other rows. */
export async function server(): Promise<Measurement[]> {
  const { client, end } = await run();
  const applyAll = async (): Promise<void> => {
    let next = 0;
    const work = async (): Promise<void> => {
      for (let n = next++; n < count; n = next++) {
        const body = agent(n);
        const options = { fieldManager: 'bench', force: true };
        await client.patch('Agent', body.metadata, { type: 'apply', body }, options);
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
  };
  try {
    await applyAll();
    const unchanged = await repeated(6, () => timed(applyAll));
    const tables = await repeated(6, () => timed(() => client.tables.list('Agent')));
    // The first ones warm up.
    return [
      {
        name: '1,000 unchanged server-side applies, one pool',
        unit: 'ms',
        samples: unchanged.slice(1),
        aim: { atMost: 500 },
      },
      { name: 'Table of 1,000 agents', unit: 'ms', samples: tables.slice(1), aim: { atMost: 50 } },
    ];
  } finally {
    await end();
  }
}
