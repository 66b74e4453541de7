import { cronTimes } from '../api/cron.ts';
import { addWait, emitEvent, type InstanceDraft, wake } from './draft.ts';
import { idleSince } from './outdated.ts';
import { fraction } from './restart.ts';
import type { Schedule } from './settings.ts';
import { type Instant, instant, shortTime, timeText } from './times.ts';

/** Without catchUp, a due time that was missed by more than this is skipped. */
const missedAfter = 60_000;
/**
 * If the clock was set back by more than this, the next due time is computed again. If by less, nothing is run twice.
 */
const clockWentBack = 86_400_000;
const separator = ' from ';

/**
 * Policy.scheduledRestart for a running instance. Returns why to restart it now; undefined if not. The next due time is
 * kept in the status. It is computed again only after it has passed, or when the schedule changes.
 */
export function dueRestart(draft: InstanceDraft): string | undefined {
  const { schedule } = draft.context.settings;
  const { next, now } = draft;
  if (schedule === undefined) {
    delete next.nextRestartAt;
    delete next.scheduleKey;
    delete next.restartDueSince;
    return undefined;
  }
  if (isDone(draft, instant(next.restartDueSince))) delete next.restartDueSince;
  const at = dueAt(draft, schedule);
  if (at !== undefined && at <= now) comeDue(draft, schedule, at);
  else if (at !== undefined) wake(draft, at);
  const since = instant(next.restartDueSince);
  return since === undefined ? undefined : gate(draft, schedule, Math.min(since, now));
}

/** Whether a start since then, for any cause, has already done what was due. */
function isDone({ next }: InstanceDraft, since: Instant | undefined): boolean {
  return since !== undefined && (instant(next.run?.claimedAt) ?? 0) >= since;
}

/** The next due time, or the last one that is not recorded yet. */
function dueAt(draft: InstanceDraft, schedule: Schedule): Instant | undefined {
  const { next, now } = draft;
  const key = schedule.every === undefined ? schedule.key : `${schedule.key} run ${next.run?.number ?? 0}`;
  const [storedKey, from] = next.scheduleKey?.split(separator) ?? [];
  if (storedKey !== key) {
    if (schedule.every === undefined && storedKey !== undefined) delete next.restartDueSince;
  } else if (now >= (instant(from) ?? now) - clockWentBack) return instant(next.nextRestartAt);
  next.scheduleKey = `${key}${separator}${timeText(now)}`;
  const due = findDue(draft, schedule);
  setDue(draft, due);
  return due;
}

function findDue(draft: InstanceDraft, schedule: Schedule): Instant | undefined {
  const jitter = schedule.jitter === 0 ? 0 : Math.round(schedule.jitter * fraction(`${draft.uid}/schedule`));
  if (schedule.every !== undefined) {
    const claimed = Math.min(draft.now, instant(draft.next.run?.claimedAt) ?? draft.now);
    return claimed + schedule.every + jitter;
  }
  if (schedule.cron === undefined) return undefined;
  const due = nextDue(schedule.cron, schedule.timezone, draft.now - jitter);
  return due === undefined ? undefined : due + jitter;
}

function setDue({ next }: InstanceDraft, at: Instant | undefined) {
  if (at === undefined) delete next.nextRestartAt;
  else next.nextRestartAt = timeText(at);
}

/** Records a due time that has come, or skips one that was missed, and computes the next. */
function comeDue(draft: InstanceDraft, schedule: Schedule, at: Instant) {
  const { next, now } = draft;
  if (schedule.cron !== undefined) {
    next.scheduleKey = `${schedule.key}${separator}${timeText(now)}`;
    const following = findDue(draft, schedule);
    setDue(draft, following);
    if (following !== undefined) wake(draft, following);
    if (!schedule.catchUp && now - at > missedAfter)
      return emitEvent(
        draft,
        'Normal',
        'RestartSkipped',
        `The restart of ${shortTime(at)} was missed, and catchUp is false.`,
      );
  }
  if (next.restartDueSince !== undefined || isDone(draft, at)) return;
  next.restartDueSince = timeText(at);
  emitEvent(draft, 'Normal', 'RestartDue', `A scheduled restart is due since ${shortTime(at)}.`);
}

/**
 * When the next restart happens, if the instance stays as idle or as busy as it is now. Undefined if never. For people.
 */
function restartComesAt(draft: InstanceDraft): Instant | undefined {
  const { schedule } = draft.context.settings;
  const due = instant(draft.next.restartDueSince) ?? instant(draft.next.nextRestartAt);
  if (schedule === undefined || due === undefined) return undefined;
  const idle = idleSince(draft);
  const force = schedule.forceAfter === undefined ? undefined : due + schedule.forceAfter;
  // An instance that is busy now may be idle by then.
  const earliest = draft.now + schedule.whenIdleFor;
  const gentle =
    idle !== undefined ? Math.max(due, idle + schedule.whenIdleFor) : due > earliest ? due : undefined;
  return gentle === undefined || force === undefined ? (gentle ?? force) : Math.min(gentle, force);
}

/** Returns why to restart now, once it has been idle for whenIdleFor or due for forceAfter. */
function gate(draft: InstanceDraft, schedule: Schedule, since: Instant): string | undefined {
  const { now } = draft;
  const text = `The restart of ${shortTime(since)} is due`;
  if (schedule.forceAfter !== undefined) {
    const force = since + schedule.forceAfter;
    if (force <= now) return `${text}, and forceAfter has passed`;
    wake(draft, force);
  }
  const idle = idleSince(draft);
  const at = idle === undefined ? undefined : idle + schedule.whenIdleFor;
  if (at !== undefined && at <= now) return text;
  if (at !== undefined) wake(draft, at);
  const waits =
    at === undefined
      ? 'It waits until the instance is idle'
      : `It is restarted at ${shortTime(at)} if it stays idle`;
  addWait(draft, 'RestartDue', `${text}. ${waits}.`);
  return undefined;
}

export interface Step {
  action: string;
  at: Instant;
}

/** What happens first by itself. For people. `prompt` is the next prompt that the Agent sends to itself. */
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

/** The clock does not restart an instance in these phases. Its recorded due time is used after a resume. */
const ended: ReadonlySet<string | undefined> = new Set(['Completed', 'Failed']);

function at(action: string, text: string | undefined): Step | undefined {
  const found = instant(text);
  return found === undefined ? undefined : { action, at: found };
}

/**
 * When a cron line comes due in a time zone. api/cron.ts parses the line and counts in wall clock times. The rules for
 * daylight saving time are:
 * - A time in the spring gap runs once, later by the length of the gap.
 * - A time that occurs twice in autumn runs at the first of the two.
 * - A line with every hour runs in every real hour.
 */
const hour = 3_600_000;
/** No time zone changes its clocks by more. */
const longestShift = 3 * hour;

/**
 * Returns the first due instant after `after`. Undefined if the line or the zone is invalid, or if it never comes due.
 */
export function nextDue(cron: string, timezone: string, after: Instant): Instant | undefined {
  try {
    return search(cron, timezone, after);
  } catch {
    return undefined; // validation refuses such lines, and accept.ts reports a stored one
  }
}

/**
 * Returns the last due instant after `after` and not later than `until`; undefined if there is none. A binary search,
 * so its cost hardly depends on how many due instants lie in between.
 */
export function lastDue(cron: string, timezone: string, after: Instant, until: Instant): Instant | undefined {
  let last: Instant | undefined;
  let none = until; // nothing is due between this and `until`
  let due = nextDue(cron, timezone, after);
  while (due !== undefined && due <= until) {
    last = due;
    const middle = Math.floor((last + none) / 2);
    const later = nextDue(cron, timezone, middle);
    if (later !== undefined && later <= until) last = later;
    else none = middle;
    due = nextDue(cron, timezone, last);
  }
  return last;
}

function search(cron: string, timezone: string, after: Instant): Instant | undefined {
  const offset = offsets(timezone);
  const shifts = offset(after - longestShift) !== offset(after + longestShift);
  const from = after + offset(after) - (shifts ? longestShift : 0);
  // In UTC each wall clock time occurs exactly once. The -1 is there because `from` itself counts.
  const line = cronTimes(cron, new Date(from - 1));
  let best: { due: Instant; wall: number } | undefined;
  for (;;) {
    const wall = line.next();
    if (best !== undefined && wall > best.wall + longestShift) return best.due;
    for (const due of line.everyHour ? all(wall, offset) : first(wall, offset))
      if (due > after && (best === undefined || due < best.due)) best = { due, wall };
    // Far from a clock change, the order of instants is the order of their wall clock times.
    if (best?.wall === wall && !shifts && offset(best.due - longestShift) === offset(best.due + longestShift))
      return best.due;
  }
}

type Offset = (at: Instant) => number;

/** Returns the instants at which clocks show this time: none in a gap, two in an overlap. */
function all(wall: number, offset: Offset): Instant[] {
  const before = wall - offset(wall - 24 * hour);
  const later = wall - offset(wall + 24 * hour);
  return [...new Set([before, later])]
    .filter((at) => at + offset(at) === wall)
    .sort((one, other) => one - other);
}

/** Returns the one instant at which a line with fixed hours runs. */
function first(wall: number, offset: Offset): Instant[] {
  const found = all(wall, offset)[0];
  return [found ?? wall - offset(wall - 24 * hour)];
}

const zones = new Map<string, Intl.DateTimeFormat>();

/** Returns a function that returns by how many milliseconds a zone's clocks are ahead of UTC at an instant. */
function offsets(timezone: string): Offset {
  let format = zones.get(timezone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      calendar: 'iso8601',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    zones.set(timezone, format);
  }
  const zone = format;
  return (at) => {
    const parts: Record<string, number> = {};
    for (const { type, value } of zone.formatToParts(at)) parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour: hours = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hours, minute, second) - Math.floor(at / 1000) * 1000;
  };
}
