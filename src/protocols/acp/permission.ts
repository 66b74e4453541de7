import { cut } from '../../api/cut.ts';
import { limits } from '../limits.ts';
import { optionFor, type Permission, type PermissionOption } from '../talk.ts';
import type { Calls } from './calls.ts';
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
} from './message.ts';

const kinds = ['allow_once', 'allow_always', 'reject_once', 'reject_always'] as const;

/**
 * A session/request_permission. Its id holds all that an answer needs, since a later connection may have to give it;
 * agents number their requests anew with every start, so the turn is part of it.
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

/** The line that answers it; undefined where the id is none of ours. `option`: in place of the one that is taken by itself. */
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
    return undefined; // not one of ours
  }
}
