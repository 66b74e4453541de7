import type { Status } from '../api/errors.ts';
import type { ObjectKey } from '../api/objects.ts';
import { apiErrorOf } from './http-errors.ts';
import { withQuery } from './http-paths.ts';
import type { Transport } from './http-transport.ts';
import type { AgentPlan, ControllerStatus, ForecastEntry, LogEntry, Streams, Volume } from './streams.ts';

const root = '/apis/subresources.agentctl.dev/v1';
const time = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : new Date(at).toISOString();
const below = (plural: string, key: ObjectKey, what: string): string =>
  `${root}/namespaces/${encodeURIComponent(key.namespace ?? 'default')}/${plural}/${encodeURIComponent(key.name)}/${what}`;

/** The casts say what the server promises of each path. */
export function createHttpStreams(transport: Transport): Streams {
  return {
    async *log(instance, { follow, tail, since, previous, signal }) {
      const query = { follow, tailLines: tail, sinceTime: time(since), previous };
      const path = withQuery(below('instances', instance, 'log'), query);
      for await (const line of transport.lines({ method: 'GET', path, signal })) {
        const entry: LogEntry | { error: Status } = JSON.parse(line);
        if ('error' in entry) throw apiErrorOf(entry.error); // told so when it comes after the answer has begun
        yield entry;
      }
    },
    async forecast(agent, { until }) {
      const path = withQuery(below('agents', agent, 'forecast'), { until: time(until) });
      const answer = (await transport.json({ method: 'GET', path })) as { items: ForecastEntry[] };
      return answer.items;
    },
    async plan(objects) {
      const body = { apiVersion: 'v1', kind: 'List', items: objects };
      const answer = (await transport.json({ method: 'POST', path: `${root}/plans`, body })) as {
        items: AgentPlan[];
      };
      return answer.items;
    },
    status: () => transport.json({ method: 'GET', path: `${root}/controller` }) as Promise<ControllerStatus>,
    async stopAgents() {
      await transport.json({ method: 'POST', path: `${root}/controller/stopagents`, silence: 0 });
    },
    async volumes(agent) {
      const answer = (await transport.json({ method: 'GET', path: below('agents', agent, 'volumes') })) as {
        items: Volume[];
      };
      return answer.items;
    },
    async purge(agent) {
      const answer = (await transport.json({
        method: 'DELETE',
        path: below('agents', agent, 'volumes'),
      })) as {
        items: Volume[];
      };
      return answer.items;
    },
  };
}
