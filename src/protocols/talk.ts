/** The words that all protocols share: what happens in a turn. Plain JSON, as it is journalled and streamed. */

export type TurnEvent =
  | { type: 'text'; text: string }
  | { type: 'thought'; text: string }
  /** A tool call began or changed; fields that are absent have not changed. */
  | {
      type: 'tool';
      id: string;
      title?: string | undefined;
      /** As ACP has it: read, edit, delete, move, search, execute, think, fetch, switch_mode, other; or agentctl, of its own tools. */
      kind?: string | undefined;
      status?: 'pending' | 'in_progress' | 'completed' | 'failed' | undefined;
      /** What it gave, as text. */
      output?: string | undefined;
    }
  | { type: 'plan'; entries: readonly { content: string; status: string }[] }
  /** A permission was asked for, or decided. */
  | {
      type: 'approval';
      id: string;
      /** In the agent's words. */
      title: string;
      /** What would run, change or be fetched, as the input has it; absent where that says no more. */
      request?: string | undefined;
      state: 'Pending' | 'Approved' | 'Denied' | 'Expired' | 'Cancelled';
    }
  /** Work of the agent that belongs to no turn of this conversation; `source` as the agent names it. */
  | { type: 'background'; source: string; conversation?: string | undefined; event: unknown; done?: boolean }
  /** What the protocol passes on as it is. */
  | { type: 'other'; event: unknown }
  /** From agentctl: an interruption, a resumption, a moved conversation. With `attempt` the turn begins anew, and so does the answer. */
  | { type: 'note'; text: string; attempt?: number | undefined };

export type TurnResult =
  /** `stopReason` as ACP has it: end_turn, max_tokens, max_turn_requests, refusal, cancelled. `answer`: absent where it is the text so far. */
  | { state: 'Completed'; stopReason?: string | undefined; answer?: string | undefined }
  | {
      state: 'Failed';
      reason: string;
      message: string;
      /** The agent may work on it still: its session takes no other turn until Host.released. */
      working?: true;
    };

/** A tool call that waits for permission. */
export interface Permission {
  /** Unique among all of the instance's, and the same when it is read again. */
  id: string;
  /** In the agent's words, which may be a model's. */
  title: string;
  /** ACP's tool kind; `other` where the agent does not say, `agentctl` for agentctl's own tools. */
  toolKind: string;
  /** The kind is not said, but seems so. */
  guessed?: true | undefined;
  toolCallId: string;
  /** What the tool would be given, for people. */
  input?: unknown;
  /** What may be answered; the agent's own order. */
  options: readonly PermissionOption[];
}

export interface PermissionOption {
  id: string;
  /** For people. */
  name: string;
  kind: 'allow_once' | 'allow_always' | 'reject_once' | 'reject_always';
}

/** The option that is taken for a decision by itself: the first that decides this call alone, else the first that decides all to come. */
export function optionFor(
  options: readonly PermissionOption[],
  decision: 'Allow' | 'Deny',
): PermissionOption | undefined {
  const [once, always] =
    decision === 'Allow' ? ['allow_once', 'allow_always'] : ['reject_once', 'reject_always'];
  return options.find(({ kind }) => kind === once) ?? options.find(({ kind }) => kind === always);
}

/** A tool call that is over, or is left when its turn ends. */
export interface ToolUse {
  toolCallId: string;
  title: string;
  kind: string;
  /** The kind is not said, but seems so. */
  guessed?: true | undefined;
  input?: unknown;
  /** Permission was asked for before it was over. */
  asked: boolean;
  /** Something was told of it before it failed. */
  announced: boolean;
  /** Enough of it was read to judge: a call that an earlier connection read may have been asked about. */
  whole: boolean;
  /** Absent: the agent has not said how it ended. */
  end?: 'completed' | 'failed' | undefined;
}

/** What an agent reports to have used. What it does not report is absent, and never 0. */
export interface Usage {
  model?: string | undefined;
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
  cachedReadTokens?: number | undefined;
  cachedWriteTokens?: number | undefined;
  thoughtTokens?: number | undefined;
  totalTokens?: number | undefined;
  cost?: { amount: number; currency: string } | undefined;
  /** Of the context window. */
  context?: { used: number; size: number } | undefined;
  /** What the numbers count: this turn alone, or everything since the session began. */
  counts: 'Turn' | 'Session';
}

export interface Peer {
  /** The agent's name; with its namespace before it where that is another one. */
  id: string;
  model?: string | undefined;
  /** The first line of its system prompt. */
  identity?: string | undefined;
  capabilities: readonly string[];
}
