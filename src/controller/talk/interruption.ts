import type { Message } from '../../messages/message.ts';
import type { Rules } from './rules.ts';

/** It waits again with so many attempts counted, or it has failed. */
export type Next =
  | { attempts: number; interrupted: string | undefined }
  | { state: 'Failed'; reason: 'MaxAttempts' | 'Interrupted'; error: string };

/**
 * What follows for a message whose turn was cut short. One that has had no effect is simply sent again. `stopping`: by
 * a stop of ours, which is no fault of the message.
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
  // What an attempt before this one may have done is still done.
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
