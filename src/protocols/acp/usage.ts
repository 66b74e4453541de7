import { limits } from '../limits.ts';
import type { Usage } from '../talk.ts';
import { type Fields, fields, number, present, string } from './read.ts';

/**
 * Agents that are known to report the tokens of a turn alone, whatever the specification says of sums: OpenCode (1.18)
 * those of the turn's last request, Claude's adapter (0.25) those of the whole turn. Of others their reports tell.
 */
const countsTurns: ReadonlySet<string> = new Set(['OpenCode', '@agentclientprotocol/claude-agent-acp']);

/**
 * `usage` of an answer to session/prompt: not in the stable schema, and yet what agents send. A turn that used nothing,
 * and a cost of nothing, are what agents report that do not know (OpenCode of a turn that was cancelled, and of a model
 * without a price): they count as not reported.
 */
export function tokens(
  usage: unknown,
  { agent, model }: { agent: string | undefined; model: string | undefined },
): Usage | undefined {
  const found = fields(usage);
  if (found === undefined) return undefined;
  const numbers = present({
    inputTokens: number(found.inputTokens),
    outputTokens: number(found.outputTokens),
    cachedReadTokens: number(found.cachedReadTokens),
    cachedWriteTokens: number(found.cachedWriteTokens),
    thoughtTokens: number(found.thoughtTokens),
    totalTokens: number(found.totalTokens),
  });
  if (Object.values(numbers).every((each) => each === 0)) return undefined;
  const counts: Usage['counts'] = agent !== undefined && countsTurns.has(agent) ? 'Turn' : 'Session';
  return present({ model, ...numbers, counts });
}

/** A usage_update: the cost since the session began, and how full its context is. */
export function costAndContext(update: Fields, model: string | undefined): Usage | undefined {
  const used = number(update.used);
  const size = number(update.size);
  const amount = number(fields(update.cost)?.amount);
  const currency = string(fields(update.cost)?.currency);
  const cost =
    amount === undefined || amount === 0 || currency === undefined || currency.length > limits.currency
      ? undefined
      : { amount, currency };
  const context = used === undefined || used === 0 || size === undefined ? undefined : { used, size };
  if (cost === undefined && context === undefined) return undefined;
  return present({ model, cost, context, counts: 'Session' as const });
}
