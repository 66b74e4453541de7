import type { Row } from './journal-rows.ts';
import type { UsageSum } from './message.ts';

const counters = ['inputTokens', 'outputTokens', 'totalTokens'] as const;

/** The sum of two that are reported counts as a total; of one alone it would be too small. */
const turns = `SELECT model, count(*) AS turns, count(cost) AS cost,
    ${counters.map((name) => `sum(${name}) AS ${name}, count(${name}) AS "${name}Reports"`).join(', ')}
  FROM (SELECT value ->> 'model' AS model, value ->> '$.cost.amount' AS cost,
      value ->> 'inputTokens' AS inputTokens, value ->> 'outputTokens' AS outputTokens,
      coalesce(value ->> 'totalTokens', (value ->> 'inputTokens') + (value ->> 'outputTokens')) AS totalTokens
    FROM usage WHERE namespace = ? AND agent = ? AND at >= ?)
  GROUP BY model ORDER BY model`;
const costs = `SELECT value ->> 'model' AS model, value ->> '$.cost.currency' AS currency,
    sum(value ->> '$.cost.amount') AS amount
  FROM usage WHERE namespace = ? AND agent = ? AND at >= ? AND value ->> '$.cost.amount' IS NOT NULL
  GROUP BY 1, 2 ORDER BY 2`;

/** `all` answers a question with the place of a namespace, an agent and the earliest instant, in this order. */
export function sumByModel(all: (sql: string) => Row[]): UsageSum[] {
  const spent = all(costs);
  return all(turns).map((row) => {
    const count = Number(row.turns);
    const missing = (reports: unknown): number => count - Number(reports);
    const own = spent.filter(({ model }) => model === row.model);
    const sum: UsageSum = {
      turns: count,
      unreported: {
        inputTokens: missing(row.inputTokensReports),
        outputTokens: missing(row.outputTokensReports),
        totalTokens: missing(row.totalTokensReports),
        cost: missing(row.cost),
      },
    };
    if (row.model !== null) sum.model = String(row.model);
    for (const name of counters) if (row[name] !== null) sum[name] = Number(row[name]);
    if (own.length > 0)
      sum.cost = Object.fromEntries(own.map(({ currency, amount }) => [String(currency), Number(amount)]));
    return sum;
  });
}
