import { ApiError } from '../api/errors.ts';

/** In which form a client wants an object or a list. */
export interface Form {
  encoding: 'json' | 'yaml';
  as: 'Object' | 'Table' | 'Metadata';
}

/** The first form of an Accept header that is served; parameters choose a Table or metadata alone. 406 where none is. */
export function formOf(accept: string | undefined): Form {
  for (const range of (accept ?? '*/*').split(',')) {
    const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const encoding = encodings[type ?? ''];
    const as = forms[parameters.find((part) => part.startsWith('as='))?.slice(3) ?? ''];
    const version = parameters.find((part) => part.startsWith('v='))?.slice(2) ?? 'v1';
    if (encoding !== undefined && as !== undefined && version === 'v1') return { encoding, as };
  }
  throw new ApiError(
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/yaml',
  );
}

const encodings: Record<string, Form['encoding']> = {
  '*/*': 'json',
  'application/*': 'json',
  'application/json': 'json',
  'application/yaml': 'yaml',
};

const forms: Record<string, Form['as']> = {
  '': 'Object',
  table: 'Table',
  partialobjectmetadata: 'Metadata',
  partialobjectmetadatalist: 'Metadata',
};

const discoveryVersions: Record<string, string> = { v2: 'v2', v2beta1: 'v2beta1' };

/** The version in which a client takes aggregated discovery, where it asks for that before plain JSON. */
export function aggregatedVersion(accept: string | undefined): string | undefined {
  for (const range of (accept ?? '').split(',')) {
    const parameters = range.split(';').map((part) => part.trim());
    if (parameters[0] !== 'application/json') continue;
    if (!parameters.includes('as=APIGroupDiscoveryList')) return undefined;
    const version = parameters.find((part) => part.startsWith('v='))?.slice(2) ?? '';
    if (discoveryVersions[version] !== undefined) return discoveryVersions[version];
  }
  return undefined;
}
