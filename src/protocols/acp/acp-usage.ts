import { limits, type QuotaReport } from '../protocol.ts';
import { counters, type Usage } from '../turn-events.ts';
import { type Fields, fields, name, number, present, string } from './acp-message.ts';

/**
 * Agents that are known to report the tokens of a turn only, although the specification demands sums: OpenCode (1.18)
 * those of the turn's last request, Claude's adapter (0.25) those of the whole turn. For other agents, their reports
 * decide.
 */
const countsTurns: ReadonlySet<string> = new Set(['OpenCode', '@agentclientprotocol/claude-agent-acp']);

/**
 * Returns the `usage` of an answer to session/prompt. It is not in the stable schema, but agents send it. Zero tokens
 * and zero cost count as unreported, because agents report them if they do not know (OpenCode does so for a cancelled
 * turn, and for a model without a price).
 */
export function tokens(
  answer: Fields | undefined,
  { agent, model }: { agent: string | undefined; model: string | undefined },
): Usage | undefined {
  const quota = fields(fields(fields(answer?._meta)?.quota)?.token_count);
  const found = fields(answer?.usage);
  if (found === undefined) return quota && ofQuota(quota, model);
  const numbers = numbersOf(found);
  if (isNothing(numbers)) return undefined;
  const counts: Usage['counts'] = agent !== undefined && countsTurns.has(agent) ? 'Turn' : 'Session';
  return present({ model, ...numbers, counts });
}

/** Gemini CLI has no `usage`. This is the sum over all requests of the turn. */
function ofQuota({ input_tokens, output_tokens }: Fields, model: string | undefined): Usage | undefined {
  const numbers = present({ inputTokens: number(input_tokens), outputTokens: number(output_tokens) });
  return isNothing(numbers) ? undefined : present({ model, ...numbers, counts: 'Turn' as const });
}

/** Agents that report the usage of each request to a model, in `_meta.usage` of a text. */
const reportsRequests: ReadonlySet<string> = new Set(['qwen-code']);

/** Returns the usage of a turn including the request that an update reports. Undefined if it reports none. */
export function withRequest(
  before: Usage | undefined,
  update: Fields,
  { agent, model }: { agent: string | undefined; model: string | undefined },
): Usage | undefined {
  const found = fields(fields(update._meta)?.usage);
  if (found === undefined || agent === undefined || !reportsRequests.has(agent)) return undefined;
  const numbers = numbersOf(found);
  if (isNothing(numbers)) return undefined;
  const sums = counters.map((name) => {
    const [one, other] = [before?.[name], numbers[name]];
    return [name, one === undefined && other === undefined ? undefined : (one ?? 0) + (other ?? 0)];
  });
  return present({ model, ...(Object.fromEntries(sums) as Numbers), counts: 'Turn' as const }); // of the counters
}

type Numbers = Pick<Usage, (typeof counters)[number]>;

const numbersOf = (found: Fields): Numbers =>
  present(Object.fromEntries(counters.map((name) => [name, number(found[name])])) as Numbers); // of the counters

const isNothing = (numbers: Numbers): boolean => Object.values(numbers).every((each) => each === 0);

/**
 * Returns the report of a used-up quota in a usage_update. ACP has no field for it. Claude's adapter reports in `_meta`
 * what the vendor answered, with the time of the reset in seconds. A limit beyond which extra usage is allowed is not
 * used up.
 */
export function quotaOf(update: Fields): QuotaReport | undefined {
  const { status, resetsAt, rateLimitType, overageStatus, isUsingOverage } =
    fields(fields(update._meta)?.['_claude/rateLimit']) ?? {};
  const goesOn =
    isUsingOverage === true || overageStatus === 'allowed' || overageStatus === 'allowed_warning';
  if (status !== 'rejected' || goesOn) return undefined;
  const seconds = number(resetsAt);
  const limit = name(rateLimitType) ?? 'of its account';
  return present({
    until: seconds === undefined ? undefined : seconds * 1_000,
    message: `The usage limit ${limit} is reached.`,
  });
}

/** Parses a usage_update: the cost since the session began, and the usage of its context. */
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
