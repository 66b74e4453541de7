import { type Driver, labels } from '../driver.ts';
import { type Engine, streamOf } from './engine.ts';
import type { Known } from './known.ts';
import { until } from './logs.ts';
import type { EngineEvent } from './wire.ts';

/**
 * What changes the picture; execs, resizes and the like do not. Nor does a creation: who makes a container knows it, and
 * each list finds it. Podman's words differ.
 */
const telling = new Set([
  'start',
  'restart',
  'die',
  'died',
  'stop',
  'oom',
  'pause',
  'unpause',
  'destroy',
  'remove',
  'rename',
  'cleanup',
]);

/** What follows from a step of our own while it is under way, and shows in its answer. */
const ownSteps = new Set(['start', 'destroy', 'remove']);

/** Reads the engine's events until they end or the signal aborts. */
export async function watchEvents(
  { streams }: Engine,
  storeId: string,
  onHint: Parameters<Driver['watch']>[0],
  signal: AbortSignal,
  {
    underWay,
    ended,
  }: {
    /** Those that are being started or removed by us. */
    underWay: ReadonlySet<string>;
    ended: Known['ended'];
  },
): Promise<void> {
  const filters = { type: ['container'], label: [`${labels.store}=${storeId}`] };
  const stream = await streamOf(streams, '/events', { filters }, signal);
  // What happened before the stream stood was seen by nobody.
  onHint(undefined);
  let rest = '';
  for await (const chunk of until(stream, signal)) {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.trim() === '') continue;
      // The engine's API says what each line is.
      const event = JSON.parse(line) as EngineEvent;
      const seen = ended(event);
      if (!telling.has(event.Action)) continue;
      if (ownSteps.has(event.Action) && underWay.has(event.Actor.ID)) continue;
      onHint(event.Actor.ID, seen);
    }
  }
}
