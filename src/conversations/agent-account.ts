import { restartedAtAnnotation, resumeAnnotation } from '../api/annotations.ts';
import type { Agent } from '../api/objects.ts';
import { command, sentence } from '../api/text.ts';
import type { Instant } from '../plan/times.ts';
import type { AccountName, ControlView, Gate } from '../plan/world.ts';

/** An error of an agent that is about its account: a quota is used up, or a login is no longer valid. */
export interface AccountFault {
  condition: 'WithinQuota' | 'LoggedIn';
  reason: 'QuotaExceeded' | 'AuthRequired';
  /** The agent's own words. */
  message: string;
  /** When quota is available again, if the text says so. */
  until?: number | undefined;
}

/** The words of vendors and agents. Errors about the tokens of a context or an answer use other words. */
const quota =
  /\b(usage|session|rate|hourly|\d+-hour|daily|weekly|monthly|spend(ing)?|plan|account) limits?\b|rate[_-]limit|hit your( \S+){0,3} limit|\bquota\b|too many requests|\b429\b|RESOURCE_EXHAUSTED|(insufficient|out of|no|exhausted)( \S+){0,2} (credits?|funds|balance)|credit balance is too low/i;

const login =
  /\b(session|login|token|credentials?|api key)\b.{0,40}\b(expired|revoked|invalid)|\b(invalid|expired|incorrect|missing) (api[ _-]?key|token|credentials?|login)|authentication[_ ](error|required|failed)|not logged in|please (run \/login|log ?in|sign in)|\b401\b|\bunauthorized\b/i;

export function accountFault(
  { reason, message }: { reason: string; message: string },
  now: number,
): AccountFault | undefined {
  if (quota.test(message))
    return { condition: 'WithinQuota', reason: 'QuotaExceeded', message, until: untilOf(message, now) };
  if (reason === 'AuthRequired' || login.test(message))
    return { condition: 'LoggedIn', reason: 'AuthRequired', message };
  return undefined;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const units: Readonly<Record<string, number>> = { d: day, h: hour, m: minute, s: 1_000 };
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

const timestamp = /\b\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)/;
const epoch = /\|(\d{13}|\d{10})\b/;
const length =
  /\b(?:in|after)\s+(?:about\s+)?((?:\d+(?:\.\d+)?\s*(?:days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)[\s,]*(?:and\s+)?)+)/i;
const clock =
  /\b(?:at|resets?(?:\s+at|\s+on)?|until|on)\s+(?:(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?\s+(\d{1,2})(?:st|nd|rd|th)?(?:,?\s+\d{4})?(?:,|\s+at|,\s*at)?\s+)?(\d{1,2})(?::(\d\d))?(?::\d\d)?\s*([ap])?\.?(?:m\b\.?)?\s*(?:\(([A-Za-z_]+(?:\/[A-Za-z_+-]+)*)\)|(UTC|GMT)\b)?/i;

/**
 * Returns the end of a wait that a text names: as a timestamp, as a duration, or as the next such time of day.
 * Undefined if it names none.
 */
export function untilOf(text: string, now: number): number | undefined {
  const [stamp] = timestamp.exec(text) ?? [];
  if (stamp !== undefined) return Date.parse(stamp);
  const [, seconds] = epoch.exec(text) ?? [];
  if (seconds !== undefined) return Number(seconds.padEnd(13, '0'));
  const [, wait] = length.exec(text) ?? [];
  if (wait !== undefined) return now + lengthOf(wait);
  return timeOfDay(text, now);
}

function lengthOf(text: string): number {
  let sum = 0;
  for (const [, count, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)\s*([a-z])/gi))
    sum += Number(count) * (units[unit.toLowerCase()] ?? 0);
  return sum;
}

function timeOfDay(text: string, now: number): number | undefined {
  const [, month, date, hours, minutes, half, named, utc] = clock.exec(text) ?? [];
  if (hours === undefined || (minutes === undefined && half === undefined)) return undefined;
  const zone = zoneOf(named ?? utc);
  const twelve = Number(hours) % 12;
  const at = half === undefined ? Number(hours) : twelve + (half.toLowerCase() === 'p' ? 12 : 0);
  const wanted = at * hour + Number(minutes ?? 0) * minute;
  if (wanted >= day) return undefined;
  // Step by hour, because days are shorter or longer when clocks change.
  const start = now - (now % minute);
  const last = month === undefined ? 25 * hour : 366 * day;
  for (let time = start; time <= start + last; ) {
    const found = partsOf(time, zone);
    const left = wanted - (found.hour * hour + found.minute * minute);
    const isDay =
      month === undefined || (months[found.month - 1] === month.toLowerCase() && found.day === Number(date));
    if (left === 0 && isDay && time > now) return time;
    const step = left > 0 ? left : left + day;
    time += step > hour ? step - hour : Math.max(step, minute);
  }
  return undefined;
}

/** Returns a valid time zone, or the one of this host. */
function zoneOf(name: string | undefined): string | undefined {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}

function partsOf(time: number, timeZone: string | undefined) {
  const format = new Intl.DateTimeFormat('en', {
    timeZone,
    hourCycle: 'h23',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  const parts = new Map<string, number>(
    format.formatToParts(time).map(({ type, value }) => [type, Number(value)]),
  );
  const of = (type: string): number => parts.get(type) ?? 0;
  return { month: of('month'), day: of('day'), hour: of('hour'), minute: of('minute') };
}

/** What an agent has reported about its account. */
export type Account = Readonly<Partial<Record<AccountName, AccountView>>>;

interface AccountView extends ControlView {
  hold?: Hold | undefined;
}

/** How long a report that the quota is used up holds the Agent. */
export interface Hold {
  until: Instant;
  /** What was asked of the Agent at the time of the report. */
  asked: string;
}

/** Returns the part of the Facts that `Link` has written. */
export const accountOf = (facts: unknown): Account =>
  ((facts as { account?: Account } | undefined)?.account ?? {}) as Account; // only `Link` writes it

/** In milliseconds. A later end may be an error of the agent: after this time, the next message tries the quota. */
const longest = 24 * 3_600_000;

export const holdOf = (agent: Agent, until: Instant, now: Instant): Hold => ({
  until: Math.min(until, now + longest),
  asked: askedOf(agent),
});

/** Changes with the spec, a resume and a rollout restart: after these, the quota is tried again. */
function askedOf({ metadata: { generation = 0, annotations = {} } }: Agent): string {
  return `${generation} ${annotations[resumeAnnotation] ?? ''} ${annotations[restartedAtAnnotation] ?? ''}`;
}

/** Returns the gate of an Agent by what its instances have reported; undefined if none of the reports holds it. */
export function quotaGate(agent: Agent, accounts: Iterable<Account>, now: Instant): Gate | undefined {
  const asked = askedOf(agent);
  let gate: Gate | undefined;
  for (const { WithinQuota: view } of accounts) {
    if (view?.hold?.asked !== asked) continue;
    const { until } = view.hold;
    if (until > now + longest) continue; // the clock was set back
    if (gate?.until === undefined || until > gate.until)
      gate = {
        name: 'quota',
        state: 'Held',
        until,
        reason: view.reason,
        message: textOf(agent, view.message),
      };
  }
  return gate;
}

function textOf(agent: Agent, report: string): string {
  const resume = command(agent, `resume ${agent.metadata.name}`);
  return `Its agent reports: ${sentence(report)} To continue earlier: ${resume}.`;
}
