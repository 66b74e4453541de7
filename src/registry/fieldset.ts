/**
 * A set of fields in Kubernetes' notation FieldsV1: each key is a path element (`f:<field>`, `k:<keys as JSON>`,
 * `v:<value as JSON>`). A node is a member if it is `{}` or has the key `.`; otherwise it only leads to members. The
 * root is never a member, so `{}` is the empty set. Sets are immutable, except for `insert`. By hand, because
 * structured-merge-diff exists only in Go.
 */
export interface FieldSet {
  [element: string]: FieldSet;
}

export const isEmpty = (set: object): boolean => {
  for (const _ in set) return false;
  return true;
};

export const isMember = (node: FieldSet): boolean => '.' in node || isEmpty(node);

/** Nodes that `insert` has given a child. isEmpty would take linear time on a node with thousands of keys. */
const filled = new WeakSet<FieldSet>();

/** Adds the field at `path`. Its parents do not become members. */
export function insert(set: FieldSet, path: readonly string[]): void {
  let node = set;
  for (let depth = 0; depth < path.length; depth += 1) {
    const element = path[depth] ?? '';
    const child = node[element];
    if (depth === path.length - 1) {
      if (child === undefined) node[element] = {};
      else if (!isEmpty(child)) child['.'] = {};
      return;
    }
    if (child === undefined) {
      node = node[element] = {};
    } else {
      if (!filled.has(child) && isEmpty(child)) child['.'] = {};
      node = child;
    }
    filled.add(node);
  }
}

type Keep = (inLeft: boolean, inRight: boolean) => boolean;

function combineNodes(
  left: FieldSet | undefined,
  right: FieldSet | undefined,
  keep: Keep,
): FieldSet | undefined {
  // Only one of the two has this node, so all below is in that one.
  if (left === undefined || right === undefined)
    return keep(left !== undefined, right !== undefined) ? (left ?? right) : undefined;
  const children = combineChildren(left, right, keep);
  const member = keep(isMember(left), isMember(right));
  if (isEmpty(children)) return member ? children : undefined;
  if (member) children['.'] = {};
  return children;
}

function combineChildren(left: FieldSet = {}, right: FieldSet = {}, keep: Keep): FieldSet {
  const out: FieldSet = {};
  const visit = (element: string): void => {
    const child = element === '.' ? undefined : combineNodes(left[element], right[element], keep);
    if (child !== undefined) out[element] = child;
  };
  for (const element of Object.keys(left)) visit(element);
  for (const element of Object.keys(right)) if (left[element] === undefined) visit(element);
  return out;
}

export const union = (left: FieldSet, right: FieldSet): FieldSet =>
  isEmpty(left) ? right : isEmpty(right) ? left : combineChildren(left, right, (a, b) => a || b);

export const intersection = (left: FieldSet, right: FieldSet): FieldSet =>
  isEmpty(left) || isEmpty(right) ? {} : combineChildren(left, right, (a, b) => a && b);

export const difference = (left: FieldSet, right: FieldSet): FieldSet =>
  isEmpty(left) || isEmpty(right) ? left : combineChildren(left, right, (a, b) => a && !b);

/** Removes the fields of `right`, with everything below them. */
export function withoutTrees(left: FieldSet, right: FieldSet): FieldSet {
  const out: FieldSet = {};
  for (const [element, child] of Object.entries(left)) {
    const other = right[element];
    if (other === undefined) out[element] = child;
    else if (!isMember(other)) {
      const { '.': self, ...rest } = withoutTrees(child, other);
      if (!isEmpty(rest)) out[element] = self === undefined ? rest : { ...rest, '.': self };
      else if (isMember(child)) out[element] = {};
    }
  }
  return out;
}

/** Yields the path of each member, in the order of the set. */
export function* members(set: FieldSet, path: readonly string[] = []): Generator<readonly string[]> {
  for (const [element, child] of Object.entries(set)) {
    if (element === '.') continue;
    const here = [...path, element];
    if (isMember(child)) yield here;
    yield* members(child, here);
  }
}

/** Formats a path like Kubernetes' messages: `.spec.env[name="A"].value`, `.metadata.finalizers[="x"]`. */
export const pathText = (path: readonly string[]): string => path.map(elementText).join('');

function elementText(element: string): string {
  const rest = element.slice(2);
  switch (element[0]) {
    case 'k':
      return `[${Object.entries(JSON.parse(rest))
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')}]`;
    case 'v':
      return `[=${rest}]`;
    case 'i':
      return `[${rest}]`;
    default:
      return `.${rest}`;
  }
}
