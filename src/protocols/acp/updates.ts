import { beginning } from '../../api/cut.ts';
import { limits } from '../limits.ts';
import type { TurnEvent } from '../talk.ts';
import { titleOf } from './calls.ts';
import { type Fields, fields, id as idOf, list, name, objects, oneOf, present, string } from './read.ts';

const statuses = ['pending', 'in_progress', 'completed', 'failed'] as const;

/** What a session/update means for a turn; undefined where it means nothing. */
export function toEvent(update: Fields): TurnEvent | undefined {
  switch (update.sessionUpdate) {
    case 'agent_message_chunk':
      return chunk('text', update.content);
    case 'agent_thought_chunk':
      return chunk('thought', update.content);
    // The first word on a call need not say what has its default.
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
  // An image, a file: not its content, which may be of any size.
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
