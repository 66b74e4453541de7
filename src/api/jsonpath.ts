/**
 * kubectl's JSONPath: `-o jsonpath`, custom columns, --sort-by. A path that the data does not have gives no value. By
 * hand, because libraries implement RFC 9535, which has no `{range}`, and other filters and slices.
 */

import { deepEqual, isObject, valueAt } from './json.ts';
import {
  type Expression,
  type Operand,
  type Part,
  parseExpression,
  parseTemplate,
  type Sign,
  type Step,
} from './jsonpath/parse.ts';

export { JsonPathError } from './jsonpath/parse.ts';

/**
 * Compiles a template such as `{range .items[*]}{.metadata.name}{"\n"}{end}`. A text without braces is one path. Throws
 * JsonPathError.
 */
export function compileTemplate(template: string): (data: unknown) => string {
  const parts = template.includes('{') ? parseTemplate(template) : [parseExpression(template)];
  return (data) => print(parts, data, data);
}

/** Compiles a path such as `.metadata.name`. The braces and the first dot are optional. Throws JsonPathError. */
export function compilePath(path: string): (data: unknown) => unknown[] {
  const expression = parseExpression(path);
  return (data) => evaluate(expression, data, data);
}

/** Formats a value as kubectl does: text unchanged, everything else as JSON. */
export const printValue = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

function print(parts: readonly Part[], current: unknown, root: unknown): string {
  return parts
    .map((part) => {
      if ('text' in part) return part.text;
      if ('range' in part)
        return evaluate(part.range, current, root)
          .map((item) => print(part.body, item, root))
          .join('');
      return evaluate(part, current, root).map(printValue).join(' ');
    })
    .join('');
}

function evaluate(expression: Expression, current: unknown, root: unknown): unknown[] {
  const start = expression.from === 'root' ? root : current;
  return expression.steps.reduce<unknown[]>(
    (nodes, step) => nodes.flatMap((node) => take(step, node, root)),
    [start],
  );
}

function take(step: Step, node: unknown, root: unknown): unknown[] {
  switch (step.type) {
    case 'field':
      if (isObject(node) && Object.hasOwn(node, step.name)) return [node[step.name]];
      return found(step.path === undefined || step.path.length < 2 ? undefined : valueAt(node, step.path));
    case 'all':
      return children(node);
    case 'descend':
      return descend(node);
    case 'index':
      return found(Array.isArray(node) ? node.at(step.at) : undefined);
    case 'slice':
      return Array.isArray(node)
        ? node.slice(step.from ?? 0, step.to ?? node.length).filter((_, at) => at % step.by === 0)
        : [];
    case 'union':
      return step.of.flatMap((one) => take(one, node, root));
    case 'filter':
      return children(node).filter((item) => holds(step, item, root));
    default:
      return step satisfies never;
  }
}

const found = (value: unknown): unknown[] => (value === undefined ? [] : [value]);

const children = (node: unknown): unknown[] =>
  Array.isArray(node) ? node : isObject(node) ? Object.values(node) : [];

const descend = (node: unknown): unknown[] => [node, ...children(node).flatMap(descend)];

function holds(
  filter: { left: Operand; sign?: Sign; right?: Operand },
  item: unknown,
  root: unknown,
): boolean {
  const left = operand(filter.left, item, root);
  if (filter.sign === undefined || filter.right === undefined) return left.length > 0;
  const right = operand(filter.right, item, root);
  if (left.length === 0 || right.length === 0) return false;
  return compare(left[0], filter.sign, right[0]);
}

const operand = (operand: Operand, item: unknown, root: unknown): unknown[] =>
  'value' in operand ? [operand.value] : evaluate(operand, item, root);

function compare(left: unknown, sign: Sign, right: unknown): boolean {
  if (sign === '==') return deepEqual(left, right);
  if (sign === '!=') return !deepEqual(left, right);
  const numbers = typeof left === 'number' && typeof right === 'number';
  const texts = typeof left === 'string' && typeof right === 'string';
  if (!numbers && !texts) return false;
  switch (sign) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    default:
      return sign satisfies never;
  }
}
