import { labels } from '../../api/annotations.ts';
import type { Driver } from '../driver.ts';
import { createLineSplitter } from '../line-splitter.ts';
import { until } from './docker-logs.ts';
import { type Engine, streamOf } from './engine.ts';
import type { Known } from './known-containers.ts';
import type { EngineEvent } from './wire.ts';

/**
 * Actions that change what the planner sees. Execs, resizes and others do not. Nor does a creation: the creator knows
 * of it, and each list includes it. Podman's names differ.
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

/** Events of our own steps. They are ignored while the step runs, because its response has the result. */
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
    /** Containers that we are starting or removing. */
    underWay: ReadonlySet<string>;
    ended: Known['ended'];
  },
): Promise<void> {
  const filters = { type: ['container'], label: [`${labels.store}=${storeId}`] };
  const stream = await streamOf(streams, '/events', { filters }, signal);
  // Changes before the stream was opened were not seen.
  onHint(undefined);
  const splitter = createLineSplitter();
  for await (const chunk of until(stream, signal)) {
    for (const line of splitter.push(chunk)) {
      if (line.trim() === '') continue;
      // The Engine API defines the type of each line.
      const event = JSON.parse(line) as EngineEvent;
      const seen = ended(event);
      if (!telling.has(event.Action)) continue;
      if (ownSteps.has(event.Action) && underWay.has(event.Actor.ID)) continue;
      onHint(event.Actor.ID, seen);
    }
  }
}
