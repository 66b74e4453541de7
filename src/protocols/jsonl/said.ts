import { isObject, type JsonObject, jsonFault } from '../../api/json.ts';
import { beginning, cut } from '../../api/text.ts';
import { type Control, type Facts, limits } from '../protocol.ts';
import type { TurnEvent, Usage } from '../turn-events.ts';
import { bounded, Fields, Malformed } from './jsonl-fields.ts';

/** The turn that a line belongs to, as far as the line says so. */
export interface Of {
  messageId: string | undefined;
  conversationId: string | undefined;
}

/** One line of the agent. schemas/jsonl/schema.json defines its fields. */
export type Said =
  | { type: 'ready'; ready: Fields }
  | { type: 'ack'; messageId: string }
  | { type: 'event'; of: Of; event: JsonObject }
  | { type: 'chat_done'; of: Of; stopReason: string | undefined }
  | { type: 'route_request'; requestId: string; toId: string; message: string; of: Of }
  | { type: 'route_done'; requestId: string; messageId: string | undefined; response: string }
  | { type: 'mgmt_request'; requestId: string; action: string; params: JsonObject }
  | { type: 'query_response'; requestId: string; answer: { data: unknown } | { error: string } }
  | { type: 'bg_event'; source: string; conversationId: string | undefined; event: JsonObject }
  | { type: 'bg_done'; source: string; conversationId: string | undefined }
  | { type: 'usage'; of: Of; usage: Usage }
  | { type: 'quota'; until: number | undefined; message: string }
  | { type: 'error'; messageId: string | undefined; error: string };

/** Parses a line. Throws Malformed. */
export function readLine(line: string): Said {
  const large = jsonFault(line);
  if (large !== undefined) throw new Malformed(large);
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new Malformed('it is no JSON', { cause });
  }
  if (!isObject(value)) throw new Malformed('it is no JSON object');
  const fields = new Fields(value);
  const type = fields.text('type');
  switch (type) {
    case 'ready':
      return { type, ready: fields };
    case 'ack':
      return { type, messageId: fields.id('messageId') };
    case 'event':
      return { type, of: of(fields), event: fields.whole('event') };
    case 'chat_done':
      return { type, of: of(fields), stopReason: fields.optionalName('stopReason') };
    case 'route_request':
      return {
        type,
        requestId: fields.id('requestId'),
        toId: fields.id('toId'),
        message: fields.text('message'),
        of: of(fields),
      };
    case 'route_done':
      return {
        type,
        requestId: fields.id('requestId'),
        messageId: fields.optionalId('messageId'),
        response: fields.text('response'),
      };
    case 'mgmt_request': {
      const { type: _, requestId: __, action: ___, ...params } = value;
      bounded(params, type);
      return { type, requestId: fields.id('requestId'), action: fields.id('action'), params };
    }
    case 'query_response': {
      const error = fields.optionalName('error', limits.error);
      const answer = error === undefined ? { data: bounded(value.data ?? null, 'data') } : { error };
      return { type, requestId: fields.id('requestId'), answer };
    }
    case 'bg_event':
      return {
        type,
        source: fields.id('source'),
        conversationId: fields.optionalId('conversationId'),
        event: fields.whole('event'),
      };
    case 'bg_done':
      return { type, source: fields.id('source'), conversationId: fields.optionalId('conversationId') };
    case 'usage':
      return { type, of: of(fields), usage: usage(fields) };
    case 'quota':
      return { type, until: fields.instant('until'), message: fields.name('message', limits.error) };
    case 'error':
      return { type, messageId: fields.optionalId('messageId'), error: fields.name('error', limits.error) };
    default:
      throw new Malformed(`its type is unknown: ${type.slice(0, 40)}`);
  }
}

/** Returns the currency. It becomes a key of stored sums, so it is limited. */
function currency(cost: Fields): string {
  const value = cost.id('currency');
  if (value.length > limits.currency)
    throw new Malformed(`currency must not be longer than ${limits.currency} characters`);
  return value;
}

const of = (fields: Fields): Of => ({
  messageId: fields.optionalId('messageId'),
  conversationId: fields.optionalId('conversationId'),
});

function usage(fields: Fields): Usage {
  const counts = fields.optionalName('counts') ?? 'turn';
  if (counts !== 'turn' && counts !== 'session') throw new Malformed('counts must be turn or session');
  const cost = fields.child('cost');
  const all = {
    model: fields.optionalName('model'),
    inputTokens: fields.count('inputTokens'),
    outputTokens: fields.count('outputTokens'),
    totalTokens: fields.count('totalTokens'),
    cachedReadTokens: fields.count('cachedReadTokens'),
    cost: cost && { amount: cost.amount('amount'), currency: currency(cost) },
  };
  const reported = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  if (Object.keys(reported).length === 0) throw new Malformed('it reports nothing that was used');
  return { ...reported, counts: counts === 'turn' ? 'Turn' : 'Session' };
}

/** Returns an agent's event as a TurnEvent. An event of unknown shape is the agent's own and is passed on unchanged. */
export function turnEvent(event: JsonObject): TurnEvent {
  const { type, text } = event;
  if (type === 'text' && typeof text === 'string') return { type, text };
  if (type === 'thought' && typeof text === 'string') return { type, text };
  if (type === 'tool') return toolEvent(event) ?? { type: 'other', event };
  return { type: 'other', event };
}

function toolEvent(event: JsonObject): TurnEvent | undefined {
  const { id, title, kind, status, output } = event;
  if (typeof id !== 'string' || id === '') return undefined;
  if (!optionalText(title) || !optionalText(kind) || !optionalText(output) || !isStatus(status))
    return undefined;
  return {
    type: 'tool',
    id: cut(id, limits.id),
    ...(title == null ? {} : { title: cut(title, limits.title) }),
    ...(kind == null ? {} : { kind: cut(kind, limits.name) }),
    ...(status == null ? {} : { status }),
    ...(output == null ? {} : { output: beginning(output, limits.toolOutput) }),
  };
}

const optionalText = (value: unknown): value is string | null | undefined =>
  value == null || typeof value === 'string';

type Status = 'pending' | 'in_progress' | 'completed' | 'failed';
const statuses: readonly unknown[] = ['pending', 'in_progress', 'completed', 'failed'] satisfies Status[];

const isStatus = (value: unknown): value is Status | null | undefined =>
  value == null || statuses.includes(value);

/** Returns what `ready` says about the agent. All its fields are optional. Throws Malformed. */
export function factsOf(ready: Fields): Facts {
  const agent = ready.child('agent');
  const controls = ready.child('controls');
  return {
    ...(agent === undefined
      ? {}
      : { agent: { name: agent.name('name'), ...versionOf(agent.optionalName('version')) } }),
    canResume: ready.flag('canResume') ?? false,
    controls: {
      model: control('model', 'AGENTCTL_MODEL', controls?.flag('model')),
      systemPrompt: control('system prompt', 'AGENTCTL_SYSTEM_PROMPT', controls?.flag('systemPrompt')),
      mcp: {
        status: 'True',
        reason: 'OwnLines',
        message: 'the protocol has lines of its own for it: route_request and mgmt_request',
      },
    },
    cancel: ready.flag('cancel') ?? false,
  };
}

const versionOf = (version: string | undefined): { version?: string } =>
  version === undefined ? {} : { version };

function control(what: string, variable: string, takes: boolean | undefined): Control {
  switch (takes) {
    case true:
      return { status: 'True', reason: 'Reported', message: `the agent says that it uses the ${what}` };
    case false:
      return {
        status: 'False',
        reason: 'Reported',
        message: `the agent says that it does not use the ${what}`,
      };
    case undefined:
      return {
        status: 'Unknown',
        reason: 'NotReported',
        message: `the ${what} stands in ${variable}; whether the agent reads it, its line ready does not say`,
      };
  }
}
