import type { McpServer } from '@agentclientprotocol/sdk';
import {
  type ConnectOptions,
  type Control,
  type Facts,
  limits,
  mcpOffered,
  ProtocolError,
} from '../protocol.ts';
import type { Usage } from '../turn-events.ts';
import { codes, fields, id } from './acp-message.ts';
import { isRefusal, type Requests } from './acp-requests.ts';
import { notAsked, Settings, type Settled } from './acp-settings.ts';

/**
 * Claude's adapter accepts a system prompt in `_meta`, under its present and its former name, even in versions that do
 * not announce it.
 */
const takesSystemPrompt: ReadonlySet<string> = new Set([
  '@agentclientprotocol/claude-agent-acp',
  '@zed-industries/claude-agent-acp',
]);

/** What the agent can do, from its answer to initialize. Plain JSON, because Facts contains it. */
export interface Abilities {
  load: boolean;
  resume: boolean;
  close: boolean;
  /** It supports MCP servers over HTTP. */
  http: boolean;
  /** It accepts a system prompt with each session. */
  systemPrompt: boolean;
}

/** The agent's sessions, each with the settings of the spec. */
export class Sessions {
  readonly #requests: Requests;
  readonly #options: ConnectOptions;
  readonly #abilities: Abilities;
  /** The agent's own name. */
  readonly agent: string | undefined;
  /** Sessions that are being loaded, whose history may be replayed, with their cost if the agent reports it. */
  readonly #loading = new Map<string, Usage['cost']>();
  readonly settings: Settings;

  constructor(
    requests: Requests,
    options: ConnectOptions,
    { agent, abilities }: { agent: Facts['agent']; abilities: Abilities },
  ) {
    this.#requests = requests;
    this.#options = options;
    this.#abilities = abilities;
    this.agent = agent?.name;
    this.settings = new Settings(requests, options);
  }

  /** Opens a new session in a folder. `starting`: during the handshake. Rejects with ProtocolError. */
  async make(workingDir: string, { starting = false } = {}): Promise<{ session: string; settled: Settled }> {
    const setup = this.#setup(workingDir);
    const answer: unknown = starting
      ? await this.#requests.starting('session/new', setup)
      : await this.#requests.request('session/new', setup);
    const session = id(fields(answer)?.sessionId);
    if (session === undefined)
      throw new ProtocolError(
        'Failed',
        `The agent answered session/new without a session, or with one of more than ${limits.id} characters.`,
      );
    return { session, settled: await this.settings.settle(session, answer) };
  }

  /**
   * Loads a session of an earlier run, without a replay of its history if the agent supports that. Rejects with
   * ProtocolError.
   */
  async load(session: string, workingDir: string): Promise<{ settled: Settled; cost: Usage['cost'] }> {
    this.#loading.set(session, undefined);
    let answer: unknown;
    let cost: Usage['cost'];
    try {
      answer = await this.#load({ ...this.#setup(workingDir), sessionId: session });
    } catch (error) {
      throw refusal(error);
    } finally {
      cost = this.#loading.get(session);
      this.#loading.delete(session);
    }
    return { settled: await this.settings.settle(session, answer, { loaded: true }), cost };
  }

  /** Stores the newest cost that is reported while the session is loaded. */
  noteCost(session: string, cost: Usage['cost']): void {
    if (cost !== undefined && this.#loading.has(session)) this.#loading.set(session, cost);
  }

  async #load(params: Setup & { sessionId: string }): Promise<unknown> {
    const { resume, load } = this.#abilities;
    if (!resume) return this.#requests.request('session/load', params);
    try {
      return await this.#requests.request('session/resume', params);
    } catch (error) {
      if (!load || !isRefusal(error)) throw error;
      const { sessionId: session } = params;
      this.#options.log.info(
        { session, why: error.message },
        'a session is loaded that could not be resumed',
      );
      return this.#requests.request('session/load', params);
    }
  }

  isLoading(session: string): boolean {
    return this.#loading.has(session);
  }

  close(session: string): void {
    this.settings.forget(session);
    if (!this.#abilities.close) return;
    this.#requests.request('session/close', { sessionId: session }).catch((error: unknown) => {
      this.#options.log.debug({ err: error, session }, 'the agent did not close a session');
    });
  }

  /** Returns the text to put before the prompt, if the session itself did not get the system prompt. */
  preface(text: string | undefined): string | undefined {
    return this.#way === 'FirstMessage' ? text : undefined;
  }

  get controls(): { systemPrompt: Control; mcp: Control } {
    return { systemPrompt: this.#systemPromptControl(), mcp: this.#mcpControl() };
  }

  #setup(workingDir: string): Setup {
    const { systemPrompt } = this.#options;
    const server = this.#server();
    const mcpServers = server === undefined ? [] : [server];
    return {
      cwd: workingDir,
      mcpServers,
      ...(systemPrompt === undefined ? {} : this.#promptFields(systemPrompt)),
    };
  }

  #promptFields(text: string): Pick<Setup, 'systemPrompt' | '_meta'> {
    switch (this.#way) {
      case 'Session':
        return { systemPrompt: { mode: 'append', content: [{ type: 'text', text }] } };
      case 'SessionMeta':
        return { _meta: { systemPrompt: { append: text } } };
      case 'FirstMessage':
        return {};
    }
  }

  /**
   * Returns the MCP server over HTTP if the agent supports that, or else over stdio, which every agent must support.
   */
  #server(): McpServer | undefined {
    const { mcp } = this.#options;
    if (mcp === undefined) return undefined;
    const { url, token, stdio } = mcp;
    const name = 'agentctl';
    if (this.#abilities.http)
      return { type: 'http', name, url, headers: [{ name: 'Authorization', value: `Bearer ${token}` }] };
    if (stdio === undefined) return undefined;
    const env = Object.entries(stdio.env).map(([variable, value]) => ({ name: variable, value }));
    return { name, command: stdio.command, args: stdio.args, env };
  }

  /** How the agent gets its system prompt. */
  get #way(): 'Session' | 'SessionMeta' | 'FirstMessage' {
    if (this.#abilities.systemPrompt) return 'Session';
    return this.agent !== undefined && takesSystemPrompt.has(this.agent) ? 'SessionMeta' : 'FirstMessage';
  }

  #systemPromptControl(): Control {
    if (this.#options.systemPrompt === undefined) return notAsked;
    switch (this.#way) {
      case 'Session':
        return {
          status: 'True',
          reason: 'SentWithSession',
          message: "Each session is given it as ACP's systemPrompt, which is added to the agent's own.",
        };
      case 'SessionMeta':
        return {
          status: 'True',
          reason: 'SentWithSessionMeta',
          message: "Each session is given it in _meta.systemPrompt, which is added to the agent's own.",
        };
      case 'FirstMessage':
        return {
          status: 'True',
          reason: 'SentWithFirstMessage',
          message: 'It stands before the first message of each new session, until a turn has ended well.',
        };
    }
  }

  #mcpControl(): Control {
    if (this.#options.mcp === undefined) return notAsked;
    if (this.#server() === undefined)
      return {
        status: 'False',
        reason: 'NoMcpOverHttp',
        message:
          'The agent takes no MCP servers over HTTP, and none over stdio can be started where it runs.',
      };
    const how = this.#abilities.http ? 'HTTP' : 'stdio';
    return {
      status: 'Unknown',
      reason: mcpOffered,
      message: `Each session is given agentctl's MCP server, over ${how}. The agent has not connected to it yet.`,
    };
  }
}

interface Setup {
  cwd: string;
  mcpServers: McpServer[];
  /** Not in the SDK's schema yet. */
  systemPrompt?: { mode: 'append'; content: { type: 'text'; text: string }[] };
  _meta?: Record<string, unknown>;
}

/** Whether the error means that the agent does not have the session. Agents use different codes for this. */
const isGone = ({ cause, message }: ProtocolError): boolean => {
  const code = fields(cause)?.code;
  return (
    code === codes.notFound ||
    code === codes.methodNotFound ||
    code === codes.invalidParams ||
    /not found|no such|unknown session|does not exist/i.test(message)
  );
};

/** Returns the error of a failed load. A session that is gone stays gone; any other refusal may be temporary. */
function refusal(error: unknown): unknown {
  if (!isRefusal(error)) return error;
  const reason = isGone(error) ? 'LoadRefused' : 'LoadFailed';
  return new ProtocolError(reason, `The session cannot be loaded again. ${error.message}`, { cause: error });
}

/** Returns the abilities that an earlier connection found. */
export function readAbilities(facts: Facts): Abilities {
  const found = fields(facts.acp);
  const can = (name: keyof Abilities): boolean => found?.[name] === true;
  return {
    load: can('load'),
    resume: can('resume'),
    close: can('close'),
    http: can('http'),
    systemPrompt: can('systemPrompt'),
  };
}
