import { createServer } from 'node:http';
import { join } from 'node:path';
import { createHttpClient, type HttpClient } from '../../../src/client/http.ts';
import { type Running, run } from '../../server/support.ts';
import { type Measurement, repeated, timed } from '../measure.ts';

const counts = [50, 1000];
const workers = 16;
const rounds = 6;

const agent = (n: number) => ({
  apiVersion: 'agentctl.dev/v1',
  kind: 'Agent',
  metadata: { name: `agent-${n}`, namespace: 'default', labels: { app: 'bench' } },
  spec: { template: { command: ['sleep', '60'], env: [{ name: 'A', value: '1' }] } },
});

/** The server alone, over its unix socket, beside one that answers the same without looking: what the command line adds is in other rows. */
export async function server(): Promise<Measurement[]> {
  return (await repeated(counts.length, (at) => serverOf(counts[at] ?? 0))).flat();
}

async function serverOf(count: number): Promise<Measurement[]> {
  const running = await run();
  const { client } = running;
  await applyAll(client, count);
  const bare = await bareServer(running);
  try {
    const pairs = await repeated(rounds, async () => ({
      apply: await timed(() => applyAll(client, count)),
      bareApply: await timed(() => applyAll(bare.client, count)),
      table: await timed(() => client.tables.list('Agent')),
      bareTable: await timed(() => bare.client.tables.list('Agent')),
    }));
    // The first ones warm up.
    const warm = pairs.slice(1);
    const reference = 'a server that looks at nothing';
    return [
      {
        name: `${count} unchanged server-side applies, one pool`,
        unit: 'ms',
        samples: warm.map(({ apply }) => apply),
        reference: { name: reference, samples: warm.map(({ bareApply }) => bareApply) },
        aim: { times: 4 },
      },
      {
        name: `Table of ${count} agents`,
        unit: 'ms',
        samples: warm.map(({ table }) => table),
        reference: { name: reference, samples: warm.map(({ bareTable }) => bareTable) },
        aim: { times: 4 },
      },
    ];
  } finally {
    await bare.end();
    await running.end();
  }
}

async function applyAll(client: HttpClient, count: number): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const body = agent(n);
      await client.patch(
        'Agent',
        body.metadata,
        { type: 'apply', body },
        { fieldManager: 'bench', force: true },
      );
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
}

/** Reads what is sent, and says what the real one said. */
async function bareServer(real: Running): Promise<{ client: HttpClient; end: () => Promise<void> }> {
  const agents = '/apis/agentctl.dev/v1/agents';
  const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
  const { text: table } = await real.ask('GET', agents, { headers });
  const { text: one } = await real.ask('GET', agents.replace('agents', 'namespaces/default/agents/agent-0'));
  const socketPath = join(real.folder, 'bare.sock');
  const bare = createServer((request, response) => {
    request.resume().on('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end(request.method === 'GET' ? table : one);
    });
  });
  await new Promise<void>((resolve) => bare.listen(socketPath, resolve));
  const client = createHttpClient({ socketPath });
  return {
    client,
    async end() {
      client.close();
      await new Promise((resolve) => bare.close(resolve));
    },
  };
}
