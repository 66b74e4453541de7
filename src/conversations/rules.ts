import type { AgentSpec, PolicySpec } from '../api/objects.ts';
import { protocolCapabilitiesOf } from '../api/protocols.ts';
import { parseDuration } from '../api/time.ts';
import type { Protocol } from '../protocols/protocol.ts';
import { protocols } from '../protocols/protocol-index.ts';
import type { ToolUse } from '../protocols/turn-events.ts';

/** The rules for the messages of one Agent. Durations in milliseconds. */
export interface Rules {
  maxAttempts: number;
  timeout: number;
  inactivityTimeout: number;
  queueDepth: number;
  onInterrupted: 'Resume' | 'Retry' | 'Fail';
  perInstance: number;
  /** 0 means never. */
  idleTTL: number;
  onContextFull: 'Keep' | 'New';
}

/** Returns undefined for `none`. */
export const protocolOf = ({ protocol }: Pick<AgentSpec, 'protocol'>): Protocol | undefined =>
  protocol === 'none' ? undefined : protocols[protocol];

export function rulesOf(spec: AgentSpec, { messages }: PolicySpec): Rules {
  const { conversations } = spec;
  return {
    maxAttempts: messages.maxAttempts,
    timeout: parseDuration(messages.timeout),
    inactivityTimeout: parseDuration(messages.inactivityTimeout),
    queueDepth: messages.queueDepth,
    onInterrupted: messages.onInterrupted ?? protocolCapabilitiesOf(spec)?.onInterrupted ?? 'Retry',
    perInstance: conversations.perInstance,
    idleTTL: parseDuration(conversations.idleTTL),
    onContextFull: conversations.onContextFull,
  };
}

export type Action = 'Allow' | 'Deny' | 'Ask';

const strictness = { Allow: 0, Ask: 1, Deny: 2 } as const;

/**
 * Returns what happens to a tool call. Without permissions in the spec, people decide. If the agent did not state the
 * kind itself, the stricter rule applies: that of the guessed kind or that of `other`. agentctl's own tools are allowed
 * here, because fleetAccess has already decided.
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

/** A failed call of these kinds has changed nothing. Many agents first look at the file, and ask only then. */
const doneOrNot: ReadonlySet<string> = new Set(['read', 'edit', 'delete', 'move', 'search', 'think']);

/**
 * Returns whether a tool was used without the required permission. `Unclear`: the call may have failed before the agent
 * would have asked, for example because of invalid input.
 */
export function usedWithoutAsking(
  { kind, asked, announced, whole, end }: Pick<ToolUse, 'kind' | 'asked' | 'announced' | 'whole' | 'end'>,
  action: Action,
): 'Yes' | 'No' | 'Unclear' {
  if (asked || !whole || action === 'Allow') return 'No';
  return end === 'failed' && (doneOrNot.has(kind) || !announced) ? 'Unclear' : 'Yes';
}
