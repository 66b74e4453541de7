import { UsageError } from '../failure.ts';

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
