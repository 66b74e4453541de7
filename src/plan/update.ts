import { command } from './command.ts';
import { instant, shortTime, timeText } from './instant.ts';
import { type Turn, tell, wake } from './turn.ts';
import type { Instant } from './world.ts';

/** Notes since when a run that is up has been outdated. */
export function noteOutdated(turn: Turn): void {
  const { next, now, outdated } = turn;
  if (outdated === undefined) {
    delete next.outdatedSince;
    return;
  }
  const since = instant(next.outdatedSince);
  if (since !== undefined && since <= now) return;
  if (since === undefined) tell(turn, 'Normal', 'Drifted', `${outdated.message}.`);
  next.outdatedSince = timeText(now);
}

/** Since when the instance has had nothing to do; undefined while it is busy. */
export function idleSince({ view, now, container }: Turn): Instant | undefined {
  if (view.activity.busy) return undefined;
  return Math.min(now, view.activity.idleSince ?? container?.startedAt ?? now);
}

/** Whether an outdated instance may be replaced now by Policy.update, but for maxUnavailable; says what it waits for. */
export function updateGate(turn: Turn): { open: boolean; waits: string } {
  const { update } = turn.context.settings;
  const { next, now } = turn;
  if (update.strategy === 'OnDelete')
    return {
      open: false,
      waits: `It is replaced when it is deleted: ${command(turn.context.world.agent, `delete instance ${turn.name}`)}`,
    };
  if (update.forceAfter !== undefined) {
    const force = (instant(next.outdatedSince) ?? now) + update.forceAfter;
    if (force <= now) return { open: true, waits: '' };
    wake(turn, force);
  }
  const idle = idleSince(turn);
  if (idle === undefined) return { open: false, waits: 'It is busy; it is replaced when its turn ends' };
  if (update.strategy === 'Rolling') return { open: true, waits: '' };
  const at = idle + update.idleFor;
  if (at <= now) return { open: true, waits: '' };
  wake(turn, at);
  return { open: false, waits: `It is replaced at ${shortTime(at)} if it stays idle` };
}
