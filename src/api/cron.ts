import { type CronExpression, CronExpressionParser } from 'cron-parser';

const start = new Date(0);

const macros: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/** The times of a cron line on a clock without daylight saving time. */
export interface CronTimes {
  /** Whether the line comes due in each hour of a day. */
  everyHour: boolean;
  /** Returns the next time in milliseconds. Throws RangeError if there is none. */
  next(): number;
}

/** Returns why the text is not a cron line of five fields that ever comes due; undefined if it is one. */
export function cronFault(text: string): string | undefined {
  if (text.length > 500) return 'at most 500 characters';
  const fields = fieldsOf(text);
  if (fields.length !== 5)
    return text.trim().startsWith('@')
      ? `one of ${Object.keys(macros).join(', ')}; for an interval, use every: 1h`
      : `five fields (minute, hour, day of month, month, day of week), as in "0 4 * * *"; it has ${fields.length}`;
  const example = 'minute, hour, day of month, month, day of week, as in "0 4 * * *"';
  // cron-parser reads H as a random number.
  if (/(^|[\s,])H/i.test(fields.join(' '))) return `${example} (H is not supported)`;
  try {
    cronTimes(text, start).next();
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `${example} (${why})`;
  }
}

/**
 * Parses a cron line. Days follow Vixie cron: if a day field begins with `*`, both day fields must match, otherwise one
 * is enough. cron-parser applies that rule only to a lone `*`, and refuses a list with a duplicate value. Throws if the
 * text is not a cron line.
 */
export function cronTimes(text: string, after: Date): CronTimes {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fieldsOf(text).map(withoutDoubled);
  const parse = (days: string, weekdays: string): CronExpression =>
    CronExpressionParser.parse([minute, hour, days, month, weekdays].join(' '), {
      currentDate: after,
      tz: 'UTC',
    });
  const both = [day, weekday].some((field) => field !== '*') && fieldsOf(text).some(isOpenDay);
  const line = both ? parse(day, '*') : parse(day, weekday);
  const other = both ? parse('*', weekday) : undefined;
  return {
    everyHour: new Set(line.fields.hour.values).size === 24,
    next() {
      for (let tried = 0; tried < mostDays; tried++) {
        const found = line.next().getTime();
        if (other === undefined || other.includesDate(new Date(found))) return found;
        line.reset(new Date(found - (found % dayLength) + dayLength - 1)); // skips the other times of this day
      }
      throw new RangeError('no such date exists');
    },
  };
}

const dayLength = 86_400_000;
/** The days of 40 years: more than between two leap days on the same weekday. */
const mostDays = 40 * 366;

const fieldsOf = (text: string): string[] => (macros[text.trim().toLowerCase()] ?? text).trim().split(/\s+/);

const isOpenDay = (field: string, at: number): boolean => (at === 2 || at === 4) && /^[*?]/.test(field);

/** Removes duplicates from a list. */
function withoutDoubled(field: string, at: number): string {
  if (!field.includes(',')) return field;
  const values = field.split(',').flatMap((part): (string | number)[] => {
    if (/[L#]/i.test(part) && at !== 3) return [part.toUpperCase()]; // L and # have no value before the month is known
    const fields = ['*', '*', '*', '*', '*'].with(at, part);
    const { minute, hour, dayOfMonth, month, dayOfWeek } = CronExpressionParser.parse(
      fields.join(' '),
    ).fields;
    const found = [minute, hour, dayOfMonth, month, dayOfWeek][at]?.values ?? [];
    return at === 4 ? found.map((value) => (value === 7 ? 0 : value)) : [...found];
  });
  return [...new Set(values)].join(',');
}

/** Whether this machine knows the time zone. */
export function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return !/^[+-]/.test(name); // an offset is not a time zone: it has no daylight saving time
  } catch {
    return false;
  }
}

export const timezoneNames = (): string[] => ['UTC', ...Intl.supportedValuesOf('timeZone')];
