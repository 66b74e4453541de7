import type { FastifyRequest } from 'fastify';
import { ApiError } from '../api/errors.ts';
import type { List } from '../client/resources.ts';
import type { IncludeObject } from '../client/tables.ts';
import type { AnyResource } from '../registry/object.ts';
import { type Form, formOf } from './accept.ts';
import type { Asked } from './asked.ts';
import { text } from './query.ts';
import { metadataOf, tableOf } from './table.ts';

/** Turns objects into what the client asked for: themselves, rows of a Table, or their metadata alone. */
export interface Representation {
  one(object: AnyResource): object;
  list(list: List<AnyResource>): object;
  /** Of a watch. */
  bookmark(mark: { metadata: { resourceVersion: string } }): object;
}

export function representation(asked: Asked): Representation {
  return representations[formOf(asked.request.headers.accept).as](asked);
}

const representations: Record<Form['as'], (asked: Asked) => Representation> = {
  Object: ({ info: { kind, apiVersion } }) => ({
    one: (object) => object,
    list: ({ items, metadata }) => ({ kind: `${kind}List`, apiVersion, metadata, items }),
    bookmark: (mark) => mark,
  }),

  Table({ info: { kind }, request, clock, waiting }) {
    const include = includeObject(request);
    return {
      one(object) {
        const { resourceVersion } = object.metadata;
        return tableOf(kind, [object], clock.now(), include, { resourceVersion }, waiting);
      },
      list: ({ items, metadata }) => tableOf(kind, items, clock.now(), include, metadata, waiting),
      bookmark: ({ metadata: { resourceVersion } }) =>
        tableOf(kind, [], clock.now(), include, { resourceVersion }),
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
    bookmark: ({ metadata }) => ({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }),
  }),
};

function includeObject(request: FastifyRequest): NonNullable<IncludeObject['includeObject']> {
  const value = text(request, 'includeObject') ?? 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw new ApiError(
    'BadRequest',
    `includeObject: Unsupported value: ${JSON.stringify(value)}: supported values: "None", "Metadata", "Object"`,
  );
}
