/**
 * A set of fields in Kubernetes' own notation, FieldsV1: each key is a path element (`f:<field>`, `k:<keys as JSON>`,
 * `v:<value as JSON>`). A node is a member where it is `{}` or has the key `.`; else it only leads to members.
 * The root is never a member, so `{}` is the empty set. Sets are never changed once made, but by `insert`.
 */
export interface FieldSet {
  [element: string]: FieldSet;
}

export const isEmpty = (set: object): boolean => {
  for (const _ in set) return false;
  return true;
};

export const isMember = (node: FieldSet): boolean => '.' in node || isEmpty(node);

/** Nodes that `insert` went through: to ask whether one of thousands of keys is empty takes time for each of them. */
const filled = new WeakSet<FieldSet>();

/** Adds the field at `path`; its parents become no members by it. */
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
  // All below stands in one of them alone.
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

/** Takes the fields of `right` away with all below them. */
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

/** Each member's path, in the order in which it stands. */
export function* members(set: FieldSet, path: readonly string[] = []): Generator<readonly string[]> {
  for (const [element, child] of Object.entries(set)) {
    if (element === '.') continue;
    const here = [...path, element];
    if (isMember(child)) yield here;
    yield* members(child, here);
  }
}

/** As Kubernetes writes a path in its messages: `.spec.env[name="A"].value`, `.metadata.finalizers[="x"]`. */
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
