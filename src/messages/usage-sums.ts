import type { Row } from './journal-rows.ts';
import type { AgentUsage } from './message.ts';

const counters = ['inputTokens', 'outputTokens', 'totalTokens'] as const;

/** The sum of two that are reported counts as a total; of one alone it would be too small. */
const turns = (
  where: string,
): string => `SELECT namespace, agent, model, count(*) AS turns, count(cost) AS cost,
    ${counters.map((name) => `sum(${name}) AS ${name}, count(${name}) AS "${name}Reports"`).join(', ')}
  FROM (SELECT namespace, agent, value ->> 'model' AS model, value ->> '$.cost.amount' AS cost,
      value ->> 'inputTokens' AS inputTokens, value ->> 'outputTokens' AS outputTokens,
      coalesce(value ->> 'totalTokens', (value ->> 'inputTokens') + (value ->> 'outputTokens')) AS totalTokens
    FROM usage WHERE ${where})
  GROUP BY namespace, agent, model ORDER BY namespace, agent, model`;
const costs = (where: string): string => `SELECT namespace, agent, value ->> 'model' AS model,
    value ->> '$.cost.currency' AS currency, sum(value ->> '$.cost.amount') AS amount
  FROM usage WHERE ${where} AND value ->> '$.cost.amount' IS NOT NULL
  GROUP BY 1, 2, 3, 4 ORDER BY 4`;

const idOf = ({ namespace, agent, model }: Row): string => JSON.stringify([namespace, agent, model]);

/** By agent and model, of the records for which the SQL condition `where` holds. `all` answers a query. */
export function sumByModel(all: (sql: string) => Row[], where: string): AgentUsage[] {
  const spent = Map.groupBy(all(costs(where)), idOf);
  return all(turns(where)).map((row) => {
    const count = Number(row.turns);
    const missing = (reports: unknown): number => count - Number(reports);
    const own = spent.get(idOf(row)) ?? [];
    const sum: AgentUsage = {
      namespace: String(row.namespace),
      agent: String(row.agent),
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
