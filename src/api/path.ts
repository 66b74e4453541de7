import { isObject } from './schema.ts';

/** The path of a field: property names and list indexes, from the object's root. */
export type Path = readonly (string | number)[];

/** Formats a path as Kubernetes does: `spec.template.env[0].name`, `metadata.labels[example.com/x]`. */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number' || !/^[A-Za-z_$][A-Za-z0-9_$-]*$/.test(step)) text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** Returns the value at a path; undefined if there is none. */
export function valueAt(value: unknown, path: Path): unknown {
  let node = value;
  for (const step of path) {
    if (Array.isArray(node)) node = typeof step === 'number' ? node[step] : undefined;
    else if (isObject(node)) node = Object.hasOwn(node, step) ? node[step] : undefined;
    else return undefined;
  }
  return node;
}
