import type { UsageSum } from '../../client/streams.ts';

export const usageHead = ['MODEL', 'TURNS', 'IN', 'OUT', 'TOTAL', 'COST'];

/** `?` where nothing was reported, and `1200+?` where some turns did not: what is unknown is never 0. */
export function usageCells({ model, turns, cost = {}, unreported, ...tokens }: UsageSum): string[] {
  const costs = Object.entries(cost).map(([currency, amount]) => `${Number(amount.toFixed(6))} ${currency}`);
  return [
    model ?? '?',
    String(turns),
    known(tokens.inputTokens, unreported.inputTokens),
    known(tokens.outputTokens, unreported.outputTokens),
    known(tokens.totalTokens, unreported.totalTokens),
    known(costs.length === 0 ? undefined : costs.join(' + '), unreported.cost),
  ];
}

const known = (value: string | number | undefined, missing: number): string =>
  value === undefined ? '?' : `${value}${missing > 0 ? '+?' : ''}`;
