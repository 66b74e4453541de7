/** How large an object may be. Beyond that a write of one would hold up everything else for seconds. */

/** Fields and items of an object, without its status; those of managedFields count. */
export const mostValues = 10_000;
/** Characters of all names and texts of an object, without its status. Kubernetes: 1.5 MiB of a request to etcd. */
export const mostCharacters = 1.5 * 1024 * 1024;
/** Fields and items of a body of a request, or of a line that an agent writes. */
const mostValuesSent = 100_000;

export interface Size {
  values: number;
  characters: number;
}

/** Without the field `status` at its top. Stops counting at more than `mostValuesSent` values. */
export function sizeOf(object: Readonly<Record<string, unknown>>): Size {
  const { status: _, ...rest } = object;
  const size = { values: 0, characters: 0 };
  addSize(rest, size);
  return size;
}

/** Adds what a value has to `size`. Stops at more than `mostValuesSent` values. */
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

/** Levels of a body of a request, and of a patched object; far fewer than the stack has room for. */
export const deepest = 100;

export const isTooDeep = (value: unknown, left = deepest): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (left === 0 || Object.values(value).some((item) => isTooDeep(item, left - 1)));

/** Why an object of this size is refused; undefined where it is not. */
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

/** Why a JSON text is not parsed: by its size, which costs little to see. */
export const jsonFault = (text: string): string | undefined =>
  text.length > mostValuesSent && valuesInJson(text) > mostValuesSent
    ? `it has more than ${mostValuesSent} fields and items`
    : undefined;

/** About how many fields and items a JSON text has, without parsing it. Total: takes any text. */
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
