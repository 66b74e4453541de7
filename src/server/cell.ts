import { isObject } from '../api/schema.ts';

type Step = string | number | { field: string; equals: string };

/** `.a.b`, `[0]` and `[?(@.type=="Ready")]`: what columns of schemas/ are written in. Throws for all else. */
export function compilePath(path: string): (value: unknown) => unknown {
  const steps: Step[] = [];
  const rest = path.replace(
    /\.([A-Za-z0-9_-]+)|\[(\d+)\]|\[\?\(@\.([A-Za-z0-9_-]+)=="([^"]*)"\)\]/g,
    (_, name?: string, index?: string, field?: string, equals?: string) => {
      if (name !== undefined) steps.push(name);
      else if (index !== undefined) steps.push(Number(index));
      else if (field !== undefined && equals !== undefined) steps.push({ field, equals });
      return '';
    },
  );
  if (rest !== '') throw new Error(`JSON path ${path}: cannot read ${rest}`);
  return (value) => steps.reduce(follow, value);
}

function follow(value: unknown, step: Step): unknown {
  if (typeof step === 'string')
    return isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  if (!Array.isArray(value)) return undefined;
  if (typeof step === 'number') return value[step];
  return value.find((item) => isObject(item) && item[step.field] === step.equals);
}
