import { askedText } from '../../api/text.ts';
import type { Transcript } from '../protocol.ts';
import { requestText } from '../turn-events.ts';
import { type Fields, fields, objects, parse, readError, string } from './acp-message.ts';
import { mergeTool, type Tool } from './acp-tool-calls.ts';
import { isTurnId } from './acp-turns.ts';

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
