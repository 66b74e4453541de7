import { ApiError } from './errors.ts';
import { type Path, pathText } from './json.ts';
import type { KindInfo } from './kinds.ts';
import { beginning, listed } from './text.ts';

/** One error in an object. */
export interface FieldError {
  path: Path;
  /** The causes of an Invalid in Kubernetes. UnknownField is ours, for strict field validation. */
  reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldValueForbidden'
    | 'FieldValueTypeInvalid'
    | 'FieldValueTooLong'
    | 'UnknownField';
  /** What was found and what was expected, without the path: one clause, without a full stop. */
  message: string;
  found?: string;
  expected?: string;
  /** The nearest valid word for a misspelled one. */
  suggestion?: string;
}

/** Returns a value for a message: short, in a form that shows its type. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return typeof value === 'string' ? short(text) : `the ${typeof value} ${short(text)}`;
}

const short = (text: string): string => (text.length > 60 ? `${beginning(text, 57)}...` : text);

/** `written` is the text of the value in its file, if known. */
export function invalid(path: Path, value: unknown, expected: string, written?: string): FieldError {
  const found = written === undefined ? shown(value) : `the ${typeof value} ${short(written)}`;
  return {
    path,
    reason: 'FieldValueInvalid',
    message: `found ${found}, expected ${expected}`,
    found,
    expected,
  };
}

export const required = (path: Path, expected: string): FieldError => ({
  path,
  reason: 'FieldValueRequired',
  message: `is missing, expected ${expected}`,
  found: 'nothing',
  expected,
});

export const forbidden = (path: Path, message: string): FieldError => ({
  path,
  reason: 'FieldValueForbidden',
  message,
});

/** For example `spec.mode: found "Always", expected one of AlwaysOn, OnDemand; did you mean AlwaysOn?` */
export function fieldErrorText(error: FieldError): string {
  const hint = error.suggestion === undefined ? '' : `; did you mean ${error.suggestion}?`;
  return `${pathText(error.path) || 'the object'}: ${error.message}${hint}`;
}

/** Returns the 422 of an API server, with each error as a cause. */
export function fieldErrorsToStatus(
  info: KindInfo,
  name: string | undefined,
  errors: readonly FieldError[],
): ApiError {
  const texts = errors.map(fieldErrorText);
  const all = texts.length === 1 ? texts[0] : `[${listed(texts)}]`;
  const type = info.group === '' ? info.kind : `${info.kind}.${info.group}`;
  return new ApiError('Invalid', `${type} ${JSON.stringify(name ?? '')} is invalid: ${all}`, {
    details: {
      ...(name === undefined ? {} : { name }),
      group: info.group,
      kind: info.kind,
      causes: errors.map((error) => ({
        reason: error.reason === 'UnknownField' ? 'FieldValueInvalid' : error.reason,
        message: fieldErrorText(error).slice((pathText(error.path) || 'the object').length + 2),
        field: pathText(error.path),
      })),
    },
  });
}
