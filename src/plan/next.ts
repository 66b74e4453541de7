import type { InstanceDraft } from './draft.ts';
import { instant } from './instant.ts';
import { restartComesAt } from './schedule.ts';
import type { Instant } from './world.ts';

export interface Step {
  action: string;
  at: Instant;
}

/** What happens by itself first, for people; `prompt` is the next that the Agent sends itself. */
export function nextStep(drafts: readonly InstanceDraft[], prompt: Step | undefined): Step | undefined {
  let best = prompt;
  for (const draft of drafts) {
    const step = stepOf(draft);
    if (step !== undefined && (best === undefined || step.at < best.at)) best = step;
  }
  return best;
}

function stepOf(draft: InstanceDraft): Step | undefined {
  const { next } = draft;
  const { phase, stop } = next;
  if (phase === 'BackOff') return at('Restart', next.backoffUntil);
  if (phase === 'Stopping' && stop?.stage === 'Shutdown') return at('Signal', stop.deadline);
  if (phase === 'Stopping' && stop?.stage === 'Signal') return at('Kill', stop.deadline);
  if (draft.retryAt !== undefined) return { action: 'Start', at: draft.retryAt };
  const restart = ended.has(phase) ? undefined : restartComesAt(draft);
  return restart === undefined ? undefined : { action: 'ScheduledRestart', at: restart };
}

/** What has ended for good is not restarted by the clock; the due time that is noted is of use after a resume. */
const ended: ReadonlySet<string | undefined> = new Set(['Completed', 'Failed']);

function at(action: string, text: string | undefined): Step | undefined {
  const found = instant(text);
  return found === undefined ? undefined : { action, at: found };
}
