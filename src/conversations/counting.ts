import type { Reported } from '../messages/message.ts';
import { counters, type Usage } from '../protocols/turn-events.ts';

/**
 * What the tokens in a report count, which should be the sum over the session. ACP's schema says so (`Sum`), but many
 * agents report what the turn has used (`Own`). Others start again from zero when a session is loaded, which is also
 * `Own`. `Unknown`: undecidable.
 */
export type Counting = 'Sum' | 'Own' | 'Unknown';

/**
 * Returns what a report counts. A request to a model contains everything that was said before. So a turn uses at least
 * what its context holds at the end, and about as much as a request of the previous turn. If the number has grown by
 * less, it is no sum.
 */
export function countingOf(
  report: Usage,
  before: Reported | undefined,
  { calls }: { calls: number },
): Counting {
  const size = sizeOf(report);
  const last = sizeOf(before);
  if (before === undefined || size === undefined) return 'Sum';
  if (last === undefined) return before.loaded === true ? 'Unknown' : 'Sum';
  if (before.countsTurns === true || fallsShort(report, before)) return 'Own';
  const grown = size - last;
  const context = report.context?.used;
  const least = context ?? before.request ?? 0;
  if (grown < least / 2) return 'Own';
  // Without tools a turn is one request, which uses what the context holds.
  if (context !== undefined && calls === 0)
    return Math.abs(size - context) < Math.abs(grown - context) ? 'Own' : 'Sum';
  return before.loaded === true ? 'Unknown' : 'Sum';
}

/** A sum never decreases. */
const fallsShort = (report: Usage, before: Usage): boolean =>
  counters.some((name) => (report[name] ?? Number.POSITIVE_INFINITY) < (before[name] ?? 0));

/** Returns all tokens of a report. Some agents leave cached tokens out of the input and the total. */
export function sizeOf(usage: Usage | undefined): number | undefined {
  const { inputTokens, outputTokens, totalTokens, cachedReadTokens = 0, cachedWriteTokens = 0 } = usage ?? {};
  if (inputTokens === undefined && outputTokens === undefined) return totalTokens;
  const parts = (inputTokens ?? 0) + (outputTokens ?? 0);
  const known = totalTokens ?? parts;
  return known > parts ? known : parts + cachedReadTokens + cachedWriteTokens;
}
