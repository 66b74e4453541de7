import { costText, reported } from '../../api/requests.ts';
import type { UsageSum } from '../../client/streams.ts';

export const usageHead = ['MODEL', 'TURNS', 'IN', 'OUT', 'TOTAL', 'COST'];

/** Unknown values are never shown as 0. */
export function usageCells({ model, turns, cost, unreported, ...tokens }: UsageSum): string[] {
  return [
    model ?? '?',
    String(turns),
    reported(tokens.inputTokens, unreported.inputTokens),
    reported(tokens.outputTokens, unreported.outputTokens),
    reported(tokens.totalTokens, unreported.totalTokens),
    reported(costText(cost), unreported.cost),
  ];
}
