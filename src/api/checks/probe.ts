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
  errors.push(...checkHttp(field(probe, 'httpGet'), [...path, 'httpGet']));
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

/** What cannot be sent in a request of HTTP/1.1. */
const unsendable = { path: /[^!-\xff]/, name: /[^\w!#$%&'*+.^`|~-]/, value: /[^\t -~\x80-\xff]/ };

function checkHttp(get: unknown, path: Path): FieldError[] {
  const errors: FieldError[] = [];
  const asked = text(get, 'path');
  if (asked !== undefined && (!asked.startsWith('/') || unsendable.path.test(asked)))
    errors.push(
      invalid(
        [...path, 'path'],
        asked,
        'a path that begins with "/", with spaces and special characters escaped, such as %20',
      ),
    );
  const headers = field(get, 'httpHeaders');
  for (const [index, header] of (Array.isArray(headers) ? headers : []).entries()) {
    const at = [...path, 'httpHeaders', index];
    const [name, value] = [text(header, 'name'), text(header, 'value')];
    if (name !== undefined && (name === '' || unsendable.name.test(name)))
      errors.push(invalid([...at, 'name'], name, 'the name of a header'));
    if (value !== undefined && unsendable.value.test(value))
      errors.push(invalid([...at, 'value'], value, 'text without line breaks and other control characters'));
  }
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
