import type { Status } from '../api/errors.ts';
import type { Kind, ObjectKey } from '../api/objects.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { createHttpStreams, pathOf } from './http-streams.ts';
import { apiErrorOf, createTransport, type Target, type Transport } from './http-transport.ts';
import type {
  ListOptions,
  Patch,
  Resources,
  Table,
  TableEvent,
  Tables,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './resources.ts';
import type { Streams } from './streams.ts';

export interface HttpClient extends Resources, Streams {
  tables: Tables;
  /** Closes idle connections and fails pending requests. */
  close(): void;
}

const tableAccept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
const patchTypes: Record<Patch['type'], string> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
};

/**
 * `onWarning` gets the server's warnings (unknown fields, deprecations). `clock` times the wait for a lost server. A
 * request without a response within `timeout` is aborted; streams have no limit.
 */
export function createHttpClient(
  target: Target,
  options: { onWarning?: (text: string) => void; clock?: Clock; timeout?: number | undefined } = {},
): HttpClient {
  const transport = createTransport(target, options.onWarning ?? (() => undefined), options.timeout);
  return {
    ...createHttpResources(transport),
    ...createHttpStreams(transport, options.clock ?? systemClock),
    tables: createHttpTables(transport),
    close: () => transport.close(),
  };
}

const writeQuery = (options: WriteOptions): Record<string, string | boolean | undefined> => ({
  dryRun: options.dryRun === true ? 'All' : undefined,
  fieldManager: options.fieldManager,
  fieldValidation: options.fieldValidation,
  force: options.force,
});

const listQuery = (options: ListOptions): Record<string, string | number | undefined> => ({
  labelSelector: options.labelSelector,
  fieldSelector: options.fieldSelector,
  limit: options.limit,
  continue: options.continue,
  resourceVersion: options.resourceVersion,
  resourceVersionMatch: options.resourceVersion === undefined ? undefined : 'Exact',
});

const keyOfBody = (object: { metadata: { namespace?: string | undefined; name?: string | undefined } }) => ({
  namespace: object.metadata.namespace ?? 'default',
  name: object.metadata.name,
});

/** The casts state what the server returns: the kind that the path names. */
function createHttpResources(transport: Transport): Resources {
  const get = (kind: Kind, key: ObjectKey) => transport.json({ method: 'GET', path: pathOf(kind, key) });
  return {
    get: (kind, key) => get(kind, key) as Promise<never>,
    list: (kind, options = {}) =>
      transport.json({
        method: 'GET',
        path: pathOf(kind, { namespace: options.namespace }, listQuery(options)),
      }) as Promise<never>,
    watch: (kind, options) => watchOver(transport, kind, options) as AsyncIterable<WatchEvent<never>>,
    create: (kind, object, options = {}) =>
      transport.json({
        method: 'POST',
        path: pathOf(kind, { namespace: keyOfBody(object).namespace }, writeQuery(options)),
        body: object,
      }) as Promise<never>,
    update: (kind, object, options = {}) =>
      transport.json({
        method: 'PUT',
        path: pathOf(kind, { ...keyOfBody(object), subresource: options.subresource }, writeQuery(options)),
        body: object,
      }) as Promise<never>,
    async patch(kind, key, patch, options = {}) {
      const { subresource } = options;
      const answer = await transport.json({
        method: 'PATCH',
        path: pathOf(kind, { ...key, subresource }, writeQuery(options)),
        contentType: patchTypes[patch.type],
        body: patch.body,
      });
      // The server returns a Scale for a patch of scale; callers expect the object.
      return (subresource === 'scale' ? await get(kind, key) : answer) as never;
    },
    delete: (kind, key, options = {}) =>
      transport.json({
        method: 'DELETE',
        path: pathOf(kind, key),
        body: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          ...(options.dryRun === true ? { dryRun: ['All'] } : {}),
          preconditions: options.preconditions,
          propagationPolicy: options.propagationPolicy,
        },
      }) as Promise<never>,
  };
}

function createHttpTables(transport: Transport): Tables {
  return {
    list: (kind, options = {}) =>
      transport.json({
        method: 'GET',
        path: pathOf(
          kind,
          { namespace: options.namespace, name: options.name },
          { ...listQuery(options), includeObject: options.includeObject },
        ),
        accept: tableAccept,
      }) as Promise<Table>,
    watch: (kind, options) =>
      watchOver(transport, kind, options, {
        accept: tableAccept,
        query: { includeObject: options.includeObject },
      }) as AsyncIterable<TableEvent>,
  };
}

interface Event {
  type: string;
  object: {
    metadata?: { resourceVersion?: string };
    /** Only in a Table. */
    rows?: readonly { object?: { metadata?: { resourceVersion?: string } } }[];
  };
}

/**
 * Yields events until the signal aborts. A server ends each watch after a while; then a new watch continues from the
 * last version that was seen, of an object or of a bookmark. Bookmarks are always requested, because a version that is
 * a few minutes old may no longer be kept. Throws ApiError (Expired among others), or UnreachableError if the server is
 * gone.
 */
async function* watchOver(
  transport: Transport,
  kind: Kind,
  options: WatchOptions,
  how: { accept?: string; query?: Readonly<Record<string, string | undefined>> } = {},
): AsyncGenerator<Event> {
  const { signal } = options;
  let version = options.resourceVersion;
  while (!signal.aborted) {
    const path = pathOf(
      kind,
      { namespace: options.namespace },
      {
        watch: 1,
        labelSelector: options.labelSelector,
        fieldSelector: options.fieldSelector,
        resourceVersion: version,
        allowWatchBookmarks: true,
        ...how.query,
      },
    );
    const call = { method: 'GET', path, signal } as const;
    for await (const line of transport.lines(
      how.accept === undefined ? call : { ...call, accept: how.accept },
    )) {
      const event = JSON.parse(line) as Event; // the server's wire format
      if (event.type === 'ERROR') throw apiErrorOf(event.object as Status); // the server's wire format
      version = newer(version, versionOf(event));
      if (event.type !== 'BOOKMARK' || options.allowWatchBookmarks === true) yield event;
    }
  }
}

const versionOf = ({ object }: Event): string | undefined =>
  object.metadata?.resourceVersion ?? object.rows?.[0]?.object?.metadata?.resourceVersion;

/** The initial objects of a watch are sorted by name, so the last one need not be the newest. */
const newer = (a: string | undefined, b: string | undefined): string | undefined =>
  a === undefined || b === undefined ? (b ?? a) : Number(b) > Number(a) ? b : a;
