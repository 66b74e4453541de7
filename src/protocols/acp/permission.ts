import { cut, limits } from '../limits.ts';
import type { Permission } from '../talk.ts';
import type { JsonRpcId } from './message.ts';
import { type Fields, fields, id as idOf, name, objects, present, string } from './read.ts';

/** What is known of a tool call. */
export interface Tool {
  title?: string | undefined;
  kind?: string | undefined;
  input?: unknown;
}

/**
 * A session/request_permission. Its id holds all that an answer needs, since a later connection may have to give it;
 * agents number their requests anew with every start, so the turn is part of it.
 */
export function readPermission(
  turn: string,
  id: JsonRpcId,
  params: unknown,
  known: (toolCallId: string) => Tool | undefined,
): Permission | undefined {
  const request = fields(params);
  const call = fields(request?.toolCall);
  const toolCallId = idOf(call?.toolCallId);
  if (request === undefined || call === undefined || toolCallId === undefined) return undefined;
  const { title, kind, input } = mergeTool(known(toolCallId), call);
  const options = objects(request.options);
  const allow = choose(options, 'allow_once', 'allow_always');
  const deny = choose(options, 'reject_once', 'reject_always');
  return present({
    id: JSON.stringify({ turn, id, allow, deny }),
    title: cut(title ?? `tool call ${toolCallId}`, limits.title),
    toolKind: kind ?? 'other',
    toolCallId,
    input,
  });
}

export function mergeTool(known: Tool | undefined, call: Fields): Tool {
  return {
    title: name(call.title, limits.title) ?? name(call.name, limits.title) ?? known?.title,
    kind: name(call.kind) ?? known?.kind,
    input: call.rawInput === undefined ? known?.input : shown(call.rawInput),
  };
}

/** The line that answers it; undefined where the id is none of ours. */
export function answerTo(permission: string, decision: 'Allow' | 'Deny' | 'Cancelled'): string | undefined {
  const found = parseId(permission);
  if (found === undefined) return undefined;
  const optionId =
    decision === 'Cancelled' ? undefined : string(decision === 'Allow' ? found.allow : found.deny);
  const outcome = optionId === undefined ? { outcome: 'cancelled' } : { outcome: 'selected', optionId };
  return JSON.stringify({ jsonrpc: '2.0', id: found.id, result: { outcome } });
}

function parseId(permission: string): Fields | undefined {
  try {
    const found = fields(JSON.parse(permission));
    return found !== undefined && 'turn' in found && 'id' in found ? found : undefined;
  } catch {
    return undefined; // not one of ours
  }
}

/** The option that decides this call alone, else the one that decides all to come. */
const choose = (options: readonly Fields[], once: string, always: string): string | undefined =>
  idOf((options.find(({ kind }) => kind === once) ?? options.find(({ kind }) => kind === always))?.optionId);

/** For people: an input that is too large to be kept is cut. */
function shown(input: unknown): unknown {
  try {
    const text = JSON.stringify(input) ?? '';
    return text.length <= limits.toolInput ? input : cut(text, limits.toolInput);
  } catch {
    return 'an input that is nested too deeply to be shown';
  }
}
