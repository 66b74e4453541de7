import type { AgentSpec, PolicySpec } from '../../api/objects.ts';
import { parseDuration } from '../../api/time.ts';
import { protocols } from '../../protocols/index.ts';
import type { Protocol } from '../../protocols/protocol.ts';
import type { ToolUse } from '../../protocols/talk.ts';

/** What holds for the messages of one Agent. Lengths in milliseconds. */
export interface Rules {
  maxAttempts: number;
  timeout: number;
  inactivityTimeout: number;
  queueDepth: number;
  onInterrupted: 'Resume' | 'Retry' | 'Fail';
  perInstance: number;
  /** 0: never. */
  idleTTL: number;
  onContextFull: 'Keep' | 'New';
}

/** Undefined for `none`. */
export const protocolOf = ({ protocol }: Pick<AgentSpec, 'protocol'>): Protocol | undefined =>
  protocol === 'none' ? undefined : protocols[protocol];

export function rulesOf(spec: AgentSpec, { messages }: PolicySpec): Rules {
  const { conversations } = spec;
  return {
    maxAttempts: messages.maxAttempts,
    timeout: parseDuration(messages.timeout),
    inactivityTimeout: parseDuration(messages.inactivityTimeout),
    queueDepth: messages.queueDepth,
    onInterrupted: messages.onInterrupted ?? protocolOf(spec)?.onInterrupted ?? 'Retry',
    perInstance: conversations.perInstance,
    idleTTL: parseDuration(conversations.idleTTL),
    onContextFull: conversations.onContextFull,
  };
}

export type Action = 'Allow' | 'Deny' | 'Ask';

const strictness = { Allow: 0, Ask: 1, Deny: 2 } as const;

/**
 * What becomes of a tool call; without permissions in the spec people decide. Of a kind that the agent does not say itself
 * the stricter holds: that of what it seems to be, or of `other`. On agentctl's own tools fleetAccess has decided.
 */
export function actionFor(
  { permissions }: Pick<AgentSpec, 'permissions'>,
  { kind, guessed }: { kind: string; guessed?: true | undefined },
): Action {
  if (kind === 'agentctl') return 'Allow';
  const of = (toolKind: string): Action =>
    permissions?.rules?.find((rule) => rule.toolKind === toolKind)?.action ?? permissions?.default ?? 'Ask';
  const [one, other] = [of(kind), of(guessed === true ? 'other' : kind)];
  return strictness[one] >= strictness[other] ? one : other;
}

export const approvalTimeout = ({ permissions }: AgentSpec): number =>
  parseDuration(permissions?.timeout ?? '10m');

/** A change of a file that failed has changed nothing: many agents look at the file first, and only then ask. */
const doneOrNot: ReadonlySet<string> = new Set(['read', 'edit', 'delete', 'move', 'search', 'think']);

/**
 * Whether a tool was used that should have been asked about, and was not. `Unclear`: it may have failed before it would
 * have been asked about, as for a wrong input.
 */
export function usedWithoutAsking(
  { kind, asked, announced, whole, end }: Pick<ToolUse, 'kind' | 'asked' | 'announced' | 'whole' | 'end'>,
  action: Action,
): 'Yes' | 'No' | 'Unclear' {
  if (asked || !whole || action === 'Allow') return 'No';
  return end === 'failed' && (doneOrNot.has(kind) || !announced) ? 'Unclear' : 'Yes';
}
