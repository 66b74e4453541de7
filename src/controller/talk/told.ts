import { createHash } from 'node:crypto';
import type { Conversation } from '../../messages/message.ts';
import type { ConnectOptions } from '../../protocols/protocol.ts';

type Settings = Pick<ConnectOptions, 'systemPrompt'>;

/** The system prompt, where the session is not known to have it. */
export const prefaceOf = ({ told }: Conversation, { systemPrompt }: Settings): string | undefined =>
  systemPrompt === undefined || told === undefined || told === digest(systemPrompt)
    ? undefined
    : systemPrompt;

/**
 * A turn has ended well, and what it was told is in the session: of one that failed, was broken off or refused, an agent
 * may keep nothing.
 */
export const withTold = (conversation: Conversation, { systemPrompt }: Settings): Conversation => ({
  ...conversation,
  told: digest(systemPrompt ?? ''),
});

/** A turn of it has ended well. */
export const hasBegun = ({ told, session }: Conversation): boolean =>
  told === undefined ? session !== undefined : told !== '';

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 16);
