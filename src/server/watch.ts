import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AnyObject } from '../api/objects.ts';
import type { WatchEvent } from '../client/resources.ts';
import { toApiError } from './answer.ts';
import type { OpenStreams } from './lines.ts';
import type { Parts } from './parts.ts';
import { flag, listOptions, number } from './query.ts';
import { representation } from './represent.ts';
import type { Target } from './target.ts';

/** Where a client names no end itself: it comes again, from the last version that it saw. */
const longest = 45 * 60;

/** Events as JSON lines. A failure, 410 among them, is told as an ERROR event, for the answer has begun by then. */
export async function watch(
  parts: Parts,
  streams: OpenStreams,
  target: Target,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { labelSelector, fieldSelector, resourceVersion } = listOptions(request);
  const seconds = number(request, 'timeoutSeconds') || longest; // 0 counts as none
  const { one, bookmark } = representation(request, target.info, parts.clock.now);
  const line = (event: WatchEvent<AnyObject>): string =>
    JSON.stringify({
      type: event.type,
      object: event.type === 'BOOKMARK' ? bookmark(event.object.metadata.resourceVersion) : one(event.object),
    });

  async function* lines(gone: AbortSignal): AsyncGenerator<string> {
    const late = new AbortController();
    const cancel = parts.clock.after(Math.min(seconds, longest) * 1000, () => late.abort());
    try {
      const events = parts.resources.watch(target.info.kind, {
        namespace: target.namespace,
        labelSelector,
        fieldSelector: selectName(target, fieldSelector),
        resourceVersion: resourceVersion === '0' ? undefined : resourceVersion, // 0 is any version: that of now
        allowWatchBookmarks: flag(request, 'allowWatchBookmarks'),
        signal: AbortSignal.any([gone, late.signal]),
      });
      for await (const event of events) yield line(event);
    } finally {
      cancel();
    }
  }

  await streams.send(reply, 'application/json', lines, (error) =>
    JSON.stringify({ type: 'ERROR', object: toApiError(error, parts.log).toStatus() }),
  );
}

/** A watch of one object is one of its collection, by name. */
function selectName({ name }: Target, fieldSelector: string | undefined): string | undefined {
  if (name === undefined) return fieldSelector;
  return [`metadata.name=${name}`, fieldSelector].filter((part) => part !== undefined).join(',');
}
