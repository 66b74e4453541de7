import type { Envelope } from '../messages/message.ts';
import type { Meters } from '../platform/meters.ts';
import { metrics } from '../platform/metrics.ts';

const reasons = metrics.messagesEnded.labels.reason;

export function countDelivery(meters: Meters, { createdAt, deliveredAt }: Envelope, again: boolean): void {
  meters.messageDeliveries.inc({ attempt: again ? 'later' : 'first' });
  if (!again && deliveredAt !== undefined)
    meters.messageWaitSeconds.observe({}, secondsOf(createdAt, deliveredAt));
}

/** Reasons that are not in the table, as of a later protocol, are counted together. */
export function countEnd(meters: Meters, { state, reason, deliveredAt, endedAt }: Envelope): void {
  const word = state === 'Completed' ? state : reason;
  meters.messagesEnded.inc({ reason: reasons.find((known) => known === word) ?? 'Other' });
  if (deliveredAt !== undefined && endedAt !== undefined)
    meters.messageTurnSeconds.observe({}, secondsOf(deliveredAt, endedAt));
}

/** The clock may have been set back. */
const secondsOf = (from: number, to: number): number => Math.max(0, to - from) / 1_000;
