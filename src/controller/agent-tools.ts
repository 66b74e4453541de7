import { ApiError } from '../api/errors.ts';
import { type Agent, type Instance, keyText, type Message } from '../api/objects.ts';
import { type Fleet, fleetOf } from '../client/fleet.ts';
import type { Resources } from '../client/resources.ts';
import { checkAccess } from '../conversations/peers.ts';
import type { AgentSender, Asking, Tools, ToolsOffer, ToolsTalk } from '../conversations/ports.ts';
import type { Driver } from '../drivers/driver.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Parser } from '../sources/parsing/parser.ts';
import type { Cache } from './cache.ts';
import { Calls } from './mcp-http.ts';
import { McpServers } from './mcp-server.ts';
import { makerAuthor } from './policies.ts';

interface AgentToolsDeps {
  resources: Resources;
  cache: Cache;
  talk: ToolsTalk;
  /** Parses the manifests that agents write. */
  parser: Parser;
  key: Uint8Array;
  version: string;
  clock: Clock;
  log: Log;
}

const callLimits = { atOnce: 32, rate: 20, burst: 100 };

/** The controller's tools for instances. Conversations offer them to agents, and most of them send messages. */
export class AgentTools implements Tools {
  readonly #deps: AgentToolsDeps;
  readonly #calls: Calls;
  readonly #mcp: McpServers;

  constructor(deps: AgentToolsDeps) {
    this.#deps = deps;
    this.#calls = new Calls(deps.clock, callLimits);
    this.#mcp = new McpServers({
      ...deps,
      fleet: (agent, instance) => this.fleet(agent, instance),
      whose: (uid) => this.#whose(uid),
      seen: (run) => deps.talk.seen(run),
      onChange: (handler) => {
        const changed = { added: handler, updated: handler, deleted: handler };
        deps.cache.instances.addHandler(changed);
        deps.cache.agents.addHandler(changed);
      },
      places: {
        get: (host) => {
          const { marks } = deps.talk;
          const port = marks.get(`mcp/port/${host}`);
          return port === undefined ? undefined : { port, epoch: marks.get(`mcp/epoch/${host}`) ?? 0 };
        },
        set: (host, { port, epoch }) =>
          deps.talk.marks.set([
            { name: `mcp/port/${host}`, at: port },
            { name: `mcp/epoch/${host}`, at: epoch },
          ]),
      },
    });
  }

  fleet(from: Agent, instance: Asking): Fleet {
    const { cache, parser, resources, talk } = this.#deps;
    const fleet = fleetFor(
      {
        talk,
        resources,
        parser,
        runtimeFor: (hasImage) => cache.defaultRuntime(hasImage),
        author: makerAuthor(cache, from, instance),
      },
      from,
      instance,
    );
    return limited(fleet, this.#calls, instance.uid);
  }

  offer(run: { uid: string; run: number }, agent: Agent, driver: Driver): Promise<ToolsOffer> {
    return this.#mcp.offer(run, agent, driver);
  }

  close(): Promise<void> {
    return this.#mcp.close();
  }

  #whose(uid: string): { instance: Instance; agent: Agent } | undefined {
    const { agents, instances } = this.#deps.cache;
    const [instance] = instances.byIndex('uid', uid);
    if (instance === undefined) return undefined;
    const { metadata, spec } = instance;
    const agent = agents.get(keyText({ namespace: metadata.namespace, name: spec.agentName }));
    return agent?.metadata.uid === spec.agentUID ? { instance, agent } : undefined;
  }
}

/** Returns the same Fleet, limited by `calls`. */
function limited(fleet: Fleet, calls: Calls, uid: string): Fleet {
  const run = <T>(work: () => Promise<T>): Promise<T> => calls.run(uid, work);
  return {
    list: () => run(() => fleet.list()),
    send: (request, signal) => run(() => fleet.send(request, signal)),
    follow: (id, signal) => run(() => fleet.follow(id, signal)),
    preview: (manifest) => run(() => fleet.preview(manifest)),
    apply: (manifest) => run(() => fleet.apply(manifest)),
    start: (name) => run(() => fleet.start(name)),
    stop: (name) => run(() => fleet.stop(name)),
    remove: (name) => run(() => fleet.remove(name)),
  };
}

interface Parts {
  talk: ToolsTalk;
  resources: Resources;
  parser: Parser;
  /** Returns the default Runtime of an Agent without runtimeRef. */
  runtimeFor(hasImage: boolean): string | undefined;
  /** Author of the Agents that the instance creates; see makerAuthor. */
  author: string | undefined;
}

/**
 * The Fleet of one instance: the agents of its namespace, as far as its Agent's spec.fleetAccess permits. It sees only
 * the messages and conversations that its own Agent began.
 */
function fleetFor(deps: Parts, from: Agent, instance: Asking): Fleet {
  const { talk, resources, parser, runtimeFor, author } = deps;
  const { namespace = 'default', name } = from.metadata;
  const user = `agent:${name}`;
  const sender: AgentSender = { kind: 'Agent', namespace, name, instance: instance.name, uid: instance.uid };
  const common = fleetOf({
    resources,
    streams: { stream: (key, options) => talk.stream(key, options), send: refuse },
    parser,
    message: async (key) => talk.message(key),
    namespace,
    user,
    author,
  });
  return {
    ...common,
    async list() {
      checkAccess(from, 'see others');
      return (await common.list()).filter((agent) => agent.name !== name);
    },
    async follow(id, signal) {
      checkAccess(from, 'read answers');
      talk.message({ namespace, name: id }, sender);
      return common.follow(id, signal);
    },
    async send({ to, text, conversation }, signal): Promise<Message> {
      const sent = await talk.ask(from, sender, { to, text, conversation });
      return common.follow(sent.id, signal);
    },
    apply: (manifest) =>
      managing(from, async () => {
        // The manifest may omit fields that the Agent already has, so the merged spec is checked.
        const { metadata, spec } = await common.preview(manifest);
        if (metadata.name === name)
          throw new ApiError('Forbidden', `${name} cannot change its own manifest.`);
        const runtime = spec.runtimeRef?.name ?? runtimeFor(spec.template.image !== undefined);
        if (runtime !== instance.runtime)
          throw new ApiError(
            'Forbidden',
            `${name} can only apply agents to its own Runtime ${instance.runtime}, and ${metadata.name} is for ${runtime ?? 'a Runtime that does not exist'}.`,
          );
        if (spec.policy?.notify.some(({ command }) => command !== undefined))
          throw new ApiError(
            'Forbidden',
            `${name} cannot apply an agent with a command in spec.policy.notify, because the command runs on the controller's host.`,
          );
        return common.apply(manifest);
      }),
    start: (other) => managing(from, () => common.start(other)),
    stop: (other) => managing(from, () => common.stop(other)),
    remove: (other) => managing(from, () => common.remove(other)),
  };
}

async function managing<T>(from: Agent, work: () => Promise<T>): Promise<T> {
  checkAccess(from, 'manage agents');
  if (from.spec.fleetAccess === 'Manage') return work();
  throw new ApiError(
    'Forbidden',
    `${from.metadata.name} cannot manage agents: its spec.fleetAccess is ${from.spec.fleetAccess}, not Manage.`,
  );
}

const refuse = (): never => {
  throw new ApiError('MethodNotAllowed', 'an agent can send messages only in its own name');
};
