import { ApiError } from '../api/errors.ts';

/** In which form a client wants an object or a list. */
export interface Form {
  encoding: 'json' | 'yaml';
  as: 'Object' | 'Table' | 'Metadata';
}

/**
 * The form that an Accept header prefers among those that are served; parameters choose a Table or metadata alone.
 * Throws NotAcceptable (406) where none is. Not by @fastify/accepts: it refuses a range with a parameter that the server
 * does not name, such as charset, which Kubernetes ignores.
 */
export function formOf(accept: string | undefined): Form {
  for (const [type, ...parameters] of rangesOf((accept ?? '*/*').toLowerCase())) {
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
  for (const [type, ...parameters] of rangesOf(accept ?? '')) {
    if (type !== 'application/json') continue;
    if (!parameters.includes('as=APIGroupDiscoveryList')) return undefined;
    const version = parameters.find((part) => part.startsWith('v='))?.slice(2) ?? '';
    if (discoveryVersions[version] !== undefined) return discoveryVersions[version];
  }
  return undefined;
}

/** The media ranges with their parameters, the most preferred first (RFC 9110, section 12.5.1). */
function rangesOf(accept: string): string[][] {
  const ranges = accept.split(',').map((range) => range.split(';').map((part) => part.trim()));
  return ranges.filter((range) => quality(range) > 0).sort((one, other) => quality(other) - quality(one));
}

function quality(range: readonly string[]): number {
  const value = range.find((part) => part.startsWith('q='))?.slice(2);
  return value === undefined ? 1 : Number(value) || 0;
}
