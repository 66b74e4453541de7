import type { Reported } from '../../messages/message.ts';
import type { Usage } from '../../protocols/talk.ts';

/**
 * What a report of tokens that should be a sum over its session counts. ACP's schema says that it is (`Sum`); many
 * agents report what the turn has used (`Own`), or begin anew when a session is loaded, which comes to the same.
 * `Unknown`: it cannot be told.
 */
export type Counting = 'Sum' | 'Own' | 'Unknown';

/**
 * A request to a model brings all that was said before. So a turn takes at least what its context holds in the end, and
 * at least about what a request of the turn before took: a sum that has grown by less is none.
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
  // Without tools a turn is one request, which takes what the context holds.
  if (context !== undefined && calls === 0)
    return Math.abs(size - context) < Math.abs(grown - context) ? 'Own' : 'Sum';
  return before.loaded === true ? 'Unknown' : 'Sum';
}

const counters = [
  'inputTokens',
  'outputTokens',
  'cachedReadTokens',
  'cachedWriteTokens',
  'thoughtTokens',
  'totalTokens',
] as const;

/** A sum never gets smaller. */
const fallsShort = (report: Usage, before: Usage): boolean =>
  counters.some((name) => (report[name] ?? Number.POSITIVE_INFINITY) < (before[name] ?? 0));

/** All tokens of a report. Some agents leave the cached ones out of the input, and of the total. */
export function sizeOf(usage: Usage | undefined): number | undefined {
  const { inputTokens, outputTokens, totalTokens, cachedReadTokens = 0, cachedWriteTokens = 0 } = usage ?? {};
  if (inputTokens === undefined && outputTokens === undefined) return totalTokens;
  const parts = (inputTokens ?? 0) + (outputTokens ?? 0);
  const known = totalTokens ?? parts;
  return known > parts ? known : parts + cachedReadTokens + cachedWriteTokens;
}
