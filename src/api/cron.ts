import { CronExpressionParser } from 'cron-parser';

const start = new Date(0);

/** Why the text is no cron line of five fields that ever comes due; undefined if it is one. */
export function cronFault(text: string): string | undefined {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 5)
    return `five fields (minute, hour, day of month, month, day of week), as in "0 4 * * *"; it has ${fields.length}`;
  if (text.length > 500) return 'at most 500 characters';
  const example = 'minute, hour, day of month, month, day of week, as in "0 4 * * *"';
  // cron-parser takes H for a number drawn at random.
  if (/(^|[\s,])H/i.test(text)) return `${example} (H is not known here)`;
  try {
    CronExpressionParser.parse(fields.join(' '), { currentDate: start, tz: 'UTC' }).next();
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `${example} (${why})`;
  }
}

/** Whether it is a time zone that this machine knows. */
export function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return !/^[+-]/.test(name); // an offset is no zone: it has no daylight saving time
  } catch {
    return false;
  }
}

export const timezoneNames = (): string[] => ['UTC', ...Intl.supportedValuesOf('timeZone')];
