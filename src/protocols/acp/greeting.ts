import { cut } from '../../api/text.ts';
import type { Facts } from '../protocol.ts';
import { type Fields, fields, name as nameOf, objects, string } from './acp-message.ts';

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

/** Login methods that are read. */
const mostMethods = 20;

export interface Greeting {
  version: unknown;
  agent: Facts['agent'];
  abilities: Abilities;
  authMethods: readonly Fields[];
}

export function readGreeting(answer: unknown): Greeting {
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

/** Returns the ids of login methods that need no person, only a key in the agent's environment. */
export const keyMethods = (methods: readonly Fields[]): string[] =>
  methods.flatMap(({ type, id }) =>
    typeof id === 'string' && (type === 'env_var' || /api-?key$/i.test(id)) ? [id] : [],
  );

/** Returns advice for a person who has to log the agent in. */
export function authAdvice(methods: readonly Fields[], why: string): string {
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
