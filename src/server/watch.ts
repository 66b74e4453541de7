import type { ResourceEvent } from '../registry/watch.ts';
import { toApiError } from './answer.ts';
import type { Asked } from './asked.ts';
import { flag, listOptions, number } from './query.ts';
import { representation } from './represent.ts';

/** In seconds, where a client names no end itself: it comes again, from the last version that it saw. */
const longest = 45 * 60;

/** Events as JSON lines. A failure, 410 among them, is told as an ERROR event, for the answer has begun by then. */
export async function watch(asked: Asked): Promise<void> {
  const { registry, clock, log, open, info, request, reply } = asked;
  const { labelSelector, fieldSelector, resourceVersion } = listOptions(request);
  const seconds = number(request, 'timeoutSeconds') || longest; // 0 counts as none
  const { one, bookmark } = representation(asked);
  const line = (event: ResourceEvent): string =>
    JSON.stringify({
      type: event.type,
      object: event.type === 'BOOKMARK' ? bookmark(event.object) : one(event.object),
    });

  async function* lines(gone: AbortSignal): AsyncGenerator<string> {
    const late = new AbortController();
    const cancel = clock.after(Math.min(seconds, longest) * 1000, () => late.abort());
    try {
      const events = registry.watch(info.kind, {
        namespace: asked.namespace,
        labelSelector,
        fieldSelector: selectName(asked, fieldSelector),
        resourceVersion,
        allowWatchBookmarks: flag(request, 'allowWatchBookmarks'),
        sendInitialEvents: flag(request, 'sendInitialEvents') || undefined,
        signal: AbortSignal.any([gone, late.signal]),
      });
      for await (const event of events) yield line(event);
    } finally {
      cancel();
    }
  }

  await open.send(reply, {
    contentType: 'application/json',
    lines,
    failed: (error) => JSON.stringify({ type: 'ERROR', object: toApiError(error, log).toStatus() }),
  });
}

/** A watch of one object is one of its collection, by name. */
function selectName({ name }: Asked, fieldSelector: string | undefined): string | undefined {
  if (name === undefined) return fieldSelector;
  return [`metadata.name=${name}`, fieldSelector].filter((part) => part !== undefined).join(',');
}
