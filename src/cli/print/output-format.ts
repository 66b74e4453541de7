import { kindInfo } from '../../api/kinds.ts';
import type { AnyObject } from '../../api/objects.ts';
import { visible, visibleYaml } from '../../api/text.ts';
import { UsageError } from '../failure.ts';
import { objectName } from '../targets.ts';
import { table } from './text-table.ts';

/** The format that -o requests. */
export type Format =
  | { type: 'table'; wide: boolean }
  | { type: 'json' | 'yaml' | 'name' }
  | { type: 'jsonpath'; template: string }
  | { type: 'columns'; columns: readonly { header: string; path: string }[]; headers: boolean };

const known =
  'json, yaml, name, wide, jsonpath=..., jsonpath-file=..., custom-columns=..., custom-columns-file=...';

/** `read` returns the text of a file that the format names. */
export function parseFormat(text: string | undefined, read: (file: string) => string): Format {
  if (text === undefined || text === '') return { type: 'table', wide: false };
  if (text === 'wide') return { type: 'table', wide: true };
  if (text === 'json' || text === 'yaml' || text === 'name') return { type: text };
  const [, name = text, argument] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  switch (name) {
    case 'jsonpath':
      return { type: 'jsonpath', template: given(name, argument) };
    case 'jsonpath-file':
      return { type: 'jsonpath', template: read(given(name, argument)) };
    case 'custom-columns':
      return { type: 'columns', columns: given(name, argument).split(',').map(column), headers: true };
    case 'custom-columns-file': {
      const [headers = '', paths = ''] = read(given(name, argument)).trim().split('\n');
      const names = headers.trim().split(/\s+/);
      const columns = paths
        .trim()
        .split(/\s+/)
        .map((path, index) => ({ header: names[index] ?? path, path }));
      return { type: 'columns', columns, headers: true };
    }
    default:
      throw new UsageError(`-o: found ${JSON.stringify(text)}, expected one of ${known}`);
  }
}

function given(name: string, argument: string | undefined): string {
  if (argument === undefined || argument === '')
    throw new UsageError(`-o ${name} requires a value: ${name}=...`);
  return argument;
}

function column(text: string): { header: string; path: string } {
  const [, header, path] = /^([^:]+):(.+)$/.exec(text) ?? [];
  if (header === undefined || path === undefined) {
    throw new UsageError(
      `-o custom-columns: found ${JSON.stringify(text)}, expected HEADER:.path, as in NAME:.metadata.name`,
    );
  }
  return { header, path };
}

/**
 * Prints objects in any format except a table. `single`: one object was requested by name, so it is not wrapped in a
 * List.
 */
export async function formatObjects(
  format: Exclude<Format, { type: 'table' }>,
  objects: readonly AnyObject[],
  single: boolean,
  headers = true,
): Promise<string> {
  const [first] = objects;
  const whole = single && first !== undefined ? first : listOf(objects);
  switch (format.type) {
    case 'name':
      return objects.map((object) => `${objectName(kindInfo(object.kind), object.metadata.name)}\n`).join('');
    case 'json':
      return `${JSON.stringify(sorted(whole), null, 4)}\n`;
    case 'yaml':
      return await yamlText(whole);
    case 'jsonpath': {
      const { evaluateTemplate } = await import('./jsonpath-output.ts');
      return evaluateTemplate(format.template, whole);
    }
    case 'columns': {
      const { columnText } = await import('./jsonpath-output.ts');
      const rows = objects.map((object) => format.columns.map(({ path }) => columnText(path, object)));
      return table(headers ? [format.columns.map(({ header }) => header), ...rows] : rows);
    }
  }
}

const listOf = (items: readonly AnyObject[]): object => ({
  apiVersion: 'v1',
  items,
  kind: 'List',
  metadata: { resourceVersion: '' },
});

/** Sorts the keys of all nested objects, as kubectl prints JSON. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(entries.map(([key, part]) => [key, sorted(part)]));
}

/**
 * Formats YAML as in kubectl: keys sorted, lists not indented, lines not folded. Characters that a terminal must not
 * print are written as escapes in double quotes, with the same value.
 */
export async function yamlText(value: object): Promise<string> {
  const { Document, Scalar, visit } = await import('yaml');
  const document = new Document(value, {
    sortMapEntries: true,
    aliasDuplicateObjects: false,
    // Other programs read YAML 1.1, in which yes, on and an unquoted time are not strings.
    version: '1.1',
  });
  visit(document, {
    Scalar(_, scalar) {
      const quoted = `"${String(scalar.value)}"`; // some characters are unsafe only after others
      if (visible(quoted) !== quoted) scalar.type = Scalar.QUOTE_DOUBLE;
    },
  });
  return visibleYaml(document.toString({ indentSeq: false, lineWidth: 0 }));
}

/** Omits managedFields, which are shown only on request. */
export function withoutManagedFields<T extends AnyObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
