/** Limits on the size of an object. Writing a larger one would block everything else for seconds. */

/** Maximum number of fields and items of an object, without its status but with managedFields. */
export const mostValues = 10_000;
/**
 * Maximum number of characters of all names and texts of an object, without its status. Kubernetes limits a request to
 * etcd to 1.5 MiB.
 */
export const mostCharacters = 1.5 * 1024 * 1024;
/** Maximum number of fields and items of a request body, or of a line that an agent writes. */
const mostValuesSent = 100_000;

export interface Size {
  values: number;
  characters: number;
}

/** Counts an object without its top-level `status`. Stops when it has more than `mostValuesSent` values. */
export function sizeOf(object: Readonly<Record<string, unknown>>): Size {
  const { status: _, ...rest } = object;
  const size = { values: 0, characters: 0 };
  addSize(rest, size);
  return size;
}

/** Adds the size of a value to `size`. Stops when it has more than `mostValuesSent` values. */
export function addSize(value: unknown, size: Size): void {
  if (typeof value === 'string') size.characters += value.length;
  if (typeof value !== 'object' || value === null || size.values > mostValuesSent) return;
  const isList = Array.isArray(value);
  for (const [name, item] of Object.entries(value)) {
    if (size.values > mostValuesSent) return;
    size.values += 1;
    if (!isList) size.characters += name.length;
    addSize(item, size);
  }
}

/** Maximum depth of a request body and of a patched object. The stack has room for far more. */
export const deepest = 100;

export const isTooDeep = (value: unknown, left = deepest): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (left === 0 || Object.values(value).some((item) => isTooDeep(item, left - 1)));

/** Returns why an object of this size is refused; undefined if it is not. */
export function sizeFault({ values, characters }: Size): string | undefined {
  if (values > mostValues)
    return `the object has ${values} fields and items, at most ${mostValues} are allowed: split it`;
  if (characters > mostCharacters)
    return `the object has ${characters} characters, at most ${mostCharacters} are allowed: split it`;
  return undefined;
}

const [quote, backslash, comma, bracket, brace] = ['"', '\\', ',', '[', '{'].map((char) =>
  char.charCodeAt(0),
);

/** Returns why a JSON text is not parsed because of its size; undefined if it is. Cheaper than parsing it. */
export const jsonFault = (text: string): string | undefined =>
  text.length > mostValuesSent && valuesInJson(text) > mostValuesSent
    ? `it has more than ${mostValuesSent} fields and items`
    : undefined;

/** Estimates the number of fields and items of a JSON text without parsing it. Accepts any text. */
export function valuesInJson(text: string): number {
  let count = 0;
  let isText = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === quote) isText = !isText;
    else if (isText) {
      if (char === backslash) at += 1;
    } else if (char === comma || char === bracket || char === brace) count += 1;
  }
  return count;
}
