/**
 * When a cron line comes due in a time zone. api/cron.ts parses the line and counts in wall clock times. The rules for
 * daylight saving time are:
 * - A time in the spring gap runs once, later by the length of the gap.
 * - A time that occurs twice in autumn runs at the first of the two.
 * - A line with every hour runs in every real hour.
 */
import { cronTimes } from '../api/cron.ts';
import type { Instant } from './world.ts';

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

/** Returns a function that tells by how many milliseconds a zone's clocks are ahead of UTC at an instant. */
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
