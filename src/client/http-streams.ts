import type { Status } from '../api/errors.ts';
import type { Clock } from '../platform/clock.ts';
import { apiErrorOf } from './http-errors.ts';
import { below, ownRoot } from './http-own-paths.ts';
import { timeOf, withQuery } from './http-paths.ts';
import { createHttpTalk } from './http-talk.ts';
import type { Transport } from './http-transport.ts';
import type {
  AgentPlan,
  ControllerStatus,
  ForecastEntry,
  LogEntry,
  Streams,
  SyncDiff,
  Volume,
} from './streams.ts';

/** The casts say what the server promises of each path. */
export function createHttpStreams(transport: Transport, clock: Clock): Streams {
  return {
    ...createHttpTalk(transport, clock),
    async *log(instance, { follow, runs, tail, since, previous, raw, signal }) {
      const query = { follow, runs, tailLines: tail, sinceTime: timeOf(since), previous, raw };
      const path = withQuery(below('instances', instance, 'log'), query);
      for await (const line of transport.lines({ method: 'GET', path, signal })) {
        const entry: LogEntry | { error: Status } = JSON.parse(line);
        if ('error' in entry) throw apiErrorOf(entry.error); // told so when it comes after the answer has begun
        yield entry;
      }
    },
    async forecast(agent, { until }) {
      const path = withQuery(below('agents', agent, 'forecast'), { until: timeOf(until) });
      const answer = (await transport.json({ method: 'GET', path })) as { items: ForecastEntry[] };
      return answer.items;
    },
    async plan(objects) {
      const body = { apiVersion: 'v1', kind: 'List', items: objects };
      const answer = (await transport.json({ method: 'POST', path: `${ownRoot}/plans`, body })) as {
        items: AgentPlan[];
      };
      return answer.items;
    },
    status: () =>
      transport.json({ method: 'GET', path: `${ownRoot}/controller` }) as Promise<ControllerStatus>,
    async stopAgents() {
      await transport.json({ method: 'POST', path: `${ownRoot}/controller/stopagents`, silence: 0 });
    },
    async volumes(agent) {
      const answer = (await transport.json({ method: 'GET', path: below('agents', agent, 'volumes') })) as {
        items: Volume[];
      };
      return answer.items;
    },
    diffSync(sync, { force } = {}) {
      const path = withQuery(below('syncs', sync, 'diff'), { force });
      // The Sync's own timeout bounds it, which may be longer than any that could stand here.
      return transport.json({ method: 'GET', path, silence: 0 }) as Promise<SyncDiff>;
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
