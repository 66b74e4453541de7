import { type Status, UnreachableError } from '../api/errors.ts';
import { kindInfo } from '../api/kinds.ts';
import type { Approval, Conversation, Kind, Message, ObjectKey } from '../api/objects.ts';
import { formatDuration } from '../api/time.ts';
import { type Clock, sleep } from '../platform/clock.ts';
import { apiErrorOf, parseJson, type Transport } from './http-transport.ts';
import type {
  AgentPlan,
  AgentUsage,
  ControllerStatus,
  ForecastEntry,
  LogEntry,
  MessageApi,
  NewMessage,
  StreamEntry,
  StreamOptions,
  Streams,
  SyncDiff,
  Volume,
} from './streams.ts';

/** The casts state what the server returns for each path. */
export function createHttpStreams(transport: Transport, clock: Clock): Streams {
  return {
    ...createHttpMessages(transport, clock),
    async *log(instance, { follow, runs, tail, since, previous, raw, signal }) {
      const query = { follow, runs, tailLines: tail, sinceTime: timeOf(since), previous, raw };
      const path = withQuery(below('instances', instance, 'log'), query);
      for await (const line of transport.lines({ method: 'GET', path, signal })) {
        const entry: LogEntry | { error: Status } = JSON.parse(line);
        if ('error' in entry) throw apiErrorOf(entry.error); // an error after the response has begun is sent as an entry
        yield entry;
      }
    },
    forecast(agent, { until }) {
      const path = withQuery(below('agents', agent, 'forecast'), { until: timeOf(until) });
      return items<ForecastEntry>(transport, { method: 'GET', path });
    },
    plan(objects) {
      const body = { apiVersion: 'v1', kind: 'List', items: objects };
      return items<AgentPlan>(transport, { method: 'POST', path: `${ownRoot}/plans`, body });
    },
    status: () =>
      transport.json({ method: 'GET', path: `${ownRoot}/controller` }) as Promise<ControllerStatus>,
    async stopAgents() {
      await transport.json({ method: 'POST', path: `${ownRoot}/controller/stopagents`, silence: 0 });
    },
    volumes: (agent) => items<Volume>(transport, { method: 'GET', path: below('agents', agent, 'volumes') }),
    diffSync(sync, { force } = {}) {
      const path = withQuery(below('syncs', sync, 'diff'), { force });
      // The Sync's own timeout applies, which may be longer than any limit here.
      return transport.json({ method: 'GET', path, silence: 0 }) as Promise<SyncDiff>;
    },
    purge: (agent) => items<Volume>(transport, { method: 'DELETE', path: below('agents', agent, 'volumes') }),
  };
}

/** The casts state what the server returns for each path. */
function createHttpMessages(transport: Transport, clock: Clock): MessageApi {
  const post = (path: string, body: object, silence?: number): Promise<unknown> =>
    transport.json({ method: 'POST', path, body, ...(silence === undefined ? {} : { silence }) });
  return {
    send(agent, messages) {
      const body = { items: messages.map(written) };
      return items<Message>(transport, { method: 'POST', path: below('agents', agent, 'messages'), body });
    },
    stream: (message, options) => followMessage(transport, clock, message, options),
    change: (message, what) => post(below('messages', message, what), {}) as Promise<Message>,
    decide: (approval, decision, how) =>
      post(below('approvals', approval, decision), how) as Promise<Approval>,
    closeConversation: (conversation) =>
      post(below('conversations', conversation, 'close'), {}) as Promise<Conversation>,
    usage(agent, { since }) {
      const path = withQuery(below('agents', agent, 'usage'), { since: timeOf(since) });
      return items<AgentUsage>(transport, { method: 'GET', path });
    },
    usageByAgent({ namespace, since }) {
      const path = withQuery(among('usages', namespace), { since: timeOf(since) });
      return items<AgentUsage>(transport, { method: 'GET', path });
    },
    async query(agent, { action, params, timeout }) {
      const timeoutSeconds = timeout === undefined ? undefined : timeout / 1000;
      // The server always responds, if necessary with Timeout. Its default timeout is not known here.
      const answer = await post(below('agents', agent, 'query'), { action, params, timeoutSeconds }, 0);
      return (answer as { result?: unknown }).result;
    },
  };
}

/** `T` states what the server returns for the path. */
const items = async <T>(transport: Transport, call: Parameters<Transport['json']>[0]): Promise<T[]> =>
  ((await transport.json(call)) as { items: T[] }).items;

const written = ({ timeout, ...message }: NewMessage): object => ({
  ...message,
  ...(timeout === undefined ? {} : { timeout: formatDuration(timeout) }),
});

/**
 * In milliseconds. The server sends a heartbeat every 15 s: if it is silent for this long it is gone, even if the
 * connection seems open.
 */
const silence = 45_000;
/** How long a controller may be unavailable: a restart takes a second. */
const patience = 30_000;
const pause = 250;

/**
 * Yields what happens to a message until its end, over as many connections as needed: after a lost connection, the next
 * one continues after the last event that was seen. Throws UnreachableError if nothing is received for 30 s, if the
 * first connection fails, or if a connection without `follow` breaks off.
 */
async function* followMessage(
  transport: Transport,
  clock: Clock,
  message: ObjectKey,
  { after = 0, follow = true, signal }: StreamOptions,
): AsyncGenerator<StreamEntry> {
  let seen = after;
  let begun = false;
  let lost: number | undefined;
  while (!signal.aborted) {
    let cause: UnreachableError | undefined;
    try {
      const path = withQuery(below('messages', message, 'stream'), {
        after: seen,
        ...(follow ? {} : { follow: 'false' }),
      });
      const onOpen = (): void => {
        begun = true;
      };
      const read = eventReader();
      for await (const line of transport.lines({ method: 'GET', path, accept, silence, onOpen, signal })) {
        const entry = read(line);
        if (entry !== undefined || line.startsWith(':')) lost = undefined;
        if (entry === undefined) continue;
        if ('seq' in entry) {
          if (entry.seq <= seen) continue;
          seen = entry.seq;
        }
        yield entry;
        if ('end' in entry) return;
      }
      if (!follow) return;
    } catch (error) {
      if (!begun || !follow || !(error instanceof UnreachableError)) throw error;
      cause = error;
    }
    lost ??= clock.now();
    if (clock.now() - lost >= patience) {
      throw new UnreachableError(
        `the stream was interrupted, and there was no answer for ${patience / 1000} s (${cause?.message ?? 'the server ends it immediately'}). The message is kept. See agentctl get message ${message.name}`,
        { cause },
      );
    }
    await sleep(clock, pause, signal);
  }
}

const accept = 'text/event-stream';

/**
 * Reads server-sent events in the form that our server writes: `event` first, and `data` last in one line, so that the
 * empty line after it can be ignored. Returns a function that gets one line after the other and throws an `error`
 * event. By hand, because the transport already splits lines: eventsource-parser would replace six lines of this.
 */
function eventReader(): (line: string) => StreamEntry | undefined {
  let event = '';
  return (line) => {
    if (line.startsWith('event: ')) event = line.slice('event: '.length);
    if (!line.startsWith('data: ')) return undefined;
    const data = parseJson(line.slice('data: '.length), 'the controller');
    // The types that the server sends for each event.
    switch (event) {
      case 'event':
      case 'state':
        return data as StreamEntry;
      case 'end':
        return { end: data as Message };
      case 'error':
        throw apiErrorOf(data as Status);
      default:
        return undefined; // from a newer server
    }
  };
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Returns the path of a collection, or with `name` of one object; the `namespace` of a cluster-scoped kind is ignored.
 */
export function pathOf(
  kind: Kind,
  at: { namespace?: string | undefined; name?: string | undefined; subresource?: string | undefined },
  query: Query = {},
): string {
  const { group, apiVersion, namespaced, plural } = kindInfo(kind);
  const root = `${group === '' ? '/api' : '/apis'}/${apiVersion}`;
  const namespace =
    !namespaced || (at.namespace === undefined && at.name === undefined)
      ? []
      : ['namespaces', at.namespace ?? 'default'];
  const rest = [at.name, at.subresource].filter((part) => part !== undefined);
  return withQuery([root, ...[...namespace, plural, ...rest].map(encodeURIComponent)].join('/'), query);
}

/** Omits absent values; writes true as Kubernetes does. */
function withQuery(path: string, query: Query): string {
  const text = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== false && value !== '')
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
    .join('&');
  return text === '' ? path : `${path}?${text}`;
}

const timeOf = (at: number | undefined): string | undefined =>
  at === undefined ? undefined : new Date(at).toISOString();

const ownRoot = '/apis/subresources.agentctl.dev/v1';

/** Returns a path below an object, in the controller's own group. */
const below = (plural: string, key: ObjectKey, what: string): string =>
  `${ownRoot}/namespaces/${encodeURIComponent(key.namespace ?? 'default')}/${plural}/${encodeURIComponent(key.name)}/${what}`;

/** Returns a path in a namespace, or in all namespaces. */
const among = (plural: string, namespace: string | undefined): string =>
  `${ownRoot}/${namespace === undefined ? '' : `namespaces/${encodeURIComponent(namespace)}/`}${plural}`;
