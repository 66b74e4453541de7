import { command } from './command.ts';
import { emitEvent, type InstanceDraft, wake } from './draft.ts';
import { instant, shortTime, timeText } from './instant.ts';
import type { Instant } from './world.ts';

/** Notes since when a run that is up has been outdated. */
export function noteOutdated(draft: InstanceDraft): void {
  const { next, now, outdated } = draft;
  if (outdated === undefined) {
    delete next.outdatedSince;
    return;
  }
  const since = instant(next.outdatedSince);
  if (since !== undefined && since <= now) return;
  if (since === undefined) emitEvent(draft, 'Normal', 'Drifted', `${outdated.message}.`);
  next.outdatedSince = timeText(now);
}

/** Since when the instance has had nothing to do; undefined while it is busy. */
export function idleSince({ view, now, container }: InstanceDraft): Instant | undefined {
  if (view.activity.busy) return undefined;
  return Math.min(now, view.activity.idleSince ?? container?.startedAt ?? now);
}

/** Whether an outdated instance may be replaced now by Policy.update, but for maxUnavailable; says what it waits for. */
export function updateGate(draft: InstanceDraft): { open: boolean; waits: string } {
  const { update } = draft.context.settings;
  const { next, now } = draft;
  if (update.strategy === 'OnDelete')
    return {
      open: false,
      waits: `It is replaced when it is deleted: ${command(draft.context.world.agent, `delete instance ${draft.name}`)}`,
    };
  if (update.forceAfter !== undefined) {
    const force = (instant(next.outdatedSince) ?? now) + update.forceAfter;
    if (force <= now) return { open: true, waits: '' };
    wake(draft, force);
  }
  const idle = idleSince(draft);
  if (idle === undefined) return { open: false, waits: 'It is busy; it is replaced when its turn ends' };
  if (update.strategy === 'Rolling') return { open: true, waits: '' };
  const at = idle + update.idleFor;
  if (at <= now) return { open: true, waits: '' };
  wake(draft, at);
  return { open: false, waits: `It is replaced at ${shortTime(at)} if it stays idle` };
}
