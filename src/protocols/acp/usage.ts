import { limits } from '../limits.ts';
import type { Usage } from '../talk.ts';
import { type Fields, fields, number, present, string } from './read.ts';

/**
 * Agents that are known to report the tokens of a turn alone, whatever the specification says of sums: OpenCode (1.18)
 * those of the turn's last request, Claude's adapter (0.25) those of the whole turn.
 */
const countsTurns: ReadonlySet<string> = new Set(['OpenCode', '@agentclientprotocol/claude-agent-acp']);

/**
 * Reads what an agent says it has used. A turn that used nothing and a cost of nothing are what agents report that do not
 * know (OpenCode of a turn that was cancelled, and of a model without a price): they count as not reported.
 * Token counts are sums over the session until a smaller one shows that they are not.
 */
export class UsageReader {
  #counts: Usage['counts'];
  /** The newest total by session. */
  readonly #totals = new Map<string, number>();

  constructor(agent: string | undefined) {
    this.#counts = agent !== undefined && countsTurns.has(agent) ? 'Turn' : 'Session';
  }

  /** `usage` of an answer to session/prompt: not in the stable schema, and yet what agents send. */
  tokens(session: string, usage: unknown, model: string | undefined): Usage | undefined {
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
    const total = numbers.totalTokens ?? (numbers.inputTokens ?? 0) + (numbers.outputTokens ?? 0);
    if (total < (this.#totals.get(session) ?? 0)) this.#counts = 'Turn';
    this.#totals.set(session, total);
    return present({ model, ...numbers, counts: this.#counts });
  }

  forget(session: string): void {
    this.#totals.delete(session);
  }
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
