import { beginning, shellWord } from '../api/text.ts';

/** The types that all protocols share: what happens in a turn. Plain JSON, because it is journaled and streamed. */

export type TurnEvent =
  | { type: 'text'; text: string }
  | { type: 'thought'; text: string }
  /** A tool call began or changed. Absent fields have not changed. */
  | {
      type: 'tool';
      id: string;
      title?: string | undefined;
      /**
       * A kind of ACP: read, edit, delete, move, search, execute, think, fetch, switch_mode, other; or agentctl, for
       * its own tools.
       */
      kind?: string | undefined;
      status?: 'pending' | 'in_progress' | 'completed' | 'failed' | undefined;
      /** Its output, as text. */
      output?: string | undefined;
    }
  | { type: 'plan'; entries: readonly { content: string; status: string }[] }
  /** A permission was requested or decided. */
  | {
      type: 'approval';
      id: string;
      /** In the agent's words. */
      title: string;
      /** What would be run, changed or fetched, from the input. Absent if the input says no more than the title. */
      request?: string | undefined;
      state: 'Pending' | 'Approved' | 'Denied' | 'Expired' | 'Cancelled';
    }
  /** Work of the agent that belongs to no turn of this conversation. `source` is the agent's own name for it. */
  | { type: 'background'; source: string; conversation?: string | undefined; event: unknown; done?: boolean }
  /** An event that the protocol passes on unchanged. */
  | { type: 'other'; event: unknown }
  /**
   * From agentctl: an interruption, a resumption, a moved conversation. With `attempt`, the turn and its answer start
   * again.
   */
  | { type: 'note'; text: string; attempt?: number | undefined };

export type TurnResult =
  /**
   * `stopReason` is one of ACP: end_turn, max_tokens, max_turn_requests, refusal, cancelled. `answer` is absent if it
   * is the text so far.
   */
  | { state: 'Completed'; stopReason?: string | undefined; answer?: string | undefined }
  | {
      state: 'Failed';
      reason: string;
      message: string;
      /** The agent may still work on the turn: its session accepts no other turn until Host.released. */
      working?: true;
    };

/** A tool call that waits for permission. */
export interface Permission {
  /** Unique within the instance, and the same if the request is read again. */
  id: string;
  /** In the agent's words, which may be a model's. */
  title: string;
  /** ACP's tool kind; `other` if the agent does not state it; `agentctl` for agentctl's own tools. */
  toolKind: string;
  /** The kind is a guess, because the agent did not state it. */
  guessed?: true | undefined;
  toolCallId: string;
  /** The input of the tool, for people. */
  input?: unknown;
  /** The possible answers, in the agent's order. */
  options: readonly PermissionOption[];
}

export interface PermissionOption {
  id: string;
  /** For people. */
  name: string;
  kind: 'allow_once' | 'allow_always' | 'reject_once' | 'reject_always';
}

/**
 * Returns the default option for a decision: the first that decides only this call, or else the first that decides all
 * future calls.
 */
export function optionFor(
  options: readonly PermissionOption[],
  decision: 'Allow' | 'Deny',
): PermissionOption | undefined {
  const [once, always] =
    decision === 'Allow' ? ['allow_once', 'allow_always'] : ['reject_once', 'reject_always'];
  return options.find(({ kind }) => kind === once) ?? options.find(({ kind }) => kind === always);
}

/** A tool call that is over, or is still open when its turn ends. */
export interface ToolUse {
  toolCallId: string;
  title: string;
  kind: string;
  /** The kind is a guess, because the agent did not state it. */
  guessed?: true | undefined;
  input?: unknown;
  /** Permission was requested before the call was over. */
  asked: boolean;
  /** The call was reported before it failed. */
  announced: boolean;
  /**
   * Enough of the call was read to judge it. An earlier connection may have read the permission request of a call that
   * it began to read.
   */
  whole: boolean;
  /** Absent: the agent has not reported how it ended. */
  end?: 'completed' | 'failed' | undefined;
}

/** The kinds of tokens that a Usage counts. */
export const counters = [
  'inputTokens',
  'outputTokens',
  'cachedReadTokens',
  'cachedWriteTokens',
  'thoughtTokens',
  'totalTokens',
] as const;

/** What an agent reports to have used. Unreported numbers are absent, never 0. */
export interface Usage {
  model?: string | undefined;
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
  cachedReadTokens?: number | undefined;
  cachedWriteTokens?: number | undefined;
  thoughtTokens?: number | undefined;
  totalTokens?: number | undefined;
  cost?: { amount: number; currency: string } | undefined;
  /** Usage of the context window. */
  context?: { used: number; size: number } | undefined;
  /** What the numbers count: only this turn, or everything since the session began. */
  counts: 'Turn' | 'Session';
}

export interface Peer {
  /** The agent's name, with its namespace if that is another one. */
  id: string;
  model?: string | undefined;
  /** The first line of its system prompt. */
  identity?: string | undefined;
  capabilities: readonly string[];
}

/** Fields that come first, if an input has them: what is run, what is changed or read, what is fetched. */
const first = [
  /^(command|commands|cmd|script|code)$/i,
  /^(abs_?path|file_?path|filename|file|path|notebook_?path)$/i,
  /^(url|urls|uri|address)$/i,
];
/** Fields in which a model describes its call. */
const words = /^(description|explanation)$/i;

const most = { first: 800, more: 200 };

/**
 * Returns what a tool call would do according to its own input: the command, the path and the change, the address, and
 * all other fields. Undefined if the input says nothing.
 */
export function requestText(input: unknown): string | undefined {
  if (input === undefined || input === null) return undefined;
  if (typeof input !== 'object' || Array.isArray(input))
    return shortText(valueText(input), most.first) || undefined;
  const all = Object.entries(input).filter(([key, value]) => !words.test(key) && !isNothing(value));
  const leading = first.flatMap((pattern) => all.filter(([key]) => pattern.test(key)));
  const others = all.filter((each) => !leading.includes(each));
  const [head] = leading;
  const rest = [...leading.slice(1), ...others].map(
    ([key, value]) => `${key}: ${shortText(valueText(value), most.more)}`,
  );
  if (head === undefined) return shortText(rest.join(', '), most.first) || undefined;
  const more = rest.length === 0 ? '' : ` (${shortText(rest.join(', '), most.first)})`;
  return `${shortText(valueText(head[1]), most.first)}${more}`;
}

const isNothing = (value: unknown): boolean => value === undefined || value === null || value === '';

function valueText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((one) => typeof one === 'string'))
    return value.map(shellWord).join(' ');
  return JSON.stringify(value);
}

function shortText(text: string, length: number): string {
  const kept = beginning(text, length);
  return kept === text ? text : `${kept}... (${text.length - kept.length} more characters)`;
}
