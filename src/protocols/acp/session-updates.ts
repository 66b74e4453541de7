import { beginning } from '../../api/text.ts';
import { type Host, limits } from '../protocol.ts';
import type { TurnEvent } from '../turn-events.ts';
import {
  type Fields,
  fields,
  id as idOf,
  list,
  name,
  objects,
  oneOf,
  present,
  string,
} from './acp-message.ts';
import { titleOf } from './acp-tool-calls.ts';
import type { Current, Turns } from './acp-turns.ts';
import { costAndContext, quotaOf, withRequest } from './acp-usage.ts';
import { ownKind } from './own-tools.ts';
import type { Sessions } from './sessions.ts';

/** What the agent reports in its sessions: each update becomes an event of the turn that it belongs to. */
export class SessionUpdates {
  readonly #host: Host;
  readonly #turns: Turns;

  constructor(host: Host, turns: Turns) {
    this.#host = host;
    this.#turns = turns;
  }

  /**
   * Handles a session/update. `sessions` is absent before the handshake. Drops history that is replayed while a session
   * is loaded.
   */
  take(session: string, update: Fields, sessions: Sessions | undefined): void {
    if (update.sessionUpdate === 'config_option_update')
      sessions?.settings.noteOptions(session, update.configOptions);
    if (sessions?.isLoading(session) === true) {
      if (update.sessionUpdate === 'usage_update')
        sessions.noteCost(session, costAndContext(update, undefined)?.cost);
      return;
    }
    const goesOn = this.#turns.of(session);
    const before = this.#turns.before(session);
    const isLate = goesOn === undefined || (before !== undefined && isOf(before, goesOn, update));
    const current = isLate ? before : goesOn;
    if (update.sessionUpdate === 'usage_update') {
      const quota = quotaOf(update);
      if (quota !== undefined) this.#host.quota(quota);
      const usage = costAndContext(update, sessions?.settings.model(session));
      if (usage !== undefined && current !== undefined) this.#host.usage(current.turn.message, usage);
      return;
    }
    if (current?.fresh === true) this.#addRequest(current, update, sessions);
    const event = toEvent(update);
    if (goesOn !== undefined) goesOn.heard = true;
    if (event === undefined) return;
    if (current === undefined || isLate || current.givenUp) {
      if (event.type === 'tool' && current !== undefined) this.#noteLate(current, event, update);
      this.#host.after(present({ message: current?.turn.message, session }), event);
      return;
    }
    const { message } = current.turn;
    if (event.type === 'tool') {
      this.#tool(current, event, update);
      return;
    }
    if (event.type === 'text' && isNext(current, idOf(update.messageId)))
      this.#host.event(message, { ...event, text: `\n\n${event.text}` });
    else this.#host.event(message, event);
  }

  /**
   * Adds a request to the usage of its turn. Not for a turn that an earlier connection began: some of its requests were
   * reported there, so the sum is unknown.
   */
  #addRequest(current: Current, update: Fields, sessions: Sessions | undefined): void {
    const { message, session } = current.turn;
    const about = { agent: sessions?.agent, model: sessions?.settings.model(session) };
    const sum = withRequest(current.requests, update, about);
    if (sum === undefined) return;
    current.requests = sum;
    this.#host.usage(message, sum);
  }

  #tool(
    { turn, calls, cancelled }: Current,
    event: Extract<TurnEvent, { type: 'tool' }>,
    update: Fields,
  ): void {
    const kind = calls.note(event.id, update);
    this.#host.event(turn.message, event.kind === undefined && kind !== ownKind ? event : { ...event, kind });
    const { status } = event;
    // A call that fails during a cancellation may never have begun.
    const isOver = status === 'completed' || (status === 'failed' && !cancelled);
    const use = isOver ? calls.end(event.id, status) : undefined;
    if (use !== undefined) this.#host.used(turn.message, use);
  }

  /** Also after the end of a turn, tools that are used without asking must be noticed. */
  #noteLate({ turn, calls }: Current, event: Extract<TurnEvent, { type: 'tool' }>, update: Fields): void {
    calls.note(event.id, update);
    const use = event.status === 'completed' ? calls.end(event.id, 'completed') : undefined;
    if (use !== undefined) this.#host.used(turn.message, use);
  }
}

/** Whether an update names a call or message of the previous turn, and not of the current one. */
function isOf(before: Current, now: Current, { sessionUpdate, messageId, toolCallId }: Fields): boolean {
  const [text, tool] = [idOf(messageId), idOf(toolCallId)];
  if (sessionUpdate === 'tool_call_update')
    return tool !== undefined && before.calls.has(tool) && !now.calls.has(tool);
  return text !== undefined && before.messageIds.has(text) && !now.messageIds.has(text);
}

/** Whether a text begins another message of the agent. Two messages become two paragraphs. */
function isNext(current: Current, messageId: string | undefined): boolean {
  const before = current.messageId;
  current.messageId = messageId ?? before;
  if (messageId !== undefined && current.messageIds.size < limits.tools) current.messageIds.add(messageId);
  return before !== undefined && messageId !== undefined && before !== messageId;
}

const statuses = ['pending', 'in_progress', 'completed', 'failed'] as const;

/** Returns the event that a session/update means for a turn, or undefined. */
function toEvent(update: Fields): TurnEvent | undefined {
  switch (update.sessionUpdate) {
    case 'agent_message_chunk':
      return chunk('text', update.content);
    case 'agent_thought_chunk':
      return chunk('thought', update.content);
    // The first report of a call may omit fields that have their default.
    case 'tool_call':
      return toolEvent({ ...update, kind: update.kind ?? 'other', status: update.status ?? 'pending' });
    case 'tool_call_update':
      return toolEvent(update);
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

function toolEvent(update: Fields): TurnEvent | undefined {
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
