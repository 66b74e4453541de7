/** Times: in code milliseconds since the Unix epoch, in objects RFC 3339 in UTC. */
const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Returns milliseconds since the epoch; undefined if the text is not an RFC 3339 time. Smaller parts are cut off. */
export function parseTime(text: string): number | undefined {
  if (text.length > 64) return undefined;
  const match = rfc3339.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const at = Date.parse(
    `${year}-${month}-${day}T${hour}:${minute}:${second}${(fraction ?? '').slice(0, 4)}${zone?.toUpperCase()}`,
  );
  if (Number.isNaN(at)) return undefined;
  if (Number(day) <= 28) return at;
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  return Number(day) <= days ? at : undefined; // Date.parse accepts February 30
}

export const isTime = (text: string): boolean => parseTime(text) !== undefined;

/** Formats a time with whole seconds, like metav1.Time: `2026-01-31T12:00:00Z`. */
export const formatTime = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`;

/** Formats a time with milliseconds: `2026-01-31T12:00:00.250Z`. */
export const formatTimeMs = (at: number): string => new Date(at).toISOString();

/** Formats a time with six digits, like metav1.MicroTime: `2026-01-31T12:00:00.250000Z`. */
export const formatMicroTime = (at: number): string => `${new Date(at).toISOString().slice(0, -1)}000Z`;

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

const two = (big: number, bigUnit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`;

/**
 * Formats a span in milliseconds as kubectl formats an age (apimachinery, duration.HumanDuration): `5s`, `3m12s`,
 * `2d4h`.
 */
export function humanDuration(span: number): string {
  if (span < -2 * second) return '<invalid>';
  if (span < 0) return '0s';
  const in_ = (unit: number): number => Math.floor(span / unit);
  const seconds = in_(second);
  if (seconds < 120) return `${seconds}s`;
  const minutes = in_(minute);
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = in_(hour);
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = in_(day);
  if (hours < 192) return two(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  if (days < 2920) return two(in_(year), 'y', days % 365, 'd');
  return `${in_(year)}y`;
}

/** Rounds up, so that a time in the future is never 0 s away. */
export const wholeSeconds = (span: number): number => Math.ceil(span / second) * second;

/** Returns the age of something created at `time`; `<unknown>` without a time, like kubectl. */
export function age(time: string | undefined, now: number): string {
  const at = time === undefined ? undefined : parseTime(time);
  return at === undefined ? '<unknown>' : humanDuration(now - at);
}

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const part = /([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)/g;

/** Returns milliseconds; undefined if the text is not a duration (`90s`, `15m`, `1h30m`, `250ms`, `0`). */
export function tryDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (text.length > 100 || !/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, count, unit] of text.matchAll(part)) sum += Number(count) * units[unit as keyof typeof units]; // the pattern has no other units
  return Math.round(sum);
}

/** Returns milliseconds. Throws RangeError: call it only on validated text. */
export function parseDuration(text: string): number {
  const span = tryDuration(text);
  if (span === undefined)
    throw new RangeError(`${JSON.stringify(text)} is not a duration, such as 90s, 15m or 1h30m`);
  return span;
}

/** Formats milliseconds as the shortest exact text: 90000 is `1m30s`. */
export function formatDuration(span: number): string {
  let rest = Math.round(span);
  if (rest === 0) return '0s';
  let text = '';
  for (const unit of ['h', 'm', 's', 'ms'] as const) {
    const count = Math.floor(rest / units[unit]);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * units[unit];
  }
  return text;
}
