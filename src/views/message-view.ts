import { keyOf, type Message, type MessageStatus } from '../api/objects.ts';
import { parseTime } from '../api/time.ts';
import { isFinal } from '../messages/message.ts';
import type { Lookup } from './lookup.ts';
import { type TurnPart, TurnView } from './turn-view.ts';

export interface MessageView extends Pick<Message, 'kind' | 'metadata' | 'spec'> {
  status: MessageStatus & Required<Pick<MessageStatus, 'state'>>;
  isEnded: boolean;
  /** From the last delivery to the end, in milliseconds. */
  took?: number | undefined;
  /** Empty also if its events are no longer kept. */
  turn: readonly TurnPart[];
}

export function messageView(
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
