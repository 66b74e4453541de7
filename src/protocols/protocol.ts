import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Peer, Permission, ToolUse, TurnEvent, TurnResult, Usage } from './talk.ts';

/**
 * How an instance talks over its standard input and output. Knows nothing of journals and instances: it turns lines
 * into calls of a Host and calls into lines. The contract suite is test/contracts/protocol.ts.
 */
export interface Protocol {
  readonly name: 'acp' | 'jsonl';
  /** What a turn that was cut short in the middle becomes, where the policy does not say. */
  readonly onInterrupted: 'Resume' | 'Retry';
  /** Whether the agent asks before it uses a tool. */
  readonly asksPermission: boolean;
  /**
   * For how long after the end of a turn what belongs to it may still come, in milliseconds; 0 where each line names its
   * message. As long as something comes, its end waits.
   */
  readonly trailing: number;
  /** Begins to speak with one run. Nothing is written before this returns. */
  connect(wire: Wire, host: Host, options: ConnectOptions): Connection;
}

export interface Wire {
  /** Writes one line, given without its newline. Resolves once it is in the pipe; rejects where it never will be. */
  write(line: string): Promise<void>;
  /**
   * As `write`, for what the agent has asked for: an answer waits while the pipe is lost, and rejects only once the run
   * is over. While many wait to be read by the agent, no more of its output is received.
   */
  answer(line: string): Promise<void>;
}

export interface ConnectOptions {
  clock: Clock;
  log: Log;
  /** agentctl's version. */
  version: string;
  /** Tells this connection from earlier ones to the same run: part of the id of each request that it makes. */
  epoch: string;
  /** What an earlier connection to this run told `Host.ready`: the handshake is not made again. */
  facts?: Facts | undefined;
  /** Turns that an earlier connection to this run began and whose end has not been read. */
  turns: readonly Turn[];
  /** Those of them that were given up: see `working` in TurnResult. */
  givenUp?: readonly Turn[] | undefined;
  /** Of the instance, absolute. */
  workingDir: string;
  model?: string | undefined;
  systemPrompt?: string | undefined;
  /** What each session is set to, by the protocol's own names. */
  session?: { mode?: string | undefined; options?: Readonly<Record<string, string>> | undefined } | undefined;
  /** The controller's MCP server, for protocols that hand one to the agent. */
  mcp?: McpAccess | undefined;
}

/** Where the controller's MCP server is, and how an agent that takes none over HTTP starts one over stdio. */
export interface McpAccess {
  url: string;
  token: string;
  stdio?: { command: string; args: string[]; env: Record<string, string> } | undefined;
}

/** What the handshake found. Plain JSON: it is stored. */
export interface Facts {
  /** As the agent calls itself. */
  agent?: { name: string; version?: string | undefined } | undefined;
  /** It can go on with the session of an earlier run. */
  canResume: boolean;
  controls: {
    model: Control;
    systemPrompt: Control;
    /** The controller's MCP server. */
    mcp: Control;
    /** Absent: the protocol has no sessions that can be set. */
    mode?: Control | undefined;
    options?: Control | undefined;
  };
  /** The protocol's own. */
  [key: string]: unknown;
}

/** The reason of the control `mcp` until the agent has connected to the server. */
export const mcpOffered = 'Offered';

/** Whether the agent takes what the spec asks for. `Unknown`: nothing tells. */
export interface Control {
  status: 'True' | 'False' | 'Unknown';
  /** PascalCase. */
  reason: string;
  message: string;
}

/** One message on its way to the agent. */
export interface Turn {
  /** The message's id. */
  message: string;
  /** Tells this delivery from every other one of the message. */
  attempt: number;
  conversation: string;
  /** The protocol's session, as Connection.session answered it. */
  session: string;
  kind: 'Chat' | 'Route' | 'Scheduled' | 'Prompt';
  /** Who sends it: a user's name, or the asking agent's. */
  from: string;
  text: string;
  /** The system prompt, where it is not known to have reached the session: for protocols that tell it in words. */
  preface?: string | undefined;
}

/**
 * What a connection tells. All calls come synchronously out of `Connection.receive`, so whoever keeps the cursor of the
 * line that was received can keep with it all that followed from it; but those from the handshake, and the end of a turn
 * that `Connection.cancel` had to give up.
 */
export interface Host {
  /** Messages can be sent. */
  ready(facts: Facts): void;
  /** They cannot: AuthRequired is tried again by the connection itself, every 30 s; Refused is not. */
  unready(reason: 'AuthRequired' | 'Refused', message: string): void;
  /** `message` absent: of no turn, as work in the background. */
  event(message: string | undefined, event: TurnEvent): void;
  /**
   * Said of a turn after its end, or in a session in which no turn goes on: of which message, where that is known.
   * It is part of no other turn.
   */
  after(whose: { message?: string | undefined; session?: string | undefined }, event: TurnEvent): void;
  /** The agent says that it has the message. */
  acknowledged(message: string): void;
  /** Once a turn. */
  ended(message: string, result: TurnResult): void;
  /** The agent works no longer on a turn that had ended as `working`. */
  released(message: string): void;
  /** Answered by Connection.decide. */
  permission(message: string | undefined, permission: Permission): void;
  /** A tool call is over, or is left when its turn ends well: told behind its event, and before the end of the turn. */
  used(message: string | undefined, use: ToolUse): void;
  /** Another agent is asked; answered by Connection.routed. `to`: name, or namespace/name. */
  route(request: { requestId: string; to: string; text: string; message: string | undefined }): void;
  /** Answered by Connection.managed. */
  manage(request: { requestId: string; action: string; params: Record<string, unknown> }): void;
  usage(message: string | undefined, usage: Usage): void;
  /** The vendor's quota is used up. */
  quota(report: { until?: number | undefined; message: string }): void;
  /** A line that means nothing. It has no effect. */
  garbage(line: string, why: string): void;
}

export interface Connection {
  /** One line of the agent's output. Never throws. */
  receive(line: string): void;

  /**
   * Gives a conversation a session of this run: `session` itself where it is of this run already (`live`), else that one
   * loaded again, else a new one. `cost`: of all of a loaded session, where the agent told it. Rejects with ProtocolError.
   */
  session(conversation: {
    id: string;
    session?: string | undefined;
    live: boolean;
  }): Promise<{ session: string; how: 'Live' | 'Loaded' | 'New'; cost?: Usage['cost'] }>;

  /** Resolves once it is in the pipe; how it ends is told to Host.ended. */
  prompt(turn: Turn): Promise<void>;

  /** Asks the agent to break off a turn; it still ends by Host.ended. */
  cancel(message: string): void;

  /**
   * Answers a permission request, once; one that is not known is passed over. `option`: in place of the one that is taken
   * by itself. Resolves once it is in the pipe; rejects where it never will be.
   */
  decide(permission: string, decision: 'Allow' | 'Deny' | 'Cancelled', option?: string): Promise<void>;

  routed(requestId: string, answer: { response: string } | { error: string }): Promise<void>;
  managed(requestId: string, answer: { response: unknown } | { error: string }): Promise<void>;

  /** Rejects with ProtocolError Unsupported where the protocol has no queries, Timeout, or Closed. */
  query(action: string, params: unknown, options: { timeout: number }): Promise<unknown>;

  /** Passed over where the protocol has no such message. */
  peers(peers: readonly Peer[]): void;

  /** Asks the agent to end; passed over where the protocol has no such message. */
  shutdown(): void;

  /** The conversation is over. */
  closeSession(session: string): void;

  /** The run has ended, or the connection is given up: what waits for an answer is rejected with `reason`. No Host call follows. */
  close(reason: string): void;
}

/**
 * - AuthRequired: the agent wants to be logged in.
 * - LoadRefused: it says that it can load sessions, and has not got this one.
 * - LoadFailed: it did not load this one, for a reason that may pass.
 * - Unsupported, Timeout, Closed (the run ended), Failed (the agent answered with an error).
 */
export class ProtocolError extends Error {
  readonly reason:
    | 'AuthRequired'
    | 'LoadRefused'
    | 'LoadFailed'
    | 'Unsupported'
    | 'Timeout'
    | 'Closed'
    | 'Failed';

  constructor(reason: ProtocolError['reason'], message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'ProtocolError';
    this.reason = reason;
  }
}
