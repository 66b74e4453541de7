import type { FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import type { KindInfo } from '../api/kinds.ts';
import type { AnyObject } from '../api/objects.ts';
import type { List } from '../client/resources.ts';
import type { IncludeObject } from '../client/tables.ts';
import { type Form, formOf } from './accept.ts';
import { text } from './query.ts';
import { metadataOf, tableOf } from './table.ts';

/** Turns objects into what the client asked for: themselves, rows of a Table, or their metadata alone. */
export interface Representation {
  one(object: AnyObject): object;
  list(list: List<AnyObject>): object;
  /** Of a watch. */
  bookmark(resourceVersion: string): object;
}

export function representation(request: FastifyRequest, info: KindInfo, now: () => number): Representation {
  return representations[formOf(request.headers.accept).as](request, info, now);
}

const representations: Record<
  Form['as'],
  (request: FastifyRequest, info: KindInfo, now: () => number) => Representation
> = {
  Object: (_, { apiVersion, kind }) => ({
    one: (object) => object,
    list: ({ items, metadata }) => ({ kind: `${kind}List`, apiVersion, metadata, items }),
    bookmark: (resourceVersion) => ({
      kind,
      apiVersion,
      metadata: { resourceVersion, creationTimestamp: null },
    }),
  }),

  Table(request, { kind }, now) {
    const include = includeObject(request);
    return {
      one: (object) =>
        tableOf(kind, [object], now(), include, { resourceVersion: object.metadata.resourceVersion }),
      list: ({ items, metadata }) => tableOf(kind, items, now(), include, metadata),
      bookmark: (resourceVersion) => tableOf(kind, [], now(), include, { resourceVersion }),
    };
  },

  Metadata: () => ({
    one: metadataOf,
    list: ({ items, metadata }) => ({
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      metadata,
      items: items.map(metadataOf),
    }),
    bookmark: (resourceVersion) => ({
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion, creationTimestamp: null },
    }),
  }),
};

function includeObject(request: FastifyRequest): NonNullable<IncludeObject['includeObject']> {
  const value = text(request, 'includeObject') ?? 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw new ApiError(
    'BadRequest',
    `includeObject: ${JSON.stringify(value)} is none of None, Metadata, Object`,
  );
}
