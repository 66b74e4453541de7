import type { McpServer } from '@agentclientprotocol/sdk';
import { cut, limits } from '../limits.ts';
import { type ConnectOptions, type Control, mcpOffered, ProtocolError } from '../protocol.ts';
import type { Abilities, Greeting } from './greeting.ts';
import { findModel, modelOption, notOffered } from './model.ts';
import { fields, id } from './read.ts';
import { isRefusal, type Requests } from './requests.ts';

/** Claude's adapter takes a system prompt with session/new, under its present and its former name. */
const takesSystemPrompt: ReadonlySet<string> = new Set([
  '@agentclientprotocol/claude-agent-acp',
  '@zed-industries/claude-agent-acp',
]);

/** The agent's sessions, with what the spec asks for in each. */
export class Sessions {
  readonly #requests: Requests;
  readonly #options: ConnectOptions;
  readonly #abilities: Abilities;
  readonly #agent: string | undefined;
  /** New ones whose first prompt brings the system prompt. */
  readonly #untold = new Set<string>();
  /** Those whose history may be replayed now. */
  readonly #loading = new Set<string>();
  /** Which model each uses, where the agent says; it may name sessions that there are not. */
  readonly #models = new Map<string, string>();

  constructor(
    requests: Requests,
    options: ConnectOptions,
    { agent, abilities }: Pick<Greeting, 'agent' | 'abilities'>,
  ) {
    this.#requests = requests;
    this.#options = options;
    this.#abilities = abilities;
    this.#agent = agent?.name;
  }

  /** Rejects with ProtocolError. */
  async make(): Promise<{ session: string; model: Control }> {
    const answer: unknown = await this.#requests.request('session/new', this.#setup());
    const session = id(fields(answer)?.sessionId);
    if (session === undefined)
      throw new ProtocolError(
        'Failed',
        `The agent answered session/new without a session, or with one of more than ${limits.id} characters.`,
      );
    if (this.#options.systemPrompt !== undefined && !this.#systemPromptBySetup) this.#untold.add(session);
    return { session, model: await this.#choose(session, answer) };
  }

  /** Loads one of an earlier run, with no replay of its history where that can be. Rejects with ProtocolError. */
  async load(session: string): Promise<Control> {
    const { resume } = this.#abilities;
    const params = { ...this.#setup(), sessionId: session };
    let answer: unknown;
    this.#loading.add(session);
    try {
      answer = resume
        ? await this.#requests.request('session/resume', params)
        : await this.#requests.request('session/load', params);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      throw new ProtocolError('LoadRefused', `The session cannot be loaded again. ${error.message}`, {
        cause: error,
      });
    } finally {
      this.#loading.delete(session);
    }
    return this.#choose(session, answer);
  }

  isLoading(session: string): boolean {
    return this.#loading.has(session);
  }

  close(session: string): void {
    this.#untold.delete(session);
    this.#models.delete(session);
    if (!this.#abilities.close) return;
    this.#requests.request('session/close', { sessionId: session }).catch((error: unknown) => {
      this.#options.log.debug({ err: error, session }, 'the agent did not close a session');
    });
  }

  /** What stands before the first prompt of a session; it is given once. */
  preface(session: string): string | undefined {
    return this.#untold.delete(session) ? this.#options.systemPrompt : undefined;
  }

  /** The preface has not reached the agent. */
  again(session: string): void {
    this.#untold.add(session);
  }

  model(session: string): string | undefined {
    return this.#models.get(session);
  }

  noteModel(session: string, configOptions: unknown): void {
    const current = modelOption(configOptions)?.current;
    if (current !== undefined) this.#models.set(session, cut(current, limits.name));
    const [oldest] = this.#models.keys();
    if (this.#models.size > limits.sessions && oldest !== undefined) this.#models.delete(oldest);
  }

  get controls(): { systemPrompt: Control; mcp: Control } {
    return { systemPrompt: this.#systemPromptControl(), mcp: this.#mcpControl() };
  }

  #setup(): { cwd: string; mcpServers: McpServer[]; _meta?: Record<string, unknown> } {
    const { workingDir, systemPrompt } = this.#options;
    const server = this.#server();
    const mcpServers = server === undefined ? [] : [server];
    const append = this.#systemPromptBySetup ? systemPrompt : undefined;
    return {
      cwd: workingDir,
      mcpServers,
      ...(append === undefined ? {} : { _meta: { systemPrompt: { append } } }),
    };
  }

  /** Over HTTP where the agent takes that; else over stdio, which every agent must take. */
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

  async #choose(session: string, answer: unknown): Promise<Control> {
    const { model, log } = this.#options;
    const configOptions = fields(answer)?.configOptions;
    this.noteModel(session, configOptions);
    if (model === undefined) return notAsked;
    const option = modelOption(configOptions);
    const value = option === undefined ? undefined : findModel(option, model);
    if (option === undefined || value === undefined) return notOffered(model, option);
    const { configId, current } = option;
    if (current !== value) {
      try {
        await this.#requests.request('session/set_config_option', {
          sessionId: session,
          configId,
          value,
        });
      } catch (error) {
        if (!isRefusal(error)) throw error;
        log.warn({ session, model, error: error.message }, 'the agent did not take the model');
        return { status: 'False', reason: 'Refused', message: error.message };
      }
      this.#models.set(session, value);
    }
    return {
      status: 'True',
      reason: 'ConfigOption',
      message: `The agent was told to use ${value}, and took it.`,
    };
  }

  get #systemPromptBySetup(): boolean {
    return this.#agent !== undefined && takesSystemPrompt.has(this.#agent);
  }

  #systemPromptControl(): Control {
    if (this.#options.systemPrompt === undefined) return notAsked;
    return this.#systemPromptBySetup
      ? { status: 'True', reason: 'SentWithSession', message: 'Each new session is made with it.' }
      : {
          status: 'True',
          reason: 'SentWithFirstMessage',
          message: 'It stands before the first message of each new session.',
        };
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

const notAsked: Control = { status: 'Unknown', reason: 'NotAsked', message: 'The spec does not ask for it.' };
