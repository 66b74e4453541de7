import { cut } from '../../api/text.ts';
import { limits } from '../protocol.ts';
import { optionFor, type Permission, type PermissionOption } from '../turn-events.ts';
import {
  type Fields,
  fields,
  id as idOf,
  type JsonRpcId,
  name,
  objects,
  oneOf,
  present,
  string,
} from './acp-message.ts';
import type { Calls } from './acp-tool-calls.ts';

const kinds = ['allow_once', 'allow_always', 'reject_once', 'reject_always'] as const;

/**
 * Parses a session/request_permission. The returned id contains everything that an answer needs, because a later
 * connection may have to answer. Agents restart their request numbers with each start, so the turn is part of the id.
 */
export function readPermission(
  turn: string,
  id: JsonRpcId,
  params: unknown,
  calls: Calls,
): Permission | undefined {
  const request = fields(params);
  const call = fields(request?.toolCall);
  const toolCallId = idOf(call?.toolCallId);
  if (request === undefined || call === undefined || toolCallId === undefined) return undefined;
  const { title, kind, input, ...whose } = calls.ask(toolCallId, call);
  const options = objects(request.options).slice(0, limits.options).flatMap(readOption);
  return present({
    id: JSON.stringify({
      turn,
      id,
      allow: optionFor(options, 'Allow')?.id,
      deny: optionFor(options, 'Deny')?.id,
    }),
    title: cut(title ?? `tool call ${toolCallId}`, limits.title),
    toolKind: kind ?? 'other',
    ...whose,
    input,
    options,
  });
}

function readOption(option: Fields): PermissionOption[] {
  const id = idOf(option.optionId);
  const kind = oneOf(option.kind, kinds);
  return id === undefined || kind === undefined ? [] : [{ id, kind, name: name(option.name) ?? id }];
}

/**
 * Returns the line that answers a permission request. Undefined if the id is not ours. `option` replaces the default
 * option.
 */
export function answerTo(
  permission: string,
  decision: 'Allow' | 'Deny' | 'Cancelled',
  option?: string,
): string | undefined {
  const found = parseId(permission);
  if (found === undefined) return undefined;
  const optionId =
    decision === 'Cancelled'
      ? undefined
      : (option ?? string(decision === 'Allow' ? found.allow : found.deny));
  const outcome = optionId === undefined ? { outcome: 'cancelled' } : { outcome: 'selected', optionId };
  return JSON.stringify({ jsonrpc: '2.0', id: found.id, result: { outcome } });
}

function parseId(permission: string): Fields | undefined {
  try {
    const found = fields(JSON.parse(permission));
    return found !== undefined && 'turn' in found && 'id' in found ? found : undefined;
  } catch {
    return undefined; // not ours
  }
}
