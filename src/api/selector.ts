/** Kubernetes' selectors (apimachinery, labels and fields). An invalid selector throws ApiError BadRequest. */
import { ApiError } from './errors.ts';
import { valueAt } from './json.ts';
import { notLabelValue, notQualifiedName } from './names.ts';

export type Labels = Readonly<Record<string, string>>;

type Requirement = (labels: Labels) => boolean;

function refuse(selector: string, why: string): never {
  throw new ApiError('BadRequest', `${JSON.stringify(selector)} is not a valid selector: ${why}`);
}

/**
 * Parses `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, `a>1`, `a<1`, separated by commas. '' selects
 * everything.
 */
export function parseLabelSelector(selector: string): (labels: Labels | undefined) => boolean {
  const requirements = splitOutsideParentheses(selector).map((part) =>
    readRequirement(part.trim(), selector),
  );
  return (labels) => requirements.every((holds) => holds(labels ?? {}));
}

function splitOutsideParentheses(selector: string): string[] {
  if (selector.trim() === '') return [];
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < selector.length; at++) {
    const char = selector[at];
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (char === ',' && depth === 0) {
      parts.push(selector.slice(from, at));
      from = at + 1;
    }
  }
  return [...parts, selector.slice(from)];
}

const inSet = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/;
const compare = /^([^\s=!<>()]+)\s*(==|=|!=|>|<)\s*([^\s=!<>()]*)$/;
const exists = /^(!?)\s*([^\s=!<>()]+)$/;

function readRequirement(part: string, selector: string): Requirement {
  const set = inSet.exec(part);
  if (set !== null) {
    const [, key = '', word, list = ''] = set;
    checkKey(key, selector);
    const values = list.split(',').map((value) => value.trim());
    for (const value of values) checkValue(value, selector);
    return word === 'in'
      ? (labels) => has(labels, key) && values.includes(labels[key] ?? '')
      : (labels) => !has(labels, key) || !values.includes(labels[key] ?? '');
  }
  const comparison = compare.exec(part);
  if (comparison !== null) {
    const [, key = '', sign, value = ''] = comparison;
    checkKey(key, selector);
    if (sign === '>' || sign === '<') return byNumber(key, sign, value, selector);
    checkValue(value, selector);
    return sign === '!='
      ? (labels) => !has(labels, key) || labels[key] !== value
      : (labels) => has(labels, key) && labels[key] === value;
  }
  const presence = exists.exec(part);
  if (presence === null)
    return refuse(
      selector,
      `${JSON.stringify(part)} is not one of a=b, a!=b, a in (b,c), a notin (b,c), a, !a`,
    );
  const [, not, key = ''] = presence;
  checkKey(key, selector);
  return (labels) => has(labels, key) === (not === '');
}

function byNumber(key: string, sign: '>' | '<', value: string, selector: string): Requirement {
  if (!/^-?\d+$/.test(value)) refuse(selector, `${JSON.stringify(value)} is not a whole number`);
  const bound = Number(value);
  return (labels) => {
    const found = has(labels, key) ? labels[key] : undefined;
    if (found === undefined || !/^-?\d+$/.test(found)) return false;
    return sign === '>' ? Number(found) > bound : Number(found) < bound;
  };
}

const has = (labels: Labels, key: string): boolean => Object.hasOwn(labels, key);

function checkKey(key: string, selector: string): void {
  const expected = notQualifiedName(key);
  if (expected !== undefined) refuse(selector, `the key ${JSON.stringify(key)} should be ${expected}`);
}

function checkValue(value: string, selector: string): void {
  const expected = notLabelValue(value);
  if (expected !== undefined) refuse(selector, `the value ${JSON.stringify(value)} should be ${expected}`);
}

export interface FieldRequirement {
  path: readonly string[];
  value: string;
  equal: boolean;
}

/** Parses `metadata.name=a,status.phase!=Ready`, for any field path. "\" escapes a following ",", "=" or "\". */
export function readFieldSelector(selector: string): FieldRequirement[] {
  if (selector.trim() === '') return [];
  return splitUnescaped(selector).map((part) => {
    const match = /^([^=!]+)(==|!=|=)(.*)$/s.exec(part.trim());
    if (match === null) return refuse(selector, `${JSON.stringify(part)} is not one of a=b, a==b, a!=b`);
    const [, path = '', sign, value = ''] = match;
    return {
      path: path.trim().replace(/^\./, '').split('.'),
      value: withoutEscapes(value, selector),
      equal: sign !== '!=',
    };
  });
}

/** An absent field counts as ''. */
export function parseFieldSelector(selector: string): (object: unknown) => boolean {
  const requirements = readFieldSelector(selector);
  return (object) =>
    requirements.every(({ path, value, equal }) => {
      const found = valueAt(object, path);
      return ((found === undefined || found === null ? '' : String(found)) === value) === equal;
    });
}

const splitUnescaped = (selector: string): string[] => selector.match(/(?:\\.|[^\\,])+|\\$/gs) ?? [];

function withoutEscapes(value: string, selector: string): string {
  if (/(^|[^\\])(\\\\)*\\([^\\,=]|$)/s.test(value))
    refuse(selector, 'a "\\" must be followed by ",", "=" or "\\"');
  return value.replace(/\\([\\,=])/g, '$1');
}
