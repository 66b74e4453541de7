/** The patches of RFC 7386 and RFC 6902. Neither changes its input. */
import { deepEqual } from './equal.ts';
import { ApiError } from './errors.ts';
import { isObject, type JsonObject } from './schema.ts';

/** RFC 7386: null deletes a field, objects merge, all else is put in place. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

const mostOperations = 10_000; // kube-apiserver: maxJSONPatchOperations

/** RFC 6902. Throws ApiError: BadRequest for what is no patch, Invalid for one that does not fit the object. */
export function jsonPatch(target: unknown, operations: readonly unknown[]): unknown {
  if (operations.length > mostOperations)
    throw new ApiError('RequestEntityTooLarge', `a JSON patch has at most ${mostOperations} operations`);
  let copies = 0;
  return operations.reduce((document, operation, at) => {
    const { op, path, from, value } = readOperation(operation, at);
    if (op === 'copy') copies += 1;
    if (copies > 100) throw new ApiError('Invalid', 'a JSON patch has at most 100 operations "copy"');
    const where = `operation ${at} of the JSON patch (${op} ${pointerText(path)})`;
    switch (op) {
      case 'add':
        return put(document, path, value, where);
      case 'remove':
        return remove(document, path, where);
      case 'replace':
        get(document, path, where);
        return path.length === 0 ? value : put(remove(document, path, where), path, value, where);
      case 'move':
        if (path.length > from.length && from.every((step, n) => step === path[n]))
          throw new ApiError('Invalid', `${where}: a value cannot move into itself`);
        return put(remove(document, from, where), path, get(document, from, where), where);
      case 'copy':
        return put(document, path, get(document, from, where), where);
      case 'test':
        if (!deepEqual(get(document, path, where), value))
          throw new ApiError('Invalid', `${where}: the value is another one`);
        return document;
      default:
        throw new ApiError('BadRequest', `${where}: there is no such operation`);
    }
  }, target);
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

/** RFC 6901. */
function readPointer(pointer: unknown, what: string): string[] {
  if (typeof pointer !== 'string' || (pointer !== '' && !pointer.startsWith('/')))
    throw new ApiError('BadRequest', `${what} of the JSON patch is no JSON pointer such as /spec/replicas`);
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

const pointerText = (path: readonly string[]): string =>
  path.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

function nowhere(where: string): never {
  throw new ApiError('Invalid', `${where}: the path leads nowhere`);
}

function index(list: readonly unknown[], step: string, limit: number, where: string): number {
  const at = /^(0|[1-9][0-9]{0,8})$/.test(step) ? Number(step) : nowhere(where);
  return at < limit ? at : nowhere(`${where}, in a list of ${list.length}`);
}

function get(node: unknown, path: readonly string[], where: string): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return node;
  if (Array.isArray(node)) return get(node[index(node, step, node.length, where)], rest, where);
  return isObject(node) && Object.hasOwn(node, step) ? get(node[step], rest, where) : nowhere(where);
}

/** Goes down to the parent of the last step, and answers a copy of the node with that parent changed. */
function change(
  node: unknown,
  path: readonly string[],
  where: string,
  edit: (parent: unknown[] | JsonObject, step: string) => unknown,
): unknown {
  const [step, ...rest] = path;
  if (step === undefined || !(Array.isArray(node) || isObject(node))) return nowhere(where);
  if (rest.length === 0) return edit(node, step);
  const child = change(get(node, [step], where), rest, where, edit);
  if (Array.isArray(node)) return node.with(index(node, step, node.length, where), child);
  return Object.fromEntries(Object.entries(node).map(([name, old]) => [name, name === step ? child : old]));
}

function put(document: unknown, path: readonly string[], value: unknown, where: string): unknown {
  if (path.length === 0) return value;
  return change(document, path, where, (parent, step) => {
    if (!Array.isArray(parent)) return Object.fromEntries([...Object.entries(parent), [step, value]]);
    const at = step === '-' ? parent.length : index(parent, step, parent.length + 1, where);
    return parent.toSpliced(at, 0, value);
  });
}

function remove(document: unknown, path: readonly string[], where: string): unknown {
  get(document, path, where);
  return change(document, path, where, (parent, step) =>
    Array.isArray(parent)
      ? parent.toSpliced(index(parent, step, parent.length, where), 1)
      : Object.fromEntries(Object.entries(parent).filter(([name]) => name !== step)),
  );
}
