import {
  type AgentSpec,
  type Approval,
  type ApprovalSpec,
  type ApprovalStatus,
  type Conversation,
  keyOf,
  type Message,
  type MessageStatus,
} from '../api/objects.ts';
import { parseTime } from '../api/time.ts';
import type { StreamEntry } from '../client/streams.ts';
import { isFinal } from '../messages/message.ts';
import { nextDue } from '../plan/schedule.ts';
import { optionFor, type TurnEvent } from '../protocols/turn-events.ts';
import { type Lookup, messagesOf } from './lookup.ts';

export interface ConversationView
  extends Pick<Conversation, 'kind' | 'metadata'>,
    Required<Pick<Conversation, 'status'>> {
  agent: string;
  /** Its messages with their answers, the oldest first. */
  dialogue: readonly MessageView[];
}

export const conversationView = (
  { kind, metadata, spec, status = {} }: Conversation,
  messages: readonly Message[] = [],
): ConversationView => ({
  kind,
  metadata,
  agent: spec.agentRef.name,
  status,
  dialogue: messages.map((message) => messageView(message)),
});

export async function readConversation(
  lookup: Pick<Lookup, 'list'>,
  conversation: Conversation,
): Promise<ConversationView> {
  const { namespace, name } = conversation.metadata;
  return conversationView(conversation, await messagesOf(lookup, namespace, { 'spec.conversation': name }));
}

export interface MessageView extends Pick<Message, 'kind' | 'metadata' | 'spec'> {
  status: MessageStatus & Required<Pick<MessageStatus, 'state'>>;
  isEnded: boolean;
  /** From the last delivery to the end, in milliseconds. */
  took?: number | undefined;
  /** Empty also if its events are no longer kept. */
  turn: readonly TurnPart[];
}

function messageView(
  { kind, metadata, spec, status = {} }: Message,
  turn: readonly TurnPart[] = [],
): MessageView {
  const { state = 'Pending', deliveredAt, endedAt } = status;
  const [from, to] = [deliveredAt, endedAt].map((time) => (time === undefined ? undefined : parseTime(time)));
  return {
    kind,
    metadata,
    spec,
    status: { ...status, state },
    isEnded: isFinal(state),
    took: from === undefined || to === undefined ? undefined : to - from,
    turn,
  };
}

export async function readMessage(
  lookup: Lookup,
  message: Message,
  signal: AbortSignal,
): Promise<MessageView> {
  return messageView(message, TurnView.of(await lookup.turn(keyOf(message), signal)).parts);
}

export const isEnded = ({ status }: Pick<Message, 'status'>): boolean => isFinal(status?.state ?? 'Pending');

type EventOf<T extends TurnEvent['type']> = Extract<TurnEvent, { type: T }>;

/** Something that an agent did in a turn, and people see. */
export type TurnPart = { at: number } & (
  | { part: 'text'; text: string }
  | { part: 'tool'; title: string; kind?: string | undefined }
  | { part: 'toolFailed'; title: string; kind?: string | undefined; output?: string | undefined }
  | { part: 'plan'; entries: EventOf<'plan'>['entries'] }
  | { part: 'approval'; request: EventOf<'approval'> }
  | { part: 'backgroundDone'; source: string }
  | { part: 'note'; text: string }
);

/** What an agent did in a turn so far. `take` adds an event. */
export class TurnView {
  /** In order. Text without another part in between is one part. */
  readonly parts: TurnPart[] = [];
  readonly #tools = new Map<string, { title: string; kind: string | undefined }>();

  static of(entries: Iterable<StreamEntry>): TurnView {
    const view = new TurnView();
    for (const entry of entries) if ('event' in entry) view.take(entry);
    return view;
  }

  /** Returns what is new; undefined if people see nothing of the event. */
  take({ at, event }: Extract<StreamEntry, { event: TurnEvent }>): TurnPart | undefined {
    const part = this.#partOf(event, at);
    const last = this.parts.at(-1);
    if (part?.part === 'text' && last?.part === 'text')
      this.parts.splice(-1, 1, { ...last, text: last.text + part.text });
    else if (part !== undefined) this.parts.push(part);
    return part;
  }

  #partOf(event: TurnEvent, at: number): TurnPart | undefined {
    switch (event.type) {
      case 'text':
        return { part: 'text', at, text: event.text };
      case 'tool':
        return this.#tool(event, at);
      case 'plan':
        return { part: 'plan', at, entries: event.entries };
      case 'approval':
        return { part: 'approval', at, request: event };
      case 'background':
        return event.done === true ? { part: 'backgroundDone', at, source: event.source } : undefined;
      case 'note':
        return { part: 'note', at, text: event.text };
      case 'thought':
      case 'other':
        return undefined;
    }
  }

  /** Some agents report only later what exactly they do. */
  #tool(event: EventOf<'tool'>, at: number): TurnPart | undefined {
    const known = this.#tools.get(event.id);
    const { title = known?.title ?? event.id, kind = known?.kind } = event;
    this.#tools.set(event.id, { title, kind });
    if (event.status === 'failed') return { part: 'toolFailed', at, title, kind, output: event.output };
    return known?.title === title ? undefined : { part: 'tool', at, title, kind };
  }
}

/** The messages, conversations and scheduled prompts of an agent. */
export interface TalkDetails {
  messages: {
    waiting: number;
    inFlight: number;
    completed: number;
    /** Failed or expired. */
    failed: number;
  };
  openConversations: number;
  schedule: readonly ScheduledPrompt[];
}

type ScheduledPrompt = NonNullable<AgentSpec['schedule']>[number] & {
  /** In milliseconds; absent if it is suspended, never due, or not by cron. */
  nextAt?: number | undefined;
};

/** What TalkDetails are built from, beside the spec. */
export interface TalkObjects {
  messages: readonly Message[];
  conversations: readonly Conversation[];
  now: number;
}

export function talkDetails(
  { schedule = [] }: AgentSpec,
  { messages, conversations, now }: TalkObjects,
): TalkDetails {
  const states = messages.map(({ status }) => status?.state ?? 'Pending');
  const inState = (state: string): number => states.filter((each) => each === state).length;
  const waiting = inState('Pending');
  return {
    messages: {
      waiting,
      inFlight: messages.filter((message) => !isEnded(message)).length - waiting,
      completed: inState('Completed'),
      failed: inState('Failed') + inState('Expired'),
    },
    openConversations: conversations.filter(({ status }) => status?.state === 'Open').length,
    schedule: schedule.map((prompt) => {
      const { cron, timezone, suspend } = prompt;
      return { ...prompt, nextAt: cron === undefined || suspend ? undefined : nextDue(cron, timezone, now) };
    }),
  };
}

export interface ApprovalView extends Pick<Approval, 'kind' | 'metadata' | 'spec'> {
  status: ApprovalStatus & Required<Pick<ApprovalStatus, 'state'>>;
  options: readonly AnswerOption[];
}

/** `default`: the decision that takes it if none is named. */
type AnswerOption = NonNullable<ApprovalSpec['options']>[number] & {
  default?: 'approve' | 'deny' | undefined;
};

export const approvalView = ({ kind, metadata, spec, status = {} }: Approval): ApprovalView => ({
  kind,
  metadata,
  spec,
  status: { ...status, state: status.state ?? 'Pending' },
  options: optionsOf(spec),
});

export function optionsOf({ options = [] }: ApprovalSpec): AnswerOption[] {
  const [allow, deny] = [optionFor(options, 'Allow'), optionFor(options, 'Deny')];
  return options.map((option) => ({
    ...option,
    default: option === allow ? 'approve' : option === deny ? 'deny' : undefined,
  }));
}
