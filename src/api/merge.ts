/** The patches of RFC 7386 and RFC 6902. Neither changes its input. By hand, because libraries have no limit on size. */

import { ApiError } from './errors.ts';
import {
  addSize,
  deepEqual,
  deepest,
  isObject,
  isTooDeep,
  type JsonObject,
  mostCharacters,
  mostValues,
  type Path,
  type Size,
  sizeFault,
} from './json.ts';

/** Applies a merge patch (RFC 7386): null deletes a field, objects are merged, and everything else is replaced. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

/**
 * Returns the merge patch from `before` to `after`; undefined if they are equal. It has only the differences, so it can
 * be applied after other changes.
 */
export function mergePatchBetween(before: unknown, after: unknown): unknown {
  if (!isObject(before) || !isObject(after)) return deepEqual(before, after) ? undefined : after;
  const patch = new Map<string, unknown>();
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, now] = [fieldOf(before, name), fieldOf(after, name)];
    const change = now === undefined ? null : mergePatchBetween(old, now);
    if (change !== undefined && !(change === null && old === undefined)) patch.set(name, change);
  }
  return patch.size === 0 ? undefined : Object.fromEntries(patch);
}

/** Returns the paths of the patch at which two objects differ. */
export function patchedDifferences(patch: unknown, one: unknown, other: unknown, path: Path = []): Path[] {
  if (!isObject(patch)) return deepEqual(one, other) ? [] : [path];
  return Object.entries(patch).flatMap(([name, value]) =>
    patchedDifferences(value, fieldOf(one, name), fieldOf(other, name), [...path, name]),
  );
}

const fieldOf = (value: unknown, name: string): unknown =>
  isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;

const mostOperations = 10_000; // kube-apiserver: maxJSONPatchOperations
const mostCopies = 100;

/**
 * Applies a JSON patch (RFC 6902), in linear time. Throws ApiError: BadRequest if it is not a patch, Invalid if it does
 * not fit the object, RequestEntityTooLarge if it has too many operations or copies.
 */
export function jsonPatch(target: unknown, operations: readonly unknown[]): unknown {
  if (operations.length > mostOperations)
    throw new ApiError('RequestEntityTooLarge', `a JSON patch has at most ${mostOperations} operations`);
  // All operations change this one copy. With the holder, the whole document is a field like any other.
  const holder: JsonObject = { document: duplicate(target) };
  const copied: Size = { values: 0, characters: 0 };
  let copies = 0;
  for (const [at, operation] of operations.entries()) {
    const { op, path, from, value } = readOperation(operation, at);
    const where = `operation ${at} of the JSON patch (${op} ${pointerText(path)})`;
    switch (op) {
      case 'add':
        put(holder, path, duplicate(value), where);
        break;
      case 'remove':
        remove(holder, path, where);
        break;
      case 'replace':
        replace(holder, path, duplicate(value), where);
        break;
      case 'move': {
        if (path.length > from.length && from.every((step, n) => step === path[n]))
          throw new ApiError('Invalid', `${where}: a value cannot be moved into itself`);
        const moved = get(holder, from, where);
        remove(holder, from, where);
        put(holder, path, moved, where);
        break;
      }
      case 'copy': {
        copies += 1;
        if (copies > mostCopies)
          throw new ApiError('Invalid', `a JSON patch has at most ${mostCopies} operations "copy"`);
        const source = get(holder, from, where);
        refuseDeep(source);
        addSize(source, copied); // checked before the copy: copies of copies grow exponentially
        if (sizeFault(copied) !== undefined)
          throw new ApiError('RequestEntityTooLarge', `${where}: ${tooMuchCopied}`);
        put(holder, path, duplicate(source), where);
        break;
      }
      case 'test': // costs no more than the value in the patch has: deepEqual ends at the first difference
        if (!deepEqual(get(holder, path, where), value))
          throw new ApiError('Invalid', `${where}: the value differs`);
        break;
      default:
        throw new ApiError('BadRequest', `${where}: unknown operation`);
    }
  }
  refuseDeep(holder.document);
  return holder.document;
}

const tooMuchCopied = `a JSON patch can copy at most ${mostValues} fields and items, and ${mostCharacters} characters`;

function refuseDeep(value: unknown): void {
  if (isTooDeep(value))
    throw new ApiError('Invalid', `the JSON patch nests the object more than ${deepest} levels deep`);
}

interface Operation {
  op: string;
  path: readonly string[];
  from: readonly string[];
  value: unknown;
}

function readOperation(operation: unknown, at: number): Operation {
  if (!isObject(operation) || typeof operation.op !== 'string')
    throw new ApiError('BadRequest', `operation ${at} of the JSON patch has no op`);
  const needsFrom = operation.op === 'move' || operation.op === 'copy';
  const needsValue = ['add', 'replace', 'test'].includes(operation.op);
  if (needsValue && !Object.hasOwn(operation, 'value'))
    throw new ApiError('BadRequest', `operation ${at} of the JSON patch has no value`);
  return {
    op: operation.op,
    path: readPointer(operation.path, `path of operation ${at}`),
    from: needsFrom ? readPointer(operation.from, `from of operation ${at}`) : [],
    value: operation.value,
  };
}

/** Parses a JSON pointer (RFC 6901). */
function readPointer(pointer: unknown, what: string): string[] {
  if (typeof pointer !== 'string' || (pointer !== '' && !pointer.startsWith('/')))
    throw new ApiError(
      'BadRequest',
      `${what} of the JSON patch is not a JSON pointer, such as /spec/replicas`,
    );
  const [, ...steps] = pointer.split('/', deepest + 2);
  if (steps.length > deepest)
    throw new ApiError('Invalid', `${what} of the JSON patch has more than ${deepest} steps`);
  return steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

const pointerText = (path: readonly string[]): string =>
  path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

function nowhere(where: string): never {
  throw new ApiError('Invalid', `${where}: the path does not exist`);
}

function index(list: readonly unknown[], step: string, limit: number, where: string): number {
  const at = /^(0|[1-9][0-9]{0,8})$/.test(step) ? Number(step) : nowhere(where);
  return at < limit ? at : nowhere(`${where}, in a list of ${list.length}`);
}

/** Returns a deep copy in which no two parts are shared either. */
function duplicate(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(duplicate);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, duplicate(item)]));
}

function child(node: unknown, step: string, where: string): unknown {
  if (Array.isArray(node)) return node[index(node, step, node.length, where)];
  return isObject(node) && Object.hasOwn(node, step) ? node[step] : nowhere(where);
}

const get = (holder: JsonObject, path: readonly string[], where: string): unknown =>
  path.reduce<unknown>((node, step) => child(node, step, where), holder.document);

/** Returns the parent of the value at the end of the path, and its name or index there. The value need not exist. */
function parentOf(
  holder: JsonObject,
  path: readonly string[],
  where: string,
): { parent: unknown[] | JsonObject; step: string } {
  const step = path.at(-1);
  if (step === undefined) return { parent: holder, step: 'document' };
  const parent = get(holder, path.slice(0, -1), where);
  return Array.isArray(parent) || isObject(parent) ? { parent, step } : nowhere(where);
}

function put(holder: JsonObject, path: readonly string[], value: unknown, where: string): void {
  const { parent, step } = parentOf(holder, path, where);
  if (!Array.isArray(parent)) setField(parent, step, value);
  else parent.splice(step === '-' ? parent.length : index(parent, step, parent.length + 1, where), 0, value);
}

function replace(holder: JsonObject, path: readonly string[], value: unknown, where: string): void {
  const { parent, step } = parentOf(holder, path, where);
  child(parent, step, where);
  if (Array.isArray(parent)) parent[Number(step)] = value;
  else setField(parent, step, value);
}

function remove(holder: JsonObject, path: readonly string[], where: string): void {
  if (path.length === 0) nowhere(where);
  const { parent, step } = parentOf(holder, path, where);
  child(parent, step, where);
  if (Array.isArray(parent)) parent.splice(Number(step), 1);
  else delete parent[step];
}

/** Works for the name __proto__ too. An assignment would set the prototype. */
function setField(object: JsonObject, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}
