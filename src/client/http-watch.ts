import type { Status } from '../api/errors.ts';
import type { Kind } from '../api/objects.ts';
import { apiErrorOf } from './http-errors.ts';
import { pathOf } from './http-paths.ts';
import type { Transport } from './http-transport.ts';
import type { WatchOptions } from './resources.ts';

interface Event {
  type: string;
  object: {
    metadata?: { resourceVersion?: string };
    /** Of a Table. */
    rows?: readonly { object?: { metadata?: { resourceVersion?: string } } }[];
  };
}

/**
 * Events until the signal aborts. A server ends each watch after a while; then another one goes on from the last version
 * that was seen: of an object, or of a bookmark, for which it always asks, since a version that is a few minutes old may
 * no longer be kept. Throws ApiError (Expired among them), or UnreachableError where the server is gone.
 */
export async function* watchOver(
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
      if (event.type === 'ERROR') throw apiErrorOf(event.object as Status); // by the wire format
      version = newer(version, versionOf(event));
      if (event.type !== 'BOOKMARK' || options.allowWatchBookmarks === true) yield event;
    }
  }
}

const versionOf = ({ object }: Event): string | undefined =>
  object.metadata?.resourceVersion ?? object.rows?.[0]?.object?.metadata?.resourceVersion;

/** The objects that a watch begins with come by name, so the last one need not be the newest. */
const newer = (a: string | undefined, b: string | undefined): string | undefined =>
  a === undefined || b === undefined ? (b ?? a) : Number(b) > Number(a) ? b : a;
