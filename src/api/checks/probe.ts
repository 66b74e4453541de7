import { tryDuration } from '../duration.ts';
import { type FieldError, invalid } from '../field-error.ts';
import { logPattern } from '../log-pattern.ts';
import type { Path } from '../path.ts';
import { field, text } from './read.ts';

export function checkProbe(probe: unknown, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of ['period', 'timeout']) {
    const value = text(probe, name);
    if (value !== undefined && tryDuration(value) === 0)
      errors.push(invalid([...path, name], value, 'more than 0'));
  }
  const asked = text(field(probe, 'httpGet'), 'path');
  if (asked !== undefined && !asked.startsWith('/'))
    errors.push(invalid([...path, 'httpGet', 'path'], asked, 'a path with "/" first'));
  const pattern = text(field(probe, 'log'), 'pattern');
  if (pattern !== undefined && !isPattern(pattern))
    errors.push(
      invalid(
        [...path, 'log', 'pattern'],
        pattern,
        'a regular expression (RE2: without lookarounds and backreferences)',
      ),
    );
  return errors;
}

function isPattern(pattern: string): boolean {
  try {
    logPattern(pattern);
    return true;
  } catch {
    return false;
  }
}
