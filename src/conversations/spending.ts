import type { Entry } from '../messages/journal.ts';
import type { Conversation, Reported, Spent, Unreported, UsageRecord } from '../messages/message.ts';
import { counters, type Usage } from '../protocols/turn-events.ts';
import type { Open } from './open-message.ts';

/** More currencies in one sum are ignored: they are nonsense of an agent. */
const mostCurrencies = 10;

const tokenCounters = ['inputTokens', 'outputTokens', 'totalTokens'] as const;

/**
 * Returns what a turn has used, from its newest report. If the report counts the session, the previous report is
 * subtracted, as `countingOf` says. Unreported numbers stay absent. For a turn that has begun, `unreported` counts
 * them.
 */
export function spendingOf(
  open: Pick<Open, 'message' | 'reports' | 'calls'>,
  conversation: Conversation,
  { now, begun }: { now: number; begun: boolean },
): { entries: Entry[]; spent: Spent | undefined; conversation: Conversation } {
  const { message, reports } = open;
  const { Turn, Session } = reports;
  const newest = Turn ?? Session;
  if (newest === undefined && !begun) return { entries: [], spent: message.spent, conversation };
  const { reported } = conversation;
  const one: Spent = {};
  const counting = Session === undefined ? 'Sum' : countingOf(Session, reported, open);
  for (const name of tokenCounters) {
    const value = Turn?.[name] ?? ownPart(Session?.[name], reported?.[name], counting);
    if (value !== undefined) one[name] = value;
  }
  if (one.inputTokens !== undefined && one.outputTokens !== undefined)
    one.totalTokens ??= one.inputTokens + one.outputTokens;
  const cost = Turn?.cost ?? sessionCost(Session, reported, one.totalTokens);
  if (cost !== undefined) one.cost = { [cost.currency]: cost.amount };
  const { inputTokens, outputTokens, totalTokens } = one;
  const missing = (value: unknown): number => (value === undefined ? 1 : 0);
  one.unreported = {
    inputTokens: missing(inputTokens),
    outputTokens: missing(outputTokens),
    totalTokens: missing(totalTokens),
    cost: missing(cost),
  };
  const record: UsageRecord = {
    id: `${message.id}/${message.deliveredAt ?? 0}`,
    namespace: message.namespace,
    agent: message.agent,
    conversation: message.conversation,
    message: message.id,
    model: Turn?.model ?? Session?.model,
    at: now,
    inputTokens,
    outputTokens,
    totalTokens,
    cost,
  };
  return {
    entries: [{ type: 'Usage', record }],
    spent: sum(message.spent ?? {}, one),
    conversation: {
      ...conversation,
      spent: sum(conversation.spent, one),
      ...(Session === undefined
        ? {}
        : {
            reported: {
              ...noted(Session, reported, { counting, calls: open.calls }),
              price: priceOf(cost, one.totalTokens) ?? reported?.price,
            },
          }),
    },
  };
}

/**
 * Returns the cost of the turn. A sum that is smaller than before has started again from zero. Whether a larger sum has
 * done so after a load follows from the price of the turn before, or stays unknown.
 */
function sessionCost(
  session: Usage | undefined,
  before: Reported | undefined,
  tokens: number | undefined,
): Usage['cost'] {
  const cost = session?.cost;
  if (cost === undefined) return undefined;
  const last = before?.cost?.currency === cost.currency ? before.cost.amount : 0;
  if (cost.amount < last) return cost;
  const grown = { ...cost, amount: cost.amount - last };
  if (before?.costLoaded !== true) return grown;
  const expected = (before.price ?? 0) * (tokens ?? 0);
  const [isSum, isOwn] = [grown, cost].map(
    ({ amount }) => amount < expected * leeway && amount > expected / leeway,
  );
  return isSum === isOwn ? undefined : isSum ? grown : cost;
}

const priceOf = (cost: Usage['cost'], tokens = 0): number | undefined =>
  cost === undefined || tokens === 0 ? undefined : cost.amount / tokens;

/** Prices vary with caching. But a sum over two equal turns is twice the cost of one. */
const leeway = 1.5;

const ownPart = (
  value: number | undefined,
  before: number | undefined,
  counting: Counting,
): number | undefined => {
  if (counting === 'Unknown') return undefined;
  return counting === 'Own' ? value : less(value, before);
};

/** Returns the record for the next report. A report of cost only says nothing about tokens. */
function noted(
  session: Usage,
  before: Reported | undefined,
  { counting, calls }: { counting: Counting; calls: number },
): Reported {
  const size = sizeOf(session);
  const costLoaded = session.cost === undefined && before?.costLoaded === true;
  const all = { ...before, ...session, costLoaded };
  if (size === undefined) return all;
  const { loaded, countsTurns, request, ...rest } = all;
  const own = counting === 'Own' ? size : size - (sizeOf(before) ?? 0);
  return {
    ...rest,
    countsTurns: countsTurns === true || (counting === 'Own' && loaded !== true),
    request: counting === 'Unknown' ? request : own / (1 + calls),
  };
}

const less = (value: number | undefined, before = 0): number | undefined =>
  value === undefined || value < before ? value : value - before;

function sum(one: Spent, other: Spent): Spent {
  const out: Spent = {};
  for (const name of tokenCounters) {
    const [a, b] = [one[name], other[name]];
    if (a !== undefined || b !== undefined) out[name] = (a ?? 0) + (b ?? 0);
  }
  const unreported = sumOfUnreported(one.unreported, other.unreported);
  if (Object.values(unreported).some((count) => count > 0)) out.unreported = unreported;
  const cost = { ...one.cost };
  for (const [currency, amount] of Object.entries(other.cost ?? {}))
    if (currency in cost || Object.keys(cost).length < mostCurrencies)
      cost[currency] = (cost[currency] ?? 0) + amount;
  return Object.keys(cost).length === 0 ? out : { ...out, cost };
}

const none: Unreported = { inputTokens: 0, outputTokens: 0, totalTokens: 0, cost: 0 };

const sumOfUnreported = (one = none, other = none): Unreported => ({
  inputTokens: one.inputTokens + other.inputTokens,
  outputTokens: one.outputTokens + other.outputTokens,
  totalTokens: one.totalTokens + other.totalTokens,
  cost: one.cost + other.cost,
});

/**
 * What the tokens in a report count, which should be the sum over the session. ACP's schema says so (`Sum`), but many
 * agents report what the turn has used (`Own`). Others start again from zero when a session is loaded, which is also
 * `Own`. `Unknown`: undecidable.
 */
type Counting = 'Sum' | 'Own' | 'Unknown';

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
