import { nextDue } from './cron.ts';
import { fraction } from './hash.ts';
import { instant, shortTime, timeText } from './instant.ts';
import type { Schedule } from './settings.ts';
import { addWait, type Turn, tell, wake } from './turn.ts';
import { idleSince } from './update.ts';
import type { Instant } from './world.ts';

/** Without catchUp a due time that was missed by more is skipped. */
const missedAfter = 60_000;
/** A clock that went back by more makes the next due time be found anew; by less, what ran is not run again. */
const clockWentBack = 86_400_000;
const separator = ' from ';

/**
 * Policy.scheduledRestart for an instance that is up: says why to restart it now, or nothing. The next due time is kept
 * in the status and found anew only after it has come, or when the schedule changes.
 */
export function dueRestart(turn: Turn): string | undefined {
  const { schedule } = turn.context.settings;
  const { next, now } = turn;
  if (schedule === undefined) {
    delete next.nextRestartAt;
    delete next.scheduleKey;
    delete next.restartDueSince;
    return undefined;
  }
  if (isDone(turn, instant(next.restartDueSince))) delete next.restartDueSince;
  const at = dueAt(turn, schedule);
  if (at !== undefined && at <= now) comeDue(turn, schedule, at);
  else if (at !== undefined) wake(turn, at);
  const since = instant(next.restartDueSince);
  return since === undefined ? undefined : gate(turn, schedule, Math.min(since, now));
}

/** A start since then, for whatever cause, has done what was due. */
function isDone({ next }: Turn, since: Instant | undefined): boolean {
  return since !== undefined && (instant(next.run?.claimedAt) ?? 0) >= since;
}

/** When it is next due, or was and has not been noted. */
function dueAt(turn: Turn, schedule: Schedule): Instant | undefined {
  const { next, now } = turn;
  const key = schedule.every === undefined ? schedule.key : `${schedule.key} run ${next.run?.number ?? 0}`;
  const [storedKey, from] = next.scheduleKey?.split(separator) ?? [];
  if (storedKey !== key) {
    if (schedule.every === undefined && storedKey !== undefined) delete next.restartDueSince;
  } else if (now >= (instant(from) ?? now) - clockWentBack) return instant(next.nextRestartAt);
  next.scheduleKey = `${key}${separator}${timeText(now)}`;
  const due = findDue(turn, schedule);
  setDue(turn, due);
  return due;
}

function findDue(turn: Turn, schedule: Schedule): Instant | undefined {
  const jitter = schedule.jitter === 0 ? 0 : Math.round(schedule.jitter * fraction(`${turn.uid}/schedule`));
  if (schedule.every !== undefined) {
    const claimed = Math.min(turn.now, instant(turn.next.run?.claimedAt) ?? turn.now);
    return claimed + schedule.every + jitter;
  }
  if (schedule.cron === undefined) return undefined;
  const due = nextDue(schedule.cron, schedule.timezone, turn.now - jitter);
  return due === undefined ? undefined : due + jitter;
}

function setDue({ next }: Turn, at: Instant | undefined) {
  if (at === undefined) delete next.nextRestartAt;
  else next.nextRestartAt = timeText(at);
}

/** A due time has come: notes it, or skips one that was missed, and finds the next. */
function comeDue(turn: Turn, schedule: Schedule, at: Instant) {
  const { next, now } = turn;
  if (schedule.cron !== undefined) {
    next.scheduleKey = `${schedule.key}${separator}${timeText(now)}`;
    const following = findDue(turn, schedule);
    setDue(turn, following);
    if (following !== undefined) wake(turn, following);
    if (!schedule.catchUp && now - at > missedAfter)
      return tell(
        turn,
        'Normal',
        'RestartSkipped',
        `The restart of ${shortTime(at)} was missed, and catchUp is false.`,
      );
  }
  if (next.restartDueSince !== undefined || isDone(turn, at)) return;
  next.restartDueSince = timeText(at);
  tell(turn, 'Normal', 'RestartDue', `A scheduled restart is due since ${shortTime(at)}.`);
}

/**
 * When the next restart comes, if the instance stays as idle or as busy as it is now; undefined where that is never. For
 * people.
 */
export function restartComesAt(turn: Turn): Instant | undefined {
  const { schedule } = turn.context.settings;
  const due = instant(turn.next.restartDueSince) ?? instant(turn.next.nextRestartAt);
  if (schedule === undefined || due === undefined) return undefined;
  const idle = idleSince(turn);
  const force = schedule.forceAfter === undefined ? undefined : due + schedule.forceAfter;
  // One that is busy now may well be idle by then.
  const earliest = turn.now + schedule.whenIdleFor;
  const gentle =
    idle !== undefined ? Math.max(due, idle + schedule.whenIdleFor) : due > earliest ? due : undefined;
  return gentle === undefined || force === undefined ? (gentle ?? force) : Math.min(gentle, force);
}

/** Why to restart now, once it has been idle for whenIdleFor or due for forceAfter. */
function gate(turn: Turn, schedule: Schedule, since: Instant): string | undefined {
  const { now } = turn;
  const text = `The restart of ${shortTime(since)} is due`;
  if (schedule.forceAfter !== undefined) {
    const force = since + schedule.forceAfter;
    if (force <= now) return `${text}, and forceAfter has passed`;
    wake(turn, force);
  }
  const idle = idleSince(turn);
  const at = idle === undefined ? undefined : idle + schedule.whenIdleFor;
  if (at !== undefined && at <= now) return text;
  if (at !== undefined) wake(turn, at);
  const waits =
    at === undefined
      ? 'It waits until the instance is idle'
      : `It is restarted at ${shortTime(at)} if it stays idle`;
  addWait(turn, 'RestartDue', `${text}. ${waits}.`);
  return undefined;
}
