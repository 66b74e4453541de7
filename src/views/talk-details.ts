import type { AgentSpec, Conversation, Message } from '../api/objects.ts';
import { nextDue } from '../plan/schedule.ts';
import { isEnded } from './message-view.ts';

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
