import { cut } from '../../api/text.ts';
import type { Cancel } from '../../platform/clock.ts';
import { type ConnectOptions, type Facts, type Host, ProtocolError } from '../protocol.ts';
import { type Fields, fields, name as nameOf, objects, string } from './acp-message.ts';
import type { Requests } from './acp-requests.ts';
import { type Abilities, Sessions } from './sessions.ts';

/** Version of ACP. */
const version = 1;

const authAgain = 30_000;

interface HandshakeHost {
  ready(facts: Facts, sessions: Sessions, spare: string): void;
  unready: Host['unready'];
}

/**
 * Asks the agent what it can do, and whether it can open a session: many agents report only then that they need a
 * login. In that case it tries again until it works.
 */
export class Handshake {
  readonly #requests: Requests;
  readonly #options: ConnectOptions;
  readonly #host: HandshakeHost;
  #greeting: Greeting | undefined;
  #again: Cancel | undefined;
  #stopped = false;

  constructor(requests: Requests, options: ConnectOptions, host: HandshakeHost) {
    this.#requests = requests;
    this.#options = options;
    this.#host = host;
    void this.#try();
  }

  stop(): void {
    this.#stopped = true;
    this.#again?.();
  }

  async #try(): Promise<void> {
    try {
      const greeting = await this.#greet();
      if (greeting === undefined || this.#stopped) return;
      const sessions = new Sessions(this.#requests, this.#options, greeting);
      const { session, settled } = await this.#probe(sessions, greeting);
      if (this.#stopped) return;
      const { agent, abilities } = greeting;
      const { load, resume } = abilities;
      const facts: Facts = {
        canResume: load || resume,
        controls: { ...settled, ...sessions.controls },
        acp: { ...abilities },
      };
      this.#host.ready(agent === undefined ? facts : { agent, ...facts }, sessions, session);
    } catch (error) {
      this.#failed(error);
    }
  }

  async #greet(): Promise<Greeting | undefined> {
    if (this.#greeting !== undefined) return this.#greeting;
    const greeting = readGreeting(
      await this.#requests.starting('initialize', {
        protocolVersion: version,
        clientInfo: { name: 'agentctl', version: this.#options.version },
        clientCapabilities: {},
      }),
    );
    if (greeting.version !== version) {
      const found = cut(JSON.stringify(greeting.version) ?? 'none', 50);
      const message = `The agent speaks version ${found} of ACP, and agentctl version ${version}. Use a version of the agent that speaks it.`;
      if (!this.#stopped) this.#host.unready('Refused', message);
      return undefined;
    }
    this.#greeting = greeting;
    return greeting;
  }

  /** Opens a session. An agent with its key in the environment may first need `authenticate` to use it. */
  async #probe(sessions: Sessions, { authMethods }: Greeting): ReturnType<Sessions['make']> {
    const make = () => sessions.make(this.#options.probeDir, { starting: true });
    try {
      return await make();
    } catch (error) {
      if (!isAuth(error)) throw error;
      for (const methodId of keyMethods(authMethods)) {
        try {
          await this.#requests.starting('authenticate', { methodId });
          return await make();
        } catch (failure) {
          this.#options.log.debug(
            { err: failure, methodId },
            'the agent was not logged in by its environment',
          );
        }
      }
      throw error;
    }
  }

  #failed(error: unknown): void {
    if (this.#stopped) return;
    const message = error instanceof Error ? error.message : String(error);
    if (isAuth(error)) {
      this.#host.unready('AuthRequired', authAdvice(this.#greeting?.authMethods ?? [], message));
      this.#again = this.#options.clock.after(authAgain, () => void this.#try());
    } else if (error instanceof ProtocolError && error.code === 'Closed') {
      // Not written: the run is ending, or did not start in time. The controller notices both elsewhere.
      this.#options.log.debug({ err: error }, 'the handshake could not be made');
    } else this.#host.unready('Refused', message);
  }
}

const isAuth = (error: unknown): boolean => error instanceof ProtocolError && error.code === 'AuthRequired';

/** Login methods that are read. */
const mostMethods = 20;

export interface Greeting {
  version: unknown;
  agent: Facts['agent'];
  abilities: Abilities;
  authMethods: readonly Fields[];
}

function readGreeting(answer: unknown): Greeting {
  const { protocolVersion, agentCapabilities, agentInfo, authMethods } = fields(answer) ?? {};
  const can = fields(agentCapabilities);
  const sessions = fields(can?.sessionCapabilities);
  const info = fields(agentInfo);
  const [name, version] = [info?.name, info?.version].map((one) => nameOf(one));
  return {
    version: protocolVersion,
    agent: name === undefined ? undefined : version === undefined ? { name } : { name, version },
    abilities: {
      load: can?.loadSession === true,
      resume: fields(sessions?.resume) !== undefined,
      close: fields(sessions?.close) !== undefined,
      http: fields(can?.mcpCapabilities)?.http === true,
      systemPrompt: fields(sessions?.systemPrompt) !== undefined,
    },
    authMethods: objects(authMethods).slice(0, mostMethods),
  };
}

/** Returns the ids of login methods that need no person, only a key in the agent's environment. */
const keyMethods = (methods: readonly Fields[]): string[] =>
  methods.flatMap(({ type, id }) =>
    typeof id === 'string' && (type === 'env_var' || /api-?key$/i.test(id)) ? [id] : [],
  );

/** Returns advice for a person who has to log the agent in. */
function authAdvice(methods: readonly Fields[], why: string): string {
  const offers = methods.slice(0, 10).map(({ id, name, description }) => {
    const title = string(name) ?? string(id) ?? 'a way without a name';
    const text = string(description);
    return cut(text === undefined ? title : `${title} (${text})`, 200);
  });
  const offer = offers.length === 0 ? 'It does not say how to log in' : `It offers: ${offers.join('; ')}`;
  return (
    `${cut(why, 500)}. ${offer}. Log in once as the agent's own user, where it keeps its state (a volume, in a ` +
    'container), or give it its key by template.env. It is tried again every 30s.'
  );
}
