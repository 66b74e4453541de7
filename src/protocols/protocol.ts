import { AgentctlError, type Retry } from '../api/errors.ts';
import type { ProtocolCapabilities } from '../api/protocols.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Peer, Permission, ToolUse, TurnEvent, TurnResult, Usage } from './turn-events.ts';

/**
 * How an instance talks over its standard input and output. It knows no journals and no instances: it turns lines into
 * calls of a Host, and calls into lines. The contract suite is test/contracts/protocol.ts.
 */
export interface Protocol {
  readonly name: string;
  readonly capabilities: ProtocolCapabilities;
  /** Returns a new transcript of one run. Present if the capability `transcript` is true. */
  readonly transcript?: () => Transcript;
  /** Starts to talk to one run. Writes nothing before it returns. */
  connect(wire: Wire, host: Host, options: ConnectOptions): Connection;
}

/** Turns the lines of an agent's output, in order, into lines for people. A line that is no message stays unchanged. */
export interface Transcript {
  (line: string): string[];
  /** Returns the incomplete last line. */
  flush(): string[];
}

export interface Wire {
  /** Writes one line, given without its newline. Resolves when it is in the pipe. Rejects if it never will be. */
  write(line: string): Promise<void>;
  /**
   * Like `write`, for answers to the agent: an answer waits while the pipe is lost, and rejects only when the run is
   * over. While the agent leaves too many unread, no more of its output is received.
   */
  answer(line: string): Promise<void>;
}

export interface ConnectOptions {
  clock: Clock;
  log: Log;
  /** The version of agentctl. */
  version: string;
  /** Distinguishes this connection from earlier ones to the same run. Part of the id of each of its requests. */
  epoch: string;
  /** The Facts that an earlier connection to this run passed to `Host.ready`. With them, the handshake is skipped. */
  facts?: Facts | undefined;
  /** Turns that an earlier connection to this run began, and whose end was not read. */
  turns: readonly Turn[];
  /** Those of them that were given up; see `working` in TurnResult. */
  givenUp?: readonly Turn[] | undefined;
  /** The working folder of the session that a handshake opens as a test. */
  probeDir: string;
  model?: string | undefined;
  systemPrompt?: string | undefined;
  /** Settings of each session, with the protocol's own names. */
  session?: { mode?: string | undefined; options?: Readonly<Record<string, string>> | undefined } | undefined;
  /** The controller's MCP server, for protocols that pass it to the agent. */
  mcp?: McpAccess | undefined;
}

/** Where the controller's MCP server is, and how an agent without HTTP support starts one over stdio. */
export interface McpAccess {
  url: string;
  token: string;
  stdio?: { command: string; args: string[]; env: Record<string, string> } | undefined;
}

/** What the handshake found. Plain JSON, because it is stored. */
export interface Facts {
  /** The agent's own name. */
  agent?: { name: string; version?: string | undefined } | undefined;
  /** It can continue the session of an earlier run. */
  canResume: boolean;
  controls: {
    model: Control;
    systemPrompt: Control;
    /** The controller's MCP server. */
    mcp: Control;
    /** Absent: the protocol's sessions have no settings. */
    mode?: Control | undefined;
    options?: Control | undefined;
  };
  /** Fields of the protocol itself. */
  [key: string]: unknown;
}

/** The reason of the control `mcp` until the agent has connected to the server. */
export const mcpOffered = 'Offered';

/** Whether the agent applies what the spec asks for. `Unknown`: there is no evidence. */
export interface Control {
  status: 'True' | 'False' | 'Unknown';
  /** PascalCase. */
  reason: string;
  message: string;
}

/** One delivery of a message to the agent. */
export interface Turn {
  /** Id of the message. */
  message: string;
  /** Distinguishes this delivery from all others of the message. */
  attempt: number;
  conversation: string;
  /** The protocol's session that Connection.session returned. */
  session: string;
  kind: 'Chat' | 'Route' | 'Scheduled' | 'Prompt';
  /** The sender: the name of a user or of the asking agent. */
  from: string;
  text: string;
  /** The system prompt, if the session may not have it. For protocols that send it as text. */
  preface?: string | undefined;
}

/**
 * What a connection reports. All calls are made synchronously within `Connection.receive`, so that the effects of a
 * line can be stored together with its cursor. Exceptions: calls from the handshake, and the end of a turn that
 * `Connection.cancel` had to give up.
 */
export interface Host {
  /** Messages can be sent. */
  ready(facts: Facts): void;
  /** Messages cannot be sent. After AuthRequired the connection tries again every 30 s, after Refused it does not. */
  unready(reason: 'AuthRequired' | 'Refused', message: string): void;
  /** `message` is absent for events of no turn, for example background work. */
  event(message: string | undefined, event: TurnEvent): void;
  /**
   * An event after the end of its turn, or in a session without a turn; with the message if it is known. It is part of
   * no other turn.
   */
  after(whose: { message?: string | undefined; session?: string | undefined }, event: TurnEvent): void;
  /** The agent confirms that it has the message. */
  acknowledged(message: string): void;
  /** Called once for each turn. */
  ended(message: string, result: TurnResult): void;
  /** The agent no longer works on a turn that ended as `working`. */
  released(message: string): void;
  /** Answered by Connection.decide. */
  permission(message: string | undefined, permission: Permission): void;
  /**
   * A tool call is over, or is still open when its turn ends well. Called after its event, and before the end of the
   * turn.
   */
  used(message: string | undefined, use: ToolUse): void;
  /** The agent asks another agent. Answered by Connection.routed. `to`: name, or namespace/name. */
  route(request: { requestId: string; to: string; text: string; message: string | undefined }): void;
  /** Answered by Connection.managed. */
  manage(request: { requestId: string; action: string; params: Record<string, unknown> }): void;
  usage(message: string | undefined, usage: Usage): void;
  /** The vendor's quota is used up. */
  quota(report: QuotaReport): void;
  /** A meaningless line. It has no effect. */
  garbage(line: string, why: string): void;
}

/** `until`: when quota is available again, in milliseconds since 1970. It is stated by the agent, never guessed. */
export interface QuotaReport {
  until?: number | undefined;
  message: string;
}

export interface Connection {
  /** Handles one line of the agent's output. Never throws. */
  receive(line: string): void;

  /**
   * Returns a session of this run for a conversation: `session` itself if it belongs to this run (`live`), or else the
   * loaded `session`, or else a new one. `workingDir`: absolute path in the instance. `cost`: of the whole loaded
   * session, if the agent reported it. Rejects with ProtocolError.
   */
  session(conversation: {
    id: string;
    session?: string | undefined;
    live: boolean;
    workingDir: string;
  }): Promise<{ session: string; how: 'Live' | 'Loaded' | 'New'; cost?: Usage['cost'] }>;

  /** Resolves when the prompt is in the pipe. Host.ended reports its end. */
  prompt(turn: Turn): Promise<void>;

  /** Asks the agent to cancel a turn. Host.ended still reports its end. */
  cancel(message: string): void;

  /**
   * Answers a permission request, once. An unknown one is ignored. `option` replaces the default option. Resolves when
   * the answer is in the pipe. Rejects if it never will be.
   */
  decide(permission: string, decision: 'Allow' | 'Deny' | 'Cancelled', option?: string): Promise<void>;

  routed(requestId: string, answer: { response: string } | { error: string }): Promise<void>;
  managed(requestId: string, answer: { response: unknown } | { error: string }): Promise<void>;

  /** Rejects with ProtocolError: Unsupported if the protocol has no queries, Timeout or Closed. */
  query(action: string, params: unknown, options: { timeout: number }): Promise<unknown>;

  /** Does nothing if the protocol has no such message. */
  peers(peers: readonly Peer[]): void;

  /** Asks the agent to end. Does nothing if the protocol has no such message. */
  shutdown(): void;

  /** The conversation is closed. */
  closeSession(session: string): void;

  /**
   * The run has ended, or the connection is given up. Rejects all pending requests with `reason`. Calls no Host method
   * afterwards.
   */
  close(reason: string): void;
}

type ProtocolReason =
  | 'AuthRequired'
  | 'LoadRefused'
  | 'LoadFailed'
  | 'Unsupported'
  | 'Timeout'
  | 'Closed'
  | 'Failed';

/** What may succeed later. A session that is not loaded is asked for only a few times. */
const retries: Partial<Record<ProtocolReason, Retry>> = {
  Closed: 'Backoff',
  LoadFailed: { from: 2_000, upTo: 4_000 },
};

/**
 * - AuthRequired: the agent needs a login.
 * - LoadRefused: the agent can load sessions, but does not have this one.
 * - LoadFailed: the agent did not load this one, for a reason that may be temporary.
 * - Unsupported, Timeout, Closed (the run ended), Failed (the agent answered with an error).
 */
export class ProtocolError extends AgentctlError<ProtocolReason> {
  constructor(reason: ProtocolReason, message: string, options: { cause?: unknown } = {}) {
    super(reason, message, { ...options, retry: retries[reason] ?? 'Never' });
    this.name = 'ProtocolError';
  }
}

/**
 * Limits on what an agent sends. Texts in characters; numbers of `entries` of a plan, `tools` of a turn and their
 * `inputs`, `decided` permissions, `options` of a request.
 */
export const limits = {
  /** A longer id is refused: cut, it would be a different id. */
  id: 512,
  name: 200,
  currency: 16,
  title: 1_000,
  error: 2_000,
  toolInput: 64 * 1024,
  toolOutput: 64 * 1024,
  entries: 100,
  tools: 1_000,
  inputs: 200,
  options: 20,
  decided: 10_000,
  sessions: 1_000,
} as const;
