import { askedText, beginning } from '../../api/text.ts';
import { limits } from '../limits.ts';
import type { Transcript } from '../protocol.ts';
import { requestText } from '../request-text.ts';
import type { TurnEvent } from '../turn-events.ts';
import {
  type Fields,
  fields,
  id as idOf,
  list,
  name,
  objects,
  oneOf,
  parse,
  present,
  readError,
  string,
} from './acp-message.ts';
import { mergeTool, type Tool, titleOf } from './acp-tool-calls.ts';
import { isTurnId } from './acp-turns.ts';

const statuses = ['pending', 'in_progress', 'completed', 'failed'] as const;

/** Returns the event that a session/update means for a turn, or undefined. */
export function toEvent(update: Fields): TurnEvent | undefined {
  switch (update.sessionUpdate) {
    case 'agent_message_chunk':
      return chunk('text', update.content);
    case 'agent_thought_chunk':
      return chunk('thought', update.content);
    // The first report of a call may omit fields that have their default.
    case 'tool_call':
      return tool({ ...update, kind: update.kind ?? 'other', status: update.status ?? 'pending' });
    case 'tool_call_update':
      return tool(update);
    case 'plan':
      return {
        type: 'plan',
        entries: objects(update.entries)
          .slice(0, limits.entries)
          .map(({ content, status }) => ({
            content: name(content, limits.title) ?? '',
            status: name(status) ?? 'pending',
          })),
      };
    default:
      return undefined;
  }
}

function chunk(type: 'text' | 'thought', content: unknown): TurnEvent | undefined {
  const found = fields(content);
  if (found === undefined) return undefined;
  const text = string(found.text);
  if (found.type === 'text') return text === undefined || text === '' ? undefined : { type, text };
  // An image or a file: reported without its content, which may be of any size.
  return {
    type: 'other',
    event: present({
      type: name(found.type),
      uri: name(found.uri, limits.title),
      mimeType: name(found.mimeType),
    }),
  };
}

function tool(update: Fields): TurnEvent | undefined {
  const id = idOf(update.toolCallId);
  if (id === undefined) return undefined;
  return present({
    type: 'tool' as const,
    id,
    title: titleOf(update),
    kind: name(update.kind),
    status: oneOf(update.status, statuses),
    output: output(update),
  });
}

function output({ content, rawOutput }: Fields): string | undefined {
  const parts = objects(content).flatMap((item) => {
    if (item.type === 'diff') return [`[changed ${string(item.path) ?? 'a file'}]`];
    return string(fields(item.content)?.text) ?? [];
  });
  if (parts.length === 0 && list(content).length === 0 && typeof rawOutput === 'string')
    parts.push(rawOutput);
  return parts.length === 0 ? undefined : beginning(parts.join('\n'), limits.toolOutput);
}

/** Characters of a line of a transcript. A longer line is split. */
const mostLine = 4_096;

/** Open tool calls that are kept. */
const mostTools = 1_000;

/** What is kept of a tool call: a text of what it would do, instead of its input. */
interface Known extends Pick<Tool, 'title' | 'kind'> {
  status: string;
  request?: string | undefined;
}

export function createTranscript(): Transcript {
  /** Text of one session and one kind without a newline yet. */
  let open = { source: '', prefix: '', text: '' };
  const tools = new Map<string, Known>();

  const flush = (): string[] => {
    const { prefix, text } = open;
    open = { source: '', prefix: '', text: '' };
    return text === '' ? [] : [prefix + text];
  };

  /** Adds text that continues the last text of its source. */
  const flow = (source: string, prefix: string, text: string): string[] => {
    const before = open.source === source ? [] : flush();
    const lines = ((open.source === source ? open.text : '') + text).split('\n');
    const rest = lines.pop() ?? '';
    open = { source, prefix, text: rest.length > mostLine ? '' : rest };
    const long = rest.length > mostLine ? [rest] : [];
    return [...before, ...[...lines, ...long].map((line) => (line === '' ? '' : prefix + line))];
  };

  const tool = (session: string, update: Fields): string[] => {
    const key = `${session}/${string(update.toolCallId)}`;
    const known = tools.get(key);
    const status = string(update.status) ?? known?.status ?? 'pending';
    const { input, ...next } = { ...mergeTool(known, update), status };
    if (status === 'completed' || status === 'failed') tools.delete(key);
    else tools.set(key, { ...next, request: requestText(input) ?? known?.request });
    if (tools.size > mostTools) tools.delete(tools.keys().next().value ?? '');
    if (known !== undefined && known.status === status && known.title === next.title) return [];
    return [...flush(), `[tool] ${next.title ?? 'without a title'} (${status})`];
  };

  const update = (session: string, found: Fields): string[] => {
    const text = string(fields(found.content)?.text) ?? '';
    const source = `${session}/${String(found.sessionUpdate)}/${string(found.messageId) ?? ''}`;
    switch (found.sessionUpdate) {
      case 'agent_message_chunk':
        return flow(source, '', text);
      case 'agent_thought_chunk':
        return flow(source, '[thought] ', text);
      case 'user_message_chunk':
        return flow(source, '[user] ', text);
      case 'tool_call':
      case 'tool_call_update':
        return tool(session, found);
      case 'plan':
        return [
          ...flush(),
          ...objects(found.entries).map(({ content, status }) => `[plan] ${content} (${status})`),
        ];
      default:
        return [];
    }
  };

  const take = (line: string): string[] => {
    const { message } = parse(line);
    if (message === undefined) return [...flush(), line];
    const found: Fields = { ...message };
    const params = fields(found.params);
    const session = string(params?.sessionId) ?? '';
    if (found.method === 'session/update') return update(session, fields(params?.update) ?? {});
    if (found.method === 'session/request_permission') {
      const call = fields(params?.toolCall) ?? {};
      const known = tools.get(`${session}/${string(call.toolCallId)}`);
      const { title = 'without a title', input } = mergeTool(known, call);
      const request = requestText(input) ?? known?.request;
      return [...flush(), `[permission] ${askedText({ title, request })}`];
    }
    if (found.method !== undefined) return [];
    if (found.error !== undefined) {
      const what = isTurnId(found.id) ? 'turn failed' : 'error';
      return [...flush(), `[${what}: ${readError(found.error).message}]`];
    }
    if (!isTurnId(found.id)) return [];
    return [...flush(), `[turn ended: ${string(fields(found.result)?.stopReason) ?? 'no reason given'}]`];
  };

  return Object.assign(take, { flush });
}
