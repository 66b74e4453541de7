import { cronFault, isTimezone, timezoneNames } from '../cron.ts';
import { tryDuration } from '../duration.ts';
import { type FieldError, invalid } from '../field-error.ts';
import { nearest } from '../nearest.ts';
import type { Path } from '../path.ts';
import { field, text } from './read.ts';

/** `policy` is a Policy's spec, or the one in an Agent. */
export function checkPolicy(policy: unknown, path: Path): FieldError[] {
  const restart = field(policy, 'scheduledRestart');
  return [
    ...notZero(field(policy, 'restart'), 'window', [...path, 'restart']),
    ...notZero(field(policy, 'update'), 'progressDeadline', [...path, 'update']),
    ...notZero(policy, 'imageInterval', path),
    ...notZero(field(policy, 'messages'), 'timeout', [...path, 'messages']),
    ...notZero(field(policy, 'messages'), 'inactivityTimeout', [...path, 'messages']),
    ...(restart === undefined ? [] : checkScheduledRestart(restart, [...path, 'scheduledRestart'])),
  ];
}

function checkScheduledRestart(restart: unknown, path: Path): FieldError[] {
  return checkTimes(restart, path);
}

/** `cron`, `every` and `timezone` of a schedule. */
export function checkTimes(schedule: unknown, path: Path): FieldError[] {
  const errors = notZero(schedule, 'every', path);
  const cron = text(schedule, 'cron');
  const fault = cron === undefined ? undefined : cronFault(cron);
  if (fault !== undefined) errors.push(invalid([...path, 'cron'], cron, fault));
  const zone = text(schedule, 'timezone');
  if (zone !== undefined && !isTimezone(zone)) {
    const suggestion = nearest(zone, timezoneNames());
    errors.push({
      ...invalid([...path, 'timezone'], zone, 'an IANA time zone, as in Europe/Berlin'),
      ...(suggestion === undefined ? {} : { suggestion }),
    });
  }
  return errors;
}

function notZero(value: unknown, name: string, path: Path): FieldError[] {
  const span = text(value, name);
  return span !== undefined && tryDuration(span) === 0 ? [invalid([...path, name], span, 'more than 0')] : [];
}
