import type { Message } from '../messages/message.ts';
import type { Rules } from './rules.ts';

/** The message either waits again with this number of attempts, or has failed. */
export type Next =
  | { attempts: number; interrupted: string | undefined }
  | { state: 'Failed'; reason: 'MaxAttempts' | 'Interrupted'; error: string };

/**
 * Returns what happens to a message whose turn was interrupted. If it has had no effect, it is sent again. `stopping`:
 * we stopped the instance, so the message is not to blame.
 */
export function afterInterruption(
  { id, attempts, produced, interrupted }: Pick<Message, 'id' | 'attempts' | 'produced' | 'interrupted'>,
  { maxAttempts, onInterrupted }: Pick<Rules, 'maxAttempts' | 'onInterrupted'>,
  { why, stopping }: { why: string; stopping: boolean },
): Next {
  const counted = stopping ? Math.max(0, attempts - 1) : attempts;
  if (counted >= maxAttempts) {
    const error = `It was delivered ${attempts} times, and each time the turn was interrupted: ${why}. Send it again with agentctl messages retry ${id}.`;
    return { state: 'Failed', reason: 'MaxAttempts', error };
  }
  // An earlier attempt may have had effects.
  if (!produced) return { attempts: counted, interrupted };
  switch (onInterrupted) {
    case 'Fail':
      return { state: 'Failed', reason: 'Interrupted', error: `The turn was interrupted: ${why}.` };
    case 'Retry':
      return { attempts: counted, interrupted: undefined };
    case 'Resume':
      return { attempts: counted, interrupted: why };
  }
}
