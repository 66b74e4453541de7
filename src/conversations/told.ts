import { createHash } from 'node:crypto';
import type { Conversation } from '../messages/message.ts';
import type { ConnectOptions } from '../protocols/protocol.ts';

type Settings = Pick<ConnectOptions, 'systemPrompt'>;

/** Returns the system prompt, unless the session is known to have it. */
export const prefaceOf = ({ told }: Conversation, { systemPrompt }: Settings): string | undefined =>
  systemPrompt === undefined || told === undefined || told === digest(systemPrompt)
    ? undefined
    : systemPrompt;

/**
 * Records that the session has the system prompt, after a completed turn. After a failed, cancelled or refused turn, an
 * agent may have kept nothing.
 */
export const withTold = (conversation: Conversation, { systemPrompt }: Settings): Conversation => ({
  ...conversation,
  told: digest(systemPrompt ?? ''),
});

/** Returns whether a turn of the conversation has completed. */
export const hasBegun = ({ told, session }: Conversation): boolean =>
  told === undefined ? session !== undefined : told !== '';

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 16);
